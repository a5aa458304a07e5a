// jobward watchdog install, uninstall: shown first, then asked, then written.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>

#include "cli/arguments.h"
#include "cli/child_program.h"
#include "cli/session.h"
#include "cli/watchdog_command.h"
#include "cli/watchdog_places.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

using Words = std::vector<std::string>;

constexpr int kPartly = 1;

// One thing to write or remove, and what systemd is told.
struct Step {
  std::string shown;  // what it looks like, for the user
  std::vector<Words> before;
  std::function<Status()> change;  // none: it is as it should be
  std::vector<Words> after;
};

Words systemctl(Scope scope, const Words& words) {
  Words out{"systemctl"};
  if (scope == Scope::user) out.emplace_back("--user");
  out.insert(out.end(), words.begin(), words.end());
  return out;
}

// The text of a file of ours; an error if it is somebody else's. Absent: it is not there.
Result<std::optional<std::string>> our_text(const std::string& path) {
  auto text = read_file(path, 1U << 20);
  if (!text && (text.error().errnum == ENOENT || text.error().errnum == ENOTDIR))
    return std::nullopt;
  if (!text) return tl::unexpected(std::move(text).error());
  if (!is_ours(*text))
    return error("change", printable(path),
                 "`jobward watchdog install` did not write it; nothing was changed: move it away");
  return std::move(*text);
}

// For everybody to read: systemd and cron say what is wrong otherwise.
Status write_public(const std::string& path, const std::string& text) {
  std::error_code failure;
  const auto directory = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(directory, failure);
  if (failure) return errno_error("create", printable(directory.string()), failure.value());
  JOBWARD_RETURN_IF_ERROR(write_file_atomic(path, text));
  if (::chmod(path.c_str(), 0644) != 0) return errno_error("set the mode of", printable(path));
  return {};
}

Status remove_file(const std::string& path) {
  return ::unlink(path.c_str()) == 0 ? Status() : Status(errno_error("remove", printable(path)));
}

std::string shown_file(const std::string& path, const std::string& text) {
  return printable(path) + ":\n\n" + text + "\n";
}

Result<Step> install_unit(Scope scope, const WatchdogPrograms& programs, const std::string& root) {
  const auto path = unit_path(scope, root, environment_variable);
  if (!path) return error("find", "your units", "neither XDG_CONFIG_HOME nor HOME is set");
  auto text = unit_text(programs, scope);
  if (!text) return tl::unexpected(std::move(text).error());
  const auto old = our_text(*path);
  if (!old) return tl::unexpected(old.error());
  Step step;
  step.shown = shown_file(*path, *text);
  if (*old != *text)
    step.change = [path = *path, text = *text] { return write_public(path, text); };
  step.after = {systemctl(scope, {"daemon-reload"}),
                systemctl(scope, {"enable", "--now", kWatchdogUnit})};
  // What runs already would go on with the old unit.
  if (*old && step.change) step.after.push_back(systemctl(scope, {"restart", kWatchdogUnit}));
  return step;
}

Result<Step> uninstall_unit(Scope scope, const std::string& path) {
  const auto old = our_text(path);
  if (!old) return tl::unexpected(old.error());
  Step step;
  step.shown = shown_file(path, old->value_or(""));
  step.before = {systemctl(scope, {"disable", "--now", kWatchdogUnit})};
  step.change = [path] { return remove_file(path); };
  step.after = {systemctl(scope, {"daemon-reload"})};
  return step;
}

Result<Step> install_cron(Scope scope, const WatchdogPrograms& programs, const std::string& root) {
  auto block = cron_block(programs, scope);
  if (!block) return tl::unexpected(std::move(block).error());
  Step step;
  if (scope == Scope::system) {
    const std::string path = cron_path(root);
    const auto old = our_text(path);
    if (!old) return tl::unexpected(old.error());
    auto text = with_block(old->value_or(""), *block);
    if (!text) return tl::unexpected(std::move(text).error());
    step.shown = shown_file(path, *text);
    if (*old != *text) step.change = [path, text = *text] { return write_public(path, text); };
    return step;
  }
  const auto crontab = read_crontab();
  if (!crontab) return tl::unexpected(crontab.error());
  auto text = with_block(crontab->value_or(""), *block);
  if (!text) return tl::unexpected(std::move(text).error());
  step.shown = "in your crontab:\n\n" + *block + "\n";
  if (*crontab != *text) step.change = [text = *text] { return write_crontab(text); };
  return step;
}

Result<Step> uninstall_cron(Scope scope, const std::string& place) {
  Step step;
  if (scope == Scope::system) {
    const auto old = our_text(place);
    if (!old) return tl::unexpected(old.error());
    auto rest = without_block(old->value_or(""));
    if (!rest) return tl::unexpected(std::move(rest).error());
    step.shown = shown_file(place, old->value_or(""));
    step.change = [place, rest = *rest] {
      return rest.empty() ? remove_file(place) : write_public(place, rest);
    };
    return step;
  }
  const auto crontab = read_crontab();
  if (!crontab) return tl::unexpected(crontab.error());
  const std::string old = crontab->value_or("");
  auto text = without_block(old);
  if (!text) return tl::unexpected(std::move(text).error());
  step.shown = "the entry between the lines \"# jobward-watchdog: …\" in your crontab\n\n";
  step.change = [text = *text] { return write_crontab(text); };
  return step;
}

