// jobward import FORMAT FILE: learns from runs that others have recorded.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <utility>

#include "cli/commands.h"
#include "cli/lesson_report.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/identity.h"
#include "launcher/understand.h"
#include "profiles/run_codec.h"
#include "traces/history_reader.h"

namespace jobward::cli {
namespace {

struct ImportOptions {
  std::string format;
  std::string file;
  std::string cwd = ".";
  bool dry_run = false;
  bool skip_bad = false;
  bool json = false;
};

void declare(CLI::App& app, ImportOptions& options) {
  set_usage(app, "jobward import csv|nextflow|sacct|gnu-time FILE [OPTIONS]");
  app.add_option("FORMAT", options.format, "csv, nextflow, sacct or gnu-time")
      ->required()
      ->check(CLI::IsMember({"csv", "nextflow", "sacct", "gnu-time"}).description(""))
      ->type_name("csv|nextflow|sacct|gnu-time");
  app.add_option("FILE", options.file, "Plain or gzip; - for standard input")->required();
  app.add_flag("--dry-run", options.dry_run, "Tell the same, and learn nothing");
  app.add_flag("--skip-bad", options.skip_bad, "Leave out what cannot be read, and say so");
  app.add_flag("--json", options.json, "One JSON object instead of text");
  app.add_option("--cwd", options.cwd,
                 "Where the commands count as run, if the history tells commands (here)")
      ->type_name("DIR");
  app.footer(
      "Nothing is learned twice: the same file may be imported again when it has grown.\n"
      "Exit status: 0; 1 nothing in it could be used; 2 usage, or the file cannot be read.");
}

// Of files as they are today: they say nothing about a run of long ago.
class NoFiles final : public profiles::FileProbe {
 public:
  [[nodiscard]] std::optional<profiles::FileFacts> look(const std::string&) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> head(const std::string&) const override {
    return std::nullopt;
  }
};

std::string digest_of(const profiles::PastRun& run) {
  std::string text = run.source;
  const auto add = [&](const std::string& part) { (text += '\0') += part; };
  if (!run.id.empty()) {
    add("id");
    add(run.id);
    return sha256_hex(text);
  }
  add("run");
  add(run.job);
  for (const auto& time : {run.submitted, run.started, run.finished})
    add(time ? std::to_string(*time) : "");
  add(profiles::encode_observation(run.observation));
  return sha256_hex(text);
}

profiles::Lesson lesson_of(profiles::PastRun run, const std::string& cwd) {
  const profiles::RealFileProbe files;
  profiles::Lesson out;
  out.digest = digest_of(run);
  out.source = std::move(run.source);
  out.job = std::move(run.job);
  out.fingerprint = std::move(run.fingerprint);
  out.observation = std::move(run.observation);
  out.finished = run.finished;
  if (run.command.empty()) return out;
  auto known = launcher::understand({std::move(run.command), cwd}, "", files, NoFiles());
  out.fingerprint = std::move(known.fingerprint);
  out.observation.features.merge(known.features);
  return out;
}

// All that is there, staged.
Status read_all(traces::HistoryReader& history, const std::string& cwd,
                profiles::LessonStore& store, LessonReport& report) {
  using Same = profiles::LessonStore::Same;
  while (true) {
    auto run = history.next();
    if (!run) return tl::unexpected(std::move(run).error());
    if (!*run) break;
    const auto same = (*run)->id.empty() ? Same::another : Same::run;
    const bool by_name = (*run)->command.empty();
    JOBWARD_RETURN_IF_ERROR(report.stage(store, lesson_of(std::move(**run), cwd), same, by_name));
  }
  auto summary = history.summary();
  report.read = summary.rows;
  report.skipped = summary.skipped;
  report.complaints = std::move(summary.complaints);
  report.remarks = std::move(summary.remarks);
  return {};
}

Result<LessonReport> import(const ImportOptions& options, const std::string& cwd,
                            profiles::LessonStore& store) {
  LessonReport report;
  report.source = options.format;
  report.file = options.file;
  report.dry_run = options.dry_run;
  auto history = traces::open_history(*traces::history_format_from(options.format), options.file,
                                      {options.skip_bad});
  if (!history) return tl::unexpected(std::move(history).error());
  if (auto read = read_all(**history, cwd, store, report); !read)
    return rethrow(std::move(read).error(), "nothing was learned");
  if (auto learned = learn_staged(store, report); !learned)
    return tl::unexpected(std::move(learned).error());
  return report;
}

Result<std::string> directory_of(const std::string& name) {
  std::error_code failure;
  const auto path = std::filesystem::absolute(name, failure).lexically_normal();
  if (failure || !std::filesystem::is_directory(path, failure))
    return error("use", "--cwd " + name, "it is no directory");
  std::string out = path.string();
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

}  // namespace

int import_command(const Arguments& arguments) {
  ImportOptions options;
  CLI::App app("Learns from runs that others have recorded; docs/import.md tells how.", "import");
  declare(app, options);
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  if (arguments.command)
    return usage_error("import", "no command is expected here", exit_code::kUsage);
  const auto cwd = directory_of(options.cwd);
  if (!cwd) return usage_error("import", cwd.error().message(), exit_code::kUsage);
  const SystemClock clock;
  auto store = open_lessons(clock);
  if (!store) return failure("import", store.error().message(), exit_code::kUsage);
  const auto report = import(options, *cwd, **store);
  if (!report) return failure("import", report.error().message(), exit_code::kUsage);
  return tell(*report, options.json);
}

}  // namespace jobward::cli
