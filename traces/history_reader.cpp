#include "traces/history_reader.h"

#include "traces/csv_trace.h"
#include "traces/gnu_time_log.h"
#include "traces/nextflow_trace.h"
#include "traces/sacct_log.h"

namespace jobward::traces {

Result<std::unique_ptr<HistoryReader>> open_history(HistoryFormat format, const std::string& path,
                                                    const HistoryOptions& options) {
  auto source = TextSource::open(path);
  if (!source) return tl::unexpected(std::move(source).error());
  return read_history(format, *std::move(source), options);
}

Result<std::unique_ptr<HistoryReader>> read_history(HistoryFormat format, TextSource source,
                                                    const HistoryOptions& options) {
  switch (format) {
    case HistoryFormat::csv:
      return read_csv_trace(std::move(source), options);
    case HistoryFormat::nextflow:
      return read_nextflow_trace(std::move(source), options);
    case HistoryFormat::sacct:
      return read_sacct_log(std::move(source), options);
    case HistoryFormat::gnu_time:
      return read_gnu_time_log(std::move(source), options);
  }
  return error("read", source.name(), "unknown format");
}

}  // namespace jobward::traces
