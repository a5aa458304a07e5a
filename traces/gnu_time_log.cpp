#include "traces/gnu_time_log.h"

#include <array>
#include <utility>

#include "common/identity.h"
#include "common/text.h"
#include "traces/entry_reader.h"
#include "traces/fields.h"
#include "traces/observed.h"

namespace jobward::traces {
namespace {

using profiles::PastRun;

constexpr std::string_view kCommand = "Command being timed: \"";
constexpr std::string_view kSignal = "Command terminated by signal ";
constexpr std::string_view kStatus = "Exit status: ";
constexpr std::string_view kUser = "User time (seconds): ";
constexpr std::size_t kLongestReport = 1U << 20U;  // a command line of megabytes is none
constexpr std::size_t kIdDigits = 32;

std::optional<double> kilobytes(std::string_view text) {
  const auto value = plain_number(text);
  if (!value || *value < 0 || *value * 1024 > kMostBytes) return std::nullopt;
  return *value * 1024;
}

// ru_inblock and ru_oublock count blocks of 512 bytes (getrusage(2), Linux).
std::optional<double> blocks(std::string_view text) {
  const auto value = plain_number(text);
  if (!value || *value < 0 || *value * 512 > kMostBytes) return std::nullopt;
  return *value * 512;
}

// A report that is being read.
struct Report {
  std::size_t line = 0;
  std::string text;  // all its lines: what it is known by
  std::string command;
  bool in_command = true;  // it may have line ends in it
  bool failed = false;
  std::optional<double> memory, wall, user, system, read, written;
  std::string problem;
};

struct Figure {
  std::string_view label;
  std::optional<double> Report::*value;
  std::optional<double> (*parse)(std::string_view);
  const char* expected;
};
constexpr std::array kFigures{
    Figure{kUser, &Report::user, plain_seconds, "seconds"},
    Figure{"System time (seconds): ", &Report::system, plain_seconds, "seconds"},
    Figure{"Elapsed (wall clock) time (h:mm:ss or m:ss): ", &Report::wall, clock_seconds,
           "a time as h:mm:ss or m:ss"},
    Figure{"Maximum resident set size (kbytes): ", &Report::memory, kilobytes, "kilobytes"},
    Figure{"File system inputs: ", &Report::read, blocks, "a number of blocks"},
    Figure{"File system outputs: ", &Report::written, blocks, "a number of blocks"}};

class GnuTimeLog final : public EntryReader {
 public:
  GnuTimeLog(TextSource source, const HistoryOptions& options)
      : EntryReader(std::move(source), options) {}

 protected:
  Result<Entry> read_entry() override;

 private:
  std::optional<Entry> take_line(const TextSource::Line& line);
  void begin_report(const TextSource::Line& line, std::size_t at);
  std::optional<Entry> take_part(std::string_view text);
  Entry cut_off();
  Entry close();

