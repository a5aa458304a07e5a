// jobward profiles export|import: what was learned, from one machine to another.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

#include "cli/commands.h"
#include "cli/lesson_report.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "profiles/lesson_file.h"
#include "profiles/lesson_rows.h"
#include "traces/text_source.h"

namespace jobward::cli {
namespace {

constexpr const char* kKeysRemark =
    "a command counts as the same where its project has the same path; where that differs, only "
    "programs that are no scripts are found again, and what is asked for by --kind";

struct ProfileOptions {
  std::string file = "-";
  bool dry_run = false;
  bool json = false;
};

int export_profiles(const ProfileOptions& options) {
  const SystemClock clock;
  auto store = open_lessons(clock);
  if (!store) return failure("profiles", store.error().message(), exit_code::kUsage);
  std::string text = profiles::lesson_header(clock.wall_ms());
  std::size_t lessons = 0;
  const auto told =
      (*store)->each_newest(profiles::kKeptLessons, [&](const profiles::Lesson& lesson) -> Status {
        if (lesson.observation.used.empty()) return {};  // it says nothing
        text += profiles::lesson_line(lesson);
        ++lessons;
        return {};
      });
  if (!told) return failure("profiles", told.error().message(), exit_code::kUsage);
  if (options.file == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  if (auto written = write_file_atomic(options.file, text); !written)
    return failure("profiles", written.error().message(), exit_code::kUsage);
  std::printf("%zu lessons written to %s\n", lessons, options.file.c_str());
  return 0;
}

Error at_line(const traces::TextSource& source, std::size_t number, Error inner) {
  return std::move(inner).with_context(source.name() + ":" + std::to_string(number));
}

Status read_lessons(traces::TextSource& source, profiles::LessonStore& store,
                    LessonReport& report) {
  bool begun = false;
  while (true) {
    auto line = source.next();
    if (!line) return tl::unexpected(std::move(line).error());
    if (!*line) break;
    const auto& [text, number] = **line;
    if (!begun) {
      if (auto header = profiles::check_lesson_header(text); !header)
        return tl::unexpected(at_line(source, number, std::move(header).error()));
      begun = true;
      continue;
    }
    auto lesson = profiles::parse_lesson_line(text);
    if (!lesson) return tl::unexpected(at_line(source, number, std::move(lesson).error()));
    ++report.read;
    const bool by_name = lesson->fingerprint.exact.empty();
    JOBWARD_RETURN_IF_ERROR(
        report.stage(store, std::move(*lesson), profiles::LessonStore::Same::run, by_name));
  }
  if (!begun) return error("use", source.name(), "it is empty");
  return {};
}

Result<LessonReport> import(const ProfileOptions& options, profiles::LessonStore& store) {
  LessonReport report;
  report.source = "profiles";
  report.file = options.file;
  report.dry_run = options.dry_run;
  report.remarks.emplace_back(kKeysRemark);
  auto source = traces::TextSource::open(options.file);
  if (!source) return tl::unexpected(std::move(source).error());
  if (auto read = read_lessons(*source, store, report); !read)
    return rethrow(std::move(read).error(), "nothing was learned");
  if (auto learned = learn_staged(store, report); !learned)
    return tl::unexpected(std::move(learned).error());
  return report;
}

int import_profiles(const ProfileOptions& options) {
  const SystemClock clock;
  auto store = open_lessons(clock);
  if (!store) return failure("profiles", store.error().message(), exit_code::kUsage);
  const auto report = import(options, **store);
  if (!report) return failure("profiles", report.error().message(), exit_code::kUsage);
  return tell(*report, options.json);
}

}  // namespace

int profiles_command(const Arguments& arguments) {
  ProfileOptions options;
  CLI::App app("Takes what was learned from one machine to another.", "profiles");
  set_usage(app, "jobward profiles export [FILE|-] | import FILE [--dry-run] [--json]");
  app.require_subcommand(1);
  auto* out = app.add_subcommand("export", "Write what runs used: no commands, paths or users");
  out->add_option("FILE", options.file, "Where to (standard output)");
  auto* in = app.add_subcommand("import", "Learn from what another machine has exported");
  in->add_option("FILE", options.file, "Plain or gzip; - for standard input")->required();
  in->add_flag("--dry-run", options.dry_run, "Tell the same, and learn nothing");
  in->add_flag("--json", options.json, "One JSON object instead of text");
  app.footer(
      "Nothing is learned twice. Exit status: 0; 1 nothing in it could be used; 2 usage, or the "
      "file cannot be read.");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  if (arguments.command)
    return usage_error("profiles", "no command is expected here", exit_code::kUsage);
  return out->parsed() ? export_profiles(options) : import_profiles(options);
}

}  // namespace jobward::cli
