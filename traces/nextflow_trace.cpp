#include "traces/nextflow_trace.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/text.h"
#include "traces/entry_reader.h"
#include "traces/observed.h"
#include "traces/table.h"

namespace jobward::traces {
namespace {

using profiles::PastRun;

constexpr const char* kBytesExpected = "a size such as 1.2 GB, or bytes";
constexpr const char* kTimeExpected = "a duration such as 3m 12s, or milliseconds";
constexpr const char* kDateExpected =
    "a time such as 2024-01-02 03:04:05.678, or milliseconds since 1970";

// "2d 3h", "3m 12s", "1.5s", "250ms"; a bare number is milliseconds.
std::optional<double> nextflow_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  static constexpr std::array kUnits{Unit{"ms", 0.001}, Unit{"s", 1}, Unit{"m", 60},
                                     Unit{"h", 3600}, Unit{"d", 86400}};
  if (const auto millis = plain_number(text)) {
    if (*millis < 0 || *millis > kMostSeconds * 1000) return std::nullopt;
    return *millis / 1000;
  }
  double total = 0;
  for (auto rest = trim(text); !rest.empty(); rest = trim(rest)) {
    const auto digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    const auto value = plain_number(rest.substr(0, digits));
    rest.remove_prefix(digits);
    const auto letters = std::min(rest.find_first_of(" 0123456789"), rest.size());
    const auto name = rest.substr(0, letters);
    const auto* unit = std::find_if(kUnits.begin(), kUnits.end(),
                                    [&](const Unit& known) { return known.name == name; });
    if (!value || unit == kUnits.end()) return std::nullopt;
    total += *value * unit->seconds;
    rest.remove_prefix(letters);
  }
  if (total > kMostSeconds) return std::nullopt;
  return total;
}

std::optional<double> nextflow_percent(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  const auto value = plain_number(text);
  if (!value || *value < 0 || *value > 1e8) return std::nullopt;  // a million processors
  return *value;
}

std::optional<UnixMillis> nextflow_time(std::string_view text) {
  if (const auto raw = plain_millis(text)) return raw;
  return civil_time(text);
}

// "PROCESS (tag)": names of processes have no blanks.
std::string_view without_tag(std::string_view name) {
  return name.ends_with(')') ? name.substr(0, name.find(" (")) : name;
}

struct Columns {
  Column task, hash, native, name, process, status, exit, submit, start, complete, realtime, cpu,
      rss, read, write, memory;

  Columns() = default;
  explicit Columns(const Header& header)
      : task(header.find("task_id")),
        hash(header.find("hash")),
        native(header.find("native_id")),
        name(header.find("name")),
        process(header.find("process")),
        status(header.find("status")),
        exit(header.find("exit")),
        submit(header.find("submit")),
        start(header.find("start")),
        complete(header.find("complete")),
        realtime(header.find("realtime")),
        cpu(header.find("%cpu")),
        rss(header.find("peak_rss")),
        read(header.find("read_bytes")),
        write(header.find("write_bytes")),
        memory(header.find("memory")) {}
};

class NextflowTrace final : public EntryReader {
 public:
  NextflowTrace(TextSource source, const HistoryOptions& options)
      : EntryReader(std::move(source), options) {}
  Status begin();

 protected:
  Result<Entry> read_entry() override;

 private:
  Entry read_row(std::size_t line);
  [[nodiscard]] std::string id_of(const Row& row) const;
  void read_measured(Row& row, Ending ending, PastRun& run) const;

