// What a check has found, as data: from verification, the launcher, the watchdog and the guards.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jobward {

// hard_fail halts: non-zero exit, nothing downstream starts. warn is logged and goes on. info is
// only recorded. There is no other word, and none that reads as a lower one.
enum class Severity : std::uint8_t { info, warn, hard_fail };
inline constexpr std::array<std::string_view, 3> kSeverityNames{"INFO", "WARN", "HARD_FAIL"};
constexpr std::string_view to_string(Severity severity) {
  return kSeverityNames[static_cast<std::size_t>(severity)];
}
// Exactly one of the three words; absent: it is none.
constexpr std::optional<Severity> parse_severity(std::string_view text) {
  for (std::size_t i = 0; i < kSeverityNames.size(); ++i)
    if (kSeverityNames[i] == text) return static_cast<Severity>(i);
  return std::nullopt;
}

struct Finding {
  std::string source;  // "verify", "launcher", "watchdog", "guard", "stamp"
  std::string check;   // the check's id; of the guards the rule's name
  std::string primitive;
  Severity declared = Severity::hard_fail;
  Severity effective = Severity::hard_fail;  // what it counts as
  bool passed = false;
  std::string message;  // one sentence
  std::string details;  // a JSON object with all that was observed; empty: nothing more
};

// Does it stop what comes next?
inline bool halts(const Finding& finding) {
  return !finding.passed && finding.effective == Severity::hard_fail;
}

}  // namespace jobward