  bool any_ = false;
  bool killed_ = false;  // by a signal, the line before said
  std::optional<Report> open_;
  SeenIds ids_;
};

Result<Entry> GnuTimeLog::read_entry() {
  while (true) {
    const auto line = source().next();
    if (!line) return tl::unexpected(line.error());
    if (*line) {
      if (auto entry = take_line(**line)) return *std::move(entry);
    } else if (open_) {
      return cut_off();
    } else if (!any_) {
      return error("read", source().name(),
                   "it holds no report of GNU time; expected the output of /usr/bin/time -v");
    } else {
      return EndOfHistory{};
    }
  }
}

std::optional<Entry> GnuTimeLog::take_line(const TextSource::Line& line) {
  // The program's own last line may not have been ended, so that the report begins within one.
  const auto at = line.text.find(kCommand);
  if (at != std::string_view::npos && (at == 0 || line.text[at - 1] == '\t')) {
    std::optional<Entry> before;
    if (open_) before = cut_off();
    begin_report(line, at);
    return before;
  }
  if (open_) return take_part(line.text);
  const auto signal = line.text.find(kSignal);
  killed_ = signal != std::string_view::npos &&
            plain_number(line.text.substr(signal + kSignal.size())).has_value();
  return std::nullopt;
}

void GnuTimeLog::begin_report(const TextSource::Line& line, std::size_t at) {
  any_ = true;
  open_.emplace();
  open_->line = line.number;
  open_->command = line.text.substr(at + kCommand.size());
  open_->text = line.text.substr(at);
  open_->failed = std::exchange(killed_, false);
}

// Others may write between its lines: what is no figure is passed over.
std::optional<Entry> GnuTimeLog::take_part(std::string_view text) {
  auto& report = *open_;
  report.text.append("\n").append(text);
  if (report.text.size() > kLongestReport) return cut_off();
  const auto part = text.starts_with('\t') ? text.substr(1) : text;
  if (report.in_command && !part.starts_with(kUser)) {
    report.command.append("\n").append(text);
    return std::nullopt;
  }
  report.in_command = false;
  for (const auto& figure : kFigures) {
    if (!part.starts_with(figure.label)) continue;
    const auto value = trim(part.substr(figure.label.size()));
    report.*figure.value = figure.parse(value);
    if (!(report.*figure.value) && report.problem.empty())
      report.problem = std::string(figure.label) + shown(value) + "; expected " + figure.expected;
  }
  if (!part.starts_with(kStatus)) return std::nullopt;
  const auto status = plain_number(trim(part.substr(kStatus.size())));
  if (!status && report.problem.empty())
    report.problem =
        std::string(kStatus) + shown(part.substr(kStatus.size())) + "; expected a number";
  if (status.value_or(0) != 0) report.failed = true;
  return close();
}

Entry GnuTimeLog::cut_off() {
  const auto line = open_->line;
  open_.reset();
  return Broken{"the report that begins here has no end; expected a line \"Exit status: …\"", line};
}

Entry GnuTimeLog::close() {
  const Report report = *std::move(open_);
  open_.reset();
  if (!report.problem.empty()) return Broken{report.problem, report.line};
  if (!report.command.ends_with('"'))
    return Broken{"the command " + shown(report.command) + " has no closing quote", report.line};
  if (report.command.find('\0') != std::string::npos)
    return Broken{"the command has a zero byte in it", report.line};
  PastRun run;
  run.command = split_blanks(std::string_view(report.command).substr(0, report.command.size() - 1));
  if (run.command.empty()) return Broken{"the command is empty", report.line};
  const auto& program = run.command.front();
  const auto name = program.substr(program.find_last_of('/') + 1);
  if (name.empty()) return Broken{"the command " + shown(program) + " is no program", report.line};
  run.source = to_string(HistoryFormat::gnu_time);
  run.line = report.line;
  run.job = printable(name);
  run.fingerprint = profiles::kind_fingerprint(name);
  run.id = sha256_hex(report.text).substr(0, kIdDigits);
  if (!ids_.add(run.id)) return LeftOut{"told twice in this file", report.line};
  const auto ending = report.failed ? Ending::early : Ending::complete;
  auto& observation = run.observation;
  observe(observation, Resource::memory, unless_zero(report.memory), ending);
  observe(observation, Resource::wall, report.wall, ending);
  if (report.user && report.system)
    observe(observation, Resource::cpu_time, *report.user + *report.system, ending);
  observe(observation, Resource::io_read, report.read, ending);
  observe(observation, Resource::io_write, report.written, ending);
  if (observation.used.empty()) remark("nothing is measured of it", report.line);
  return run;
}

}  // namespace

Result<std::unique_ptr<HistoryReader>> read_gnu_time_log(TextSource source,
                                                         const HistoryOptions& options) {
  return std::make_unique<GnuTimeLog>(std::move(source), options);
}

}  // namespace jobward::traces
