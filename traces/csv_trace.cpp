#include "traces/csv_trace.h"

#include <algorithm>
#include <utility>

#include "common/text.h"
#include "profiles/features.h"
#include "traces/csv_line.h"
#include "traces/entry_reader.h"
#include "traces/observed.h"
#include "traces/table.h"

namespace jobward::traces {
namespace {

using profiles::PastRun;

constexpr const char* kBytesExpected = "bytes: a number from 0 to 2^60 (1 EiB), without a unit";
constexpr const char* kSecondsExpected = "seconds: a number from 0 to 3155760000 (100 years)";
constexpr const char* kMillisExpected = "milliseconds since 1970, up to the year 3000";
constexpr std::string_view kFeature = "feature:";
constexpr std::size_t kMostFeatures = 64;  // as of a command: profiles/features.h

const std::vector<std::string>& known_columns() {
  static const std::vector<std::string> names{"job",
                                              "role",
                                              "submitted_ms",
                                              "started_ms",
                                              "finished_ms",
                                              "input_bytes",
                                              "memory_bytes",
                                              "wall_seconds",
                                              "requested_bytes",
                                              "read_bytes",
                                              "written_bytes",
                                              "cpu_seconds",
                                              "disk_growth_bytes",
                                              "outcome",
                                              "program",
                                              "command",
                                              "id"};
  return names;
}

bool is_known(const std::string& name) {
  const auto& known = known_columns();
  return std::find(known.begin(), known.end(), name) != known.end();
}

// What makes the rest unreadable, in words; empty: nothing.
std::string header_problem(const Header& header) {
  const auto& names = header.names();
  if (std::none_of(names.begin(), names.end(), is_known)) {
    const bool other = names.size() == 1 && names[0].find_first_of(";\t") != std::string::npos;
    return "no header; expected the names of columns, such as job,memory_bytes,wall_seconds" +
           std::string(other ? ", with commas between them" : "");
  }
  if (const auto twice = header.repeated()) return "column " + shown(*twice) + " is there twice";
  if (!header.find("job")) return "no column job";
  if (!header.find("memory_bytes") && !header.find("wall_seconds"))
    return "no column memory_bytes and none wall_seconds; expected at least one of them";
  return {};
}

std::string unknown_column(const std::string& name) {
  if (name.starts_with(kFeature))
    return "column " + shown(name) +
           ": the name of a feature is made of letters, digits, '_', '.' and '-'";
  std::string text = "unknown column " + shown(name);
  const auto nearest = name.size() < 64 ? nearest_word(name, known_columns()) : std::nullopt;
  return text + (nearest ? "; did you mean " + *nearest + "?" : "");
}

struct Columns {
  Column job, role, submitted, started, finished, input, memory, wall, requested, read, written,
      cpu, disk_growth, outcome, program, command, id;
  std::vector<std::pair<std::string, Column>> features;  // "feature:NAME"

  Columns() = default;
  explicit Columns(const Header& header)
      : job(header.find("job")),
        role(header.find("role")),
        submitted(header.find("submitted_ms")),
        started(header.find("started_ms")),
        finished(header.find("finished_ms")),
        input(header.find("input_bytes")),
        memory(header.find("memory_bytes")),
        wall(header.find("wall_seconds")),
        requested(header.find("requested_bytes")),
        read(header.find("read_bytes")),
        written(header.find("written_bytes")),
        cpu(header.find("cpu_seconds")),
        disk_growth(header.find("disk_growth_bytes")),
        outcome(header.find("outcome")),
        program(header.find("program")),
        command(header.find("command")),
        id(header.find("id")) {}
};

class CsvTrace final : public EntryReader {
 public:
  CsvTrace(TextSource source, const HistoryOptions& options)
      : EntryReader(std::move(source), options) {}
  Status begin();

 protected:
  Result<Entry> read_entry() override;

 private:
  Status take_columns(std::size_t line);
  Entry read_row(std::size_t line);
  void read_identity(Row& row, PastRun& run) const;
  void read_measured(Row& row, Ending ending, PastRun& run) const;
  void read_features(Row& row, PastRun& run) const;

