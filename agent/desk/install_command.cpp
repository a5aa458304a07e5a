// jobward install AGENT, jobward uninstall AGENT: the hooks and the MCP server in the agent's own
// settings. Shown before it is written; what was there stays, and is kept beside.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "agent/desk/commands.h"
#include "agent/setup/edit.h"
#include "cli/child_program.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"
#include "profiles/project.h"

namespace jobward::desk {
namespace {

constexpr int kNotAll = 1;

struct Options {
  std::string agent;
  bool project = false;
  bool user = false;
  bool dry_run = false;
  bool yes = false;
};

using Change = Result<std::string> (*)(std::string_view, const setup::Registration&, hooks::Agent);

// One file, before and after.
struct Edit {
  std::string path;
  std::string what;
  std::optional<std::string> before;  // absent: there is no such file
  std::string after;
  [[nodiscard]] bool changes() const { return before.value_or("") != after; }
};

Result<std::optional<std::string>> text_of(const std::string& path) {
  auto text = read_file(path, 16U << 20U);
  if (text) return std::optional(std::move(*text));
  if (text.error().errnum == ENOENT || text.error().errnum == ENOTDIR)
    return std::optional<std::string>();
  return tl::unexpected(std::move(text).error());
}

constexpr std::size_t kLongLine = 200;
// More than ours is others' text between two changes.
constexpr std::size_t kMostShown = 1500;

// A comma more behind it is no change to be shown.
bool is_same(std::string_view one, std::string_view other) {
  for (auto* line : {&one, &other}) {
    if (line->ends_with('\r')) line->remove_suffix(1);
    if (line->ends_with(',')) line->remove_suffix(1);
  }
  return one == other;
}

// A long line is shown where it differs only: whole, it may be a file with all its secrets.
void show_within(std::string_view before, std::string_view after) {
  const auto most = std::min(before.size(), after.size());
  std::size_t head = 0;
  while (head < most && before[head] == after[head])
    ++head;
  std::size_t tail = 0;
  while (tail + head < most && before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
    ++tail;
  const auto print = [&](char sign, std::string_view line) {
    if (line.size() <= head + tail) return;
    const auto part = line.substr(head, line.size() - head - tail);
    if (part.size() > kMostShown)
      std::printf("  %c (%zu bytes within one line)\n", sign, part.size());
    else
      std::printf("  %c ...%s...\n", sign, printable(part).c_str());
  };
  print('-', before);
  print('+', after);
}

// The lines that differ, those around them left out.
void show(const Edit& edit) {
  const std::string old = edit.before.value_or("");
  const auto before = split(old, '\n');
  const auto after = split(edit.after, '\n');
  std::size_t head = 0;
  while (head < before.size() && head < after.size() && is_same(before[head], after[head]))
    ++head;
  std::size_t tail = 0;
  while (tail + head < before.size() && tail + head < after.size() &&
         is_same(before[before.size() - 1 - tail], after[after.size() - 1 - tail]))
    ++tail;
  std::printf("%s (%s)\n", printable(edit.path).c_str(), edit.what.c_str());
  if (head + tail + 1 == before.size() && before.size() == after.size() &&
      before[head].size() > kLongLine)
    return show_within(before[head], after[head]);
  for (std::size_t i = head; i < before.size() - tail; ++i)
    std::printf("  - %s\n", printable(before[i]).c_str());
  for (std::size_t i = head; i < after.size() - tail; ++i)
    std::printf("  + %s\n", printable(after[i]).c_str());
}

// What was there before the first change stays, whatever is written later.
Status keep_before(const Edit& edit) {
  const std::string kept = edit.path + ".before-jobward";
  if (::access(kept.c_str(), F_OK) == 0) return {};
  return write_file_atomic(kept, *edit.before);
}

// In a project others have to read it, too; what is the user's alone stays so.
Status make_readable(const std::string& path) {
  std::error_code failed;
  std::filesystem::create_directories(path.substr(0, path.rfind('/')), failed);
  if (failed) return errno_error("create the directory of", path, failed.value());
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return errno_error("create", path);
  return {};
}

Status write(const Edit& edit, setup::Scope scope) {
  const auto now = text_of(edit.path);
  if (!now) return tl::unexpected(now.error());
  if (*now != edit.before)
    return error("write", printable(edit.path),
                 "it was changed meanwhile; nothing was written there, do it again");
  if (edit.before)
    JOBWARD_RETURN_IF_ERROR(keep_before(edit));
  else if (scope == setup::Scope::project)
    JOBWARD_RETURN_IF_ERROR(make_readable(edit.path));
  else
    JOBWARD_RETURN_IF_ERROR(make_private_directories(edit.path.substr(0, edit.path.rfind('/'))));
  // Where it is a link (settings under version control), what it leads to is written.
  auto written = write_file_atomic(real_path(edit.path), edit.after);
  if (!written && !edit.before && scope == setup::Scope::project) ::unlink(edit.path.c_str());
  return written;
}

// Claude Code's own word, if it is there to be asked.
bool can_wake(hooks::Agent agent) {
  if (agent != hooks::Agent::claude_code) return false;
  const auto told = cli::ask_program({"claude", "--version"}, "");
  return told && setup::is_at_least(told->output, setup::kWakingVersion);
}

Result<setup::Wanted> wanted_of(const Options& options, hooks::Agent agent) {
  setup::Wanted out;
  out.agent = agent;
  out.scope = options.project ? setup::Scope::project : setup::Scope::user;
  out.environment = cli::environment_variable;
  out.can_wake = can_wake(agent);
  auto own = cli::own_executable();
  if (!own) return tl::unexpected(std::move(own).error());
  out.jobward = std::move(*own);
  if (const auto home = cli::environment_variable("HOME")) out.home = *home;
  if (out.home.empty() && !options.project)
    return error("find", "your settings", "HOME is not set");
  auto cwd = cli::working_directory();
  if (!cwd) return tl::unexpected(std::move(cwd).error());
  out.project = profiles::find_project(*cwd, profiles::RealFileProbe()).root;
  return out;
}

bool agrees() {
  std::printf("Write this? [y/N] ");
  std::fflush(stdout);
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    answer += static_cast<char>(c);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int carry_out(const std::string& name, const std::vector<Edit>& edits, setup::Scope scope) {
  int status = 0;
  for (const auto& edit : edits) {
    if (!edit.changes()) continue;
    if (auto written = write(edit, scope); !written) {
      status = cli::failure(name, written.error().message(), kNotAll);
      continue;
    }
    std::printf(
        "written: %s%s\n", printable(edit.path).c_str(),
        edit.before ? (" (before: " + printable(edit.path) + ".before-jobward)").c_str() : "");
  }
  return status;
}

Result<std::vector<Edit>> edits_for(const setup::Wanted& wanted, Change change) {
  std::vector<Edit> out;
  for (const auto& registration : setup::registrations(wanted)) {
    auto before = text_of(registration.path);
    if (!before) return tl::unexpected(std::move(before).error());
    auto after = change(before->value_or(""), registration, wanted.agent);
    if (!after) return tl::unexpected(std::move(after).error());
    struct stat link {};
    if (!*before && !after->empty() && ::lstat(registration.path.c_str(), &link) == 0)
      return error("change", printable(registration.path),
                   "it is a link to what is not there; mend the link, or remove it");
    out.push_back({registration.path, registration.what, std::move(*before), std::move(*after)});
  }
  return out;
}

void print_steps(const std::string& name, const setup::Wanted& wanted) {
  if (name != "install") return;
  for (const auto& step : setup::further_steps(wanted))
    std::printf("next: %s\n", step.c_str());
}

int change(const std::string& name, const Options& options, hooks::Agent agent, Change how) {
  const auto wanted = wanted_of(options, agent);
  if (!wanted) return cli::failure(name, wanted.error().message(), exit_code::kUsage);
  const auto edits = edits_for(*wanted, how);
  if (!edits)
    return cli::failure(name, edits.error().message() + "; nothing was written", exit_code::kUsage);
  bool any = false;
  for (const auto& edit : *edits) {
    if (!edit.changes()) continue;
    any = true;
    show(edit);
  }
  if (!any) {
    std::printf("nothing to change: %s\n",
                name == "install" ? "it is installed" : "nothing of ours");
    return 0;
  }
  if (options.dry_run) {
    std::printf("dry run: nothing was written\n");
    return 0;
  }
  if (!options.yes) {
    if (::isatty(STDIN_FILENO) == 0)
      return cli::failure(name, "nothing was written: without a terminal it needs --yes",
                          exit_code::kUsage);
    if (!agrees()) {
      std::printf("nothing was written\n");
      return exit_code::kUsage;
    }
  }
  const int status = carry_out(name, *edits, wanted->scope);
  if (status == 0) print_steps(name, *wanted);
  return status;
}

int run(const std::string& name, const char* summary, const cli::Arguments& arguments, Change how) {
  Options options;
  CLI::App app(summary, name);
  cli::set_usage(app, "jobward " + name +
                          " claude-code|codex|gemini|cursor [--user | --project] [--dry-run] "
                          "[--yes]");
  app.add_option("AGENT", options.agent, "claude-code, codex, gemini or cursor")->required();
  auto* user = app.add_flag("--user", options.user, "In your own settings (the default)");
  app.add_flag("--project", options.project, "In this project's settings")->excludes(user);
  app.add_flag("--dry-run", options.dry_run, "Only show what would be written");
  app.add_flag("--yes", options.yes, "Do not ask");
  app.footer("Exit status: 0 done, 1 not all of it, 2 nothing was changed.");
  if (const auto status = cli::parse_options(app, arguments.options, exit_code::kUsage))
    return *status;
  if (arguments.command)
    return cli::usage_error(name, "no command is expected here", exit_code::kUsage);
  const auto agent = hooks::agent_from(options.agent);
  if (!agent)
    return cli::usage_error(name,
                            "there is no agent \"" + printable(options.agent) +
                                "\": claude-code, codex, gemini, cursor",
                            exit_code::kUsage);
  return change(name, options, *agent, how);
}

}  // namespace

int install_command(const cli::Arguments& arguments) {
  return run("install", "Sets up Jobward's hooks and MCP server in an agent's settings.", arguments,
             setup::with_ours);
}

int uninstall_command(const cli::Arguments& arguments) {
  return run("uninstall", "Takes Jobward's hooks and MCP server out of an agent's settings.",
             arguments, setup::without_ours);
}

}  // namespace jobward::desk
