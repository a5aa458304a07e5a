// The watchdog's journal as text (docs/watchdog.md): one JSON object a line. No files here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/result.h"

namespace jobward::profiles {

enum class WatchdogSeverity { info, warn, hard_fail };
std::string_view to_string(WatchdogSeverity severity);  // "INFO", "WARN", "HARD_FAIL"
std::optional<WatchdogSeverity> watchdog_severity(std::string_view word);

struct WatchdogEvent {
  std::string instance;  // with `seq` unique
  std::int64_t seq = 0;
  UnixMillis time = 0;
  WatchdogSeverity severity = WatchdogSeverity::info;
  std::string event;                   // "kill", "outcome", …
  std::string run;                     // the run that was ended; empty: none, or a dry run
  std::optional<std::int64_t> action;  // of an outcome: the `seq` of its kill
  std::string line;                    // the JSON text as it was written
};

struct BrokenLine {
  std::int64_t number = 0;  // in its file, from 1
  std::string problem;
  std::string text;  // the beginning of it
};

struct JournalPart {
  std::vector<WatchdogEvent> events;
  std::vector<BrokenLine> broken;
  std::size_t consumed = 0;  // bytes, to behind the last line feed
  std::int64_t lines = 0;    // in them
};

// No longer line is read.
inline constexpr std::size_t kLongestJournalLine = 256U << 10;

// Fields that are not known are kept in `line`; an unknown severity or schema version is an error.
Result<WatchdogEvent> parse_watchdog_line(std::string_view line);

// Reads to the last line feed: what follows is not written yet, or never will be. A broken line is
// reported, and the rest is used, also a whole object behind the cut: a watchdog that was killed in
// the middle of a line is followed by another. `lines_before`: those of the file before this text.
JournalPart read_journal_part(std::string_view text, std::int64_t lines_before);

}  // namespace jobward::profiles
