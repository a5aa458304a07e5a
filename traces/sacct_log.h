// What Slurm's accounting tells: `sacct --parsable2` (or -p) with a header. docs/traces.md says
// what is taken from it.
#pragma once

#include <memory>

#include "traces/history_reader.h"

namespace jobward::traces {

// Columns by name, in any case, separated by '|'. Required: JobID, JobName, State, and one of
// MaxRSS, ElapsedRaw and Elapsed. A job is an entry, with the lines of its steps behind it. Times
// have no zone; they are taken as UTC.
Result<std::unique_ptr<HistoryReader>> read_sacct_log(TextSource source,
                                                      const HistoryOptions& options);

}  // namespace jobward::traces
