// The trace file of Nextflow (nextflow run -with-trace). docs/traces.md says what is taken from it.
#pragma once

#include <memory>

#include "traces/history_reader.h"

namespace jobward::traces {

// Columns by name, separated by tabs, for people or raw. Required: status, process or name, and
// peak_rss or realtime. Times for people have no zone; they are taken as UTC.
Result<std::unique_ptr<HistoryReader>> read_nextflow_trace(TextSource source,
                                                           const HistoryOptions& options);

}  // namespace jobward::traces