// Asks where there is somebody to ask. An error: nobody said yes.
Status agree(const WatchdogInstall& options, const char* question) {
  if (options.yes) return {};
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
    return error("ask", "without a terminal", "nothing was changed; --yes goes ahead");
  std::printf("%s [y/N] ", question);
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return error("go on", "without a yes", "nothing was changed");
}

// False: one of them failed, and it was said.
bool run_all(const std::vector<Words>& commands, const WatchdogInstall& options) {
  bool fine = true;
  for (const auto& command : commands) {
    const std::string shown = shell_quoted(command);
    if (!options.root.empty()) {
      std::printf("to be run there: %s\n", shown.c_str());
      continue;
    }
    std::fflush(stdout);
    const auto status = run_program(command);
    if (status && *status == 0) continue;
    fine = false;
    say("`" + shown + "` " +
        (status ? "failed with exit status " + std::to_string(*status)
                : "could not be run: " + status.error().message()) +
        "; run it yourself once that is mended");
  }
  return fine;
}

int carry_out(const char* name, const Step& step, const WatchdogInstall& options) {
  const bool fine = run_all(step.before, options);
  if (step.change)
    if (const auto changed = step.change(); !changed)
      return failure(name, changed.error().message(), exit_code::kUsage);
  return run_all(step.after, options) && fine ? 0 : kPartly;
}

int needs_root(const char* name) {
  return usage_error(name, "for the whole machine this needs root; --user does it for you alone",
                     exit_code::kUsage);
}

bool may_not(const WatchdogInstall& options) {
  return !options.user && options.root.empty() && ::geteuid() != 0;
}

}  // namespace

int watchdog_install(const WatchdogInstall& options) {
  constexpr const char* kName = "watchdog install";
  if (!options.systemd && !options.cron)
    return usage_error(kName, "say --systemd or --cron", exit_code::kUsage);
  if (options.user && !options.root.empty())
    return usage_error(kName, "--root is for the machine's files", exit_code::kUsage);
  const auto programs = find_programs();
  if (!programs) return failure(kName, programs.error().message(), exit_code::kUsage);
  const auto scope = options.user ? Scope::user : Scope::system;
  const auto step = options.systemd ? install_unit(scope, *programs, options.root)
                                    : install_cron(scope, *programs, options.root);
  if (!step) return failure(kName, step.error().message(), exit_code::kUsage);
  std::fputs(step->shown.c_str(), stdout);
  if (options.dry_run) return 0;
  if (may_not(options)) return needs_root(kName);
  if (!step->change) {
    std::printf("it is there already, just like that\n");
  } else if (const auto agreed = agree(options, "Write it?"); !agreed) {
    return failure(kName, agreed.error().message(), exit_code::kUsage);
  }
  const int status = carry_out(kName, *step, options);
  if (status == 0 && options.user && options.systemd)
    std::printf("it ends with your last session, unless `loginctl enable-linger` is set\n");
  if (status == 0) std::printf("done; `jobward watchdog status` tells whether it runs\n");
  return status;
}

int watchdog_uninstall(const WatchdogInstall& options) {
  constexpr const char* kName = "watchdog uninstall";
  const auto scope = options.user ? Scope::user : Scope::system;
  const auto list = find_installed(options.root, environment_variable);
  for (const auto& problem : list.problems)
    say(problem);
  std::vector<Step> steps;
  for (const auto& one : list.found) {
    const bool is_unit = one.how == "systemd";
    if (one.scope != scope || (is_unit ? options.cron : options.systemd)) continue;
    auto step = is_unit ? uninstall_unit(scope, one.place) : uninstall_cron(scope, one.place);
    if (!step) return failure(kName, step.error().message(), exit_code::kUsage);
    std::fputs(("to be removed: " + step->shown).c_str(), stdout);
    steps.push_back(std::move(*step));
  }
  if (steps.empty()) {
    std::printf("nothing that `jobward watchdog install` has written is there\n");
    return list.problems.empty() ? 0 : kPartly;
  }
  if (options.dry_run) return 0;
  if (may_not(options)) return needs_root(kName);
  if (const auto agreed = agree(options, "Remove it?"); !agreed)
    return failure(kName, agreed.error().message(), exit_code::kUsage);
  int status = 0;
  for (const auto& step : steps)
    if (const int failed = carry_out(kName, step, options); failed != 0) status = failed;
  if (status == 0)
    std::printf("done; a watchdog that cron has started goes on: `jobward watchdog status`\n");
  return status;
}

}  // namespace jobward::cli
