// What the watchdog leaves on a managed job before it ends it. Data only; no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/clock.h"

namespace jobward {

enum class KillLevel { term, kill };  // the first signal: SIGTERM and a grace, or SIGKILL at once
constexpr std::string_view to_string(KillLevel level) {
  return level == KillLevel::term ? "term" : "kill";
}

// Amounts in bytes; one that is not known is absent.
struct KillMark {
  UnixMillis time_ms = 0;
  KillLevel level = KillLevel::term;
  std::optional<std::uint64_t> available;  // memory that was left
  std::optional<std::uint64_t> threshold;  // at or below which the watchdog acts
  std::optional<std::uint64_t> size;       // of the job
  // It did not take SIGTERM, and memory came back within the grace: it was left alone.
  bool spared = false;
  bool operator==(const KillMark&) const = default;
};

}  // namespace jobward
