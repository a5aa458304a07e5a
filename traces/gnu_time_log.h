// Reports of GNU time (`/usr/bin/time -v`), with anything between them. docs/traces.md says what is
// taken from them.
#pragma once

#include <memory>

#include "traces/history_reader.h"

namespace jobward::traces {

// A history without any report is an error at its end.
Result<std::unique_ptr<HistoryReader>> read_gnu_time_log(TextSource source,
                                                         const HistoryOptions& options);

}  // namespace jobward::traces
