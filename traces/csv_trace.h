// Our own format for histories: CSV with a header, one run a row. docs/traces.md has the columns.
#pragma once

#include <memory>

#include "traces/history_reader.h"

namespace jobward::traces {

// Reads the header. A missing one, a column that is there twice, none of what is required, and
// (without skip_bad) an unknown column are errors.
Result<std::unique_ptr<HistoryReader>> read_csv_trace(TextSource source,
                                                      const HistoryOptions& options);

}  // namespace jobward::traces
