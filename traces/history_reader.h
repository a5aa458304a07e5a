// Runs that others have recorded, whatever the format. See docs/traces.md.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "profiles/past_run.h"
#include "traces/text_source.h"

namespace jobward::traces {

enum class HistoryFormat { csv, nextflow, sacct, gnu_time };
inline constexpr std::array<std::string_view, 4> kHistoryFormatNames{"csv", "nextflow", "sacct",
                                                                     "gnu-time"};
constexpr std::string_view to_string(HistoryFormat format) {
  return kHistoryFormatNames[static_cast<std::size_t>(format)];
}
constexpr std::optional<HistoryFormat> history_format_from(std::string_view name) {
  for (std::size_t i = 0; i < kHistoryFormatNames.size(); ++i)
    if (kHistoryFormatNames[i] == name) return static_cast<HistoryFormat>(i);
  return std::nullopt;
}

struct HistoryOptions {
  // A broken entry is counted and described, and the rest is used; else it is an error. Damage of
  // the file itself (a read error, gzip, a line without an end) is an error either way.
  bool skip_bad = false;
};

// What was read so far. An entry is a row; of sacct a job with its steps; of GNU time a report.
// All texts are printable.
struct HistorySummary {
  std::size_t rows = 0;                 // entries: used + skipped
  std::size_t used = 0;                 // given as a PastRun
  std::size_t skipped = 0;              // broken, or no finished run
  std::size_t broken = 0;               // of `skipped`, those that could not be read
  std::vector<std::string> complaints;  // of broken ones the first 20: "FILE:LINE: what is wrong"
  std::vector<std::string> remarks;     // what was left out, why, how often and where first
};

// Gives the runs of one history in its order, one at a time. One thread.
class HistoryReader {
 public:
  virtual ~HistoryReader() = default;

  // The next run; absent at the end. Every value in it is finite and >= 0 (a `feature:` may be
  // negative), memory and requested_bytes are > 0, `job`, `id` and `source` are printable; what the
  // history does not tell is absent. The fingerprint is profiles::kind_fingerprint(); a caller that
  // has a use for it can make a closer one from `command`.
  // An error names file, line, and column, what stands there, and what would be right; every later
  // call gives the same error.
  virtual Result<std::optional<profiles::PastRun>> next() = 0;

  [[nodiscard]] virtual HistorySummary summary() const = 0;
};

// `path` "-" is standard input; plain or gzip. An error if it cannot be read, or if its header
// (which GNU time has none of) is not one of this format.
Result<std::unique_ptr<HistoryReader>> open_history(HistoryFormat format, const std::string& path,
                                                    const HistoryOptions& options);
Result<std::unique_ptr<HistoryReader>> read_history(HistoryFormat format, TextSource source,
                                                    const HistoryOptions& options);

}  // namespace jobward::traces