  std::vector<std::string_view> fields_;
  std::string header_line_;
  Header header_;
  Columns columns_;
  SeenIds ids_;
};

Status NextflowTrace::begin() {
  const auto line = next_filled_line();
  if (!line) return tl::unexpected(line.error());
  if (!*line) return unreadable(1, "no header: there is nothing but blank lines");
  header_line_ = (*line)->text;
  split_fields(header_line_, '\t', fields_);
  header_ = Header(fields_);
  columns_ = Columns(header_);
  const auto number = (*line)->number;
  if (!columns_.name && !columns_.process)
    return unreadable(number,
                      "no column process and none name; expected the header of a Nextflow trace, "
                      "with tabs between the columns");
  if (!columns_.status) return unreadable(number, "no column status: how did the tasks end?");
  if (!columns_.rss && !columns_.realtime)
    return unreadable(number, "no column peak_rss and none realtime; nothing is measured");
  if (const auto twice = header_.repeated())
    return unreadable(number, "column " + shown(*twice) + " is there twice");
  return {};
}

Result<Entry> NextflowTrace::read_entry() {
  while (true) {
    const auto line = next_filled_line();
    if (!line) return tl::unexpected(line.error());
    if (!*line) return EndOfHistory{};
    if ((*line)->text == header_line_) continue;  // traces that were put one after another
    split_fields((*line)->text, '\t', fields_);
    if (auto problem = wrong_width(header_, fields_); !problem.empty())
      return Broken{std::move(problem), (*line)->number};
    return read_row((*line)->number);
  }
}

// The hash names a task's directory; it is short, so that the time is needed as well.
std::string NextflowTrace::id_of(const Row& row) const {
  const auto hash = row.text(columns_.hash);
  auto when = row.text(columns_.submit);
  if (when.empty()) when = row.text(columns_.start);
  std::string id(hash);
  if (hash.empty() && !when.empty()) {
    id = row.text(columns_.task);
    id += '/';
    id += row.text(columns_.native);
  }
  if (!id.empty() && !when.empty()) id.append("@").append(when);
  return printable(id);
}

Entry NextflowTrace::read_row(std::size_t line) {
  Row row(header_, fields_, "-");
  const auto status = row.text(columns_.status);
  if (status == "CACHED") return LeftOut{"CACHED: taken from an earlier run", line};
  if (status == "ABORTED") return LeftOut{"ABORTED: ended from outside", line};
  if (status != "COMPLETED" && status != "FAILED")
    row.reject(columns_.status, "COMPLETED, FAILED, CACHED or ABORTED");
  PastRun run;
  run.source = to_string(HistoryFormat::nextflow);
  run.line = line;
  auto job = row.text(columns_.process);
  if (job.empty()) job = without_tag(row.text(columns_.name));
  if (job.empty()) row.reject(columns_.process ? columns_.process : columns_.name, "a name");
  run.job = printable(job);
  run.fingerprint = profiles::kind_fingerprint(job);
  run.id = id_of(row);
  read_measured(row, status == "COMPLETED" ? Ending::complete : Ending::early, run);
  if (!row.problem().empty()) return Broken{row.problem(), line};
  if (!ids_.add(run.id)) return LeftOut{"told twice in this file", line};
  if (run.observation.used.empty()) remark("nothing is measured of it", line);
  doubt_times(run);
  return run;
}

void NextflowTrace::read_measured(Row& row, Ending ending, PastRun& run) const {
  auto& observation = run.observation;
  run.submitted = row.get(columns_.submit, nextflow_time, kDateExpected);
  run.started = row.get(columns_.start, nextflow_time, kDateExpected);
  run.finished = row.get(columns_.complete, nextflow_time, kDateExpected);
  run.requested_bytes = unless_zero(row.get(columns_.memory, binary_bytes, kBytesExpected));
  auto memory = unless_zero(row.get(columns_.rss, binary_bytes, kBytesExpected));
  // SIGKILL is mostly the OOM killer at the limit, which is the request; but it may be another's,
  // so that this is "at least" and not "more than".
  const bool killed = ending == Ending::early && row.text(columns_.exit) == "137";
  if (killed && run.requested_bytes) memory = std::max(memory.value_or(0), *run.requested_bytes);
  const auto seconds = row.get(columns_.realtime, nextflow_duration, kTimeExpected);
  const auto percent = row.get(columns_.cpu, nextflow_percent, "a share such as 98.2%");
  observe(observation, Resource::memory, memory, ending);
  observe(observation, Resource::wall, seconds, ending);
  if (seconds && percent)
    observe(observation, Resource::cpu_time, *seconds * *percent / 100, ending);
  observe(observation, Resource::io_read, row.get(columns_.read, binary_bytes, kBytesExpected),
          ending);
  observe(observation, Resource::io_write, row.get(columns_.write, binary_bytes, kBytesExpected),
          ending);
}

}  // namespace

Result<std::unique_ptr<HistoryReader>> read_nextflow_trace(TextSource source,
                                                           const HistoryOptions& options) {
  auto reader = std::make_unique<NextflowTrace>(std::move(source), options);
  JOBWARD_RETURN_IF_ERROR(reader->begin());
  return reader;
}

}  // namespace jobward::traces