  CsvLine csv_;
  Header header_;
  Columns columns_;
  SeenIds ids_;
};

Status CsvTrace::begin() {
  const auto line = next_filled_line();
  if (!line) return tl::unexpected(line.error());
  if (!*line) return unreadable(1, "no header: there is nothing but blank lines");
  const auto number = (*line)->number;
  if (const auto problem = csv_.split((*line)->text); !problem.empty())
    return unreadable(number, problem);
  header_ = Header(csv_.fields());
  if (const auto problem = header_problem(header_); !problem.empty())
    return unreadable(number, problem);
  columns_ = Columns(header_);
  return take_columns(number);
}

// The features, and what is not known.
Status CsvTrace::take_columns(std::size_t line) {
  std::size_t ignored = 0;
  for (std::size_t i = 0; i < header_.names().size(); ++i) {
    const auto& name = header_.names()[i];
    if (is_known(name)) continue;
    if (name.starts_with(kFeature) && profiles::is_feature_name(name.substr(kFeature.size())))
      columns_.features.emplace_back(name, i);
    else if (!options().skip_bad)
      return unreadable(line, unknown_column(name));
    else if (++ignored <= 20)
      remark(unknown_column(name) + "; it is ignored", line);
  }
  if (ignored > 20) remark("more than 20 unknown columns; they are ignored", line);
  if (columns_.features.size() > kMostFeatures)
    return unreadable(line, "more than 64 columns feature:…");
  return {};
}

Result<Entry> CsvTrace::read_entry() {
  const auto line = next_filled_line();
  if (!line) return tl::unexpected(line.error());
  if (!*line) return EndOfHistory{};
  const auto number = (*line)->number;
  if (auto problem = csv_.split((*line)->text); !problem.empty())
    return Broken{std::move(problem), number};
  if (auto problem = wrong_width(header_, csv_.fields()); !problem.empty())
    return Broken{std::move(problem), number};
  return read_row(number);
}

Entry CsvTrace::read_row(std::size_t line) {
  Row row(header_, csv_.fields());
  PastRun run;
  run.source = to_string(HistoryFormat::csv);
  run.line = line;
  const auto outcome_text = row.text(columns_.outcome);
  const auto outcome = outcome_text.empty() ? Outcome::ok : outcome_from(outcome_text);
  if (!outcome)
    row.reject(columns_.outcome, "an outcome such as ok, failed, memory_limit or wall_limit");
  const auto ending = ending_of(outcome.value_or(Outcome::ok));
  read_identity(row, run);
  read_measured(row, ending.value_or(Ending::early), run);
  read_features(row, run);
  if (!row.problem().empty()) return Broken{row.problem(), line};
  const auto id = row.text(columns_.id);
  if (!ids_.add(id)) return Broken{"column id: " + shown(id) + " is there twice", line};
  if (!ending) return LeftOut{"it never started (" + std::string(outcome_text) + ")", line};
  if (run.observation.used.empty()) remark("nothing is measured of it", line);
  doubt_times(run);
  return run;
}

void CsvTrace::read_identity(Row& row, PastRun& run) const {
  const auto job = row.text(columns_.job);
  if (job.empty()) row.reject(columns_.job, "a name");
  const auto role = row.text(columns_.role);
  if (role != "history" && role != "test" && !role.empty())
    row.reject(columns_.role, "history or test");
  run.history = role == "history";
  run.job = printable(job);
  run.id = printable(row.text(columns_.id));
  if (auto words = split_words(row.text(columns_.command)))
    run.command = *std::move(words);
  else
    row.reject(columns_.command, "a command line whose quotes are closed");
  run.fingerprint = profiles::kind_fingerprint(job, row.text(columns_.program));
}

void CsvTrace::read_measured(Row& row, Ending ending, PastRun& run) const {
  run.submitted = row.get(columns_.submitted, plain_millis, kMillisExpected);
  run.started = row.get(columns_.started, plain_millis, kMillisExpected);
  run.finished = row.get(columns_.finished, plain_millis, kMillisExpected);
  run.requested_bytes = unless_zero(row.get(columns_.requested, plain_bytes, kBytesExpected));
  const auto memory = unless_zero(row.get(columns_.memory, plain_bytes, kBytesExpected));
  observe(run.observation, Resource::memory, memory, ending);
  const auto take_bytes = [&](Resource resource, Column column) {
    observe(run.observation, resource, row.get(column, plain_bytes, kBytesExpected), ending);
  };
  const auto take_seconds = [&](Resource resource, Column column) {
    observe(run.observation, resource, row.get(column, plain_seconds, kSecondsExpected), ending);
  };
  take_seconds(Resource::wall, columns_.wall);
  take_seconds(Resource::cpu_time, columns_.cpu);
  take_bytes(Resource::io_read, columns_.read);
  take_bytes(Resource::io_write, columns_.written);
  take_bytes(Resource::disk_growth, columns_.disk_growth);
}

void CsvTrace::read_features(Row& row, PastRun& run) const {
  auto& features = run.observation.features;
  if (const auto input = row.get(columns_.input, plain_bytes, kBytesExpected))
    features.emplace("size:input", *input);
  for (const auto& [name, column] : columns_.features)
    if (const auto value = row.get(column, plain_number, "a finite decimal number"))
      features.emplace(name, *value);
}

}  // namespace

Result<std::unique_ptr<HistoryReader>> read_csv_trace(TextSource source,
                                                      const HistoryOptions& options) {
  auto reader = std::make_unique<CsvTrace>(std::move(source), options);
  JOBWARD_RETURN_IF_ERROR(reader->begin());
  return reader;
}

}  // namespace jobward::traces
