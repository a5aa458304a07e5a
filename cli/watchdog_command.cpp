// jobward watchdog: what cron calls, and having the watchdog installed.
#include "cli/watchdog_command.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "common/exit_codes.h"

namespace jobward::cli {
namespace {

struct Options {
  std::string within;
  std::string config;
  bool json = false;
  WatchdogOnce once;
  WatchdogInstall install;
};

CLI::App& declare_once(CLI::App& app, Options& options) {
  auto& once = *app.add_subcommand(
      "once", "Check memory, act if needed; close runs without supervisor; take the journal in");
  once.add_flag("--dry-run", options.once.dry_run, "Say what would be ended; signal nothing");
  once.add_option("--within", options.within,
                  "Look at the memory of this cgroup, not the machine's")
      ->type_name("CGROUP");
  once.add_option("--config", options.config, "The watchdog's configuration")->type_name("FILE");
  once.add_flag("--json", options.json, "JSON instead of text");
  return once;
}

void declare_place(CLI::App& command, WatchdogInstall& install, const char* verb) {
  auto* systemd = command.add_flag("--systemd", install.systemd,
                                   std::string(verb) + " the unit jobward-watchdog.service");
  command.add_flag("--cron", install.cron, std::string(verb) + " the entry of the crontab")
      ->excludes(systemd);
  command.add_flag("--user", install.user, "For yourself alone, not for the machine");
  command.add_flag("--dry-run", install.dry_run, "Show it, and change nothing");
  command.add_flag("--yes", install.yes, "Do not ask");
  command.add_option("--root", install.root)->group("");
}

void pass_on(Options& options) {
  auto& words = options.once.passed_on;
  if (options.once.dry_run) words.emplace_back("--dry-run");
  if (!options.within.empty()) words.insert(words.end(), {"--within", options.within});
  if (!options.config.empty()) words.insert(words.end(), {"--config", options.config});
  if (options.json) words.emplace_back("--json");
}

}  // namespace

int watchdog_command(const Arguments& arguments) {
  Options options;
  CLI::App app("The watchdog ends the largest job or process before memory runs out.", "watchdog");
  set_usage(app,
            "jobward watchdog once [--dry-run] [--within CGROUP] [--config FILE] [--json]\n"
            "       jobward watchdog install --systemd|--cron [--user] [--dry-run] [--yes]\n"
            "       jobward watchdog uninstall [--systemd|--cron] [--user] [--dry-run] [--yes]\n"
            "       jobward watchdog status [--json]");
  app.require_subcommand(1);
  const auto& once = declare_once(app, options);
  auto& install = *app.add_subcommand(
      "install",
      "Have it started by systemd or cron; shows the unit or entry before it is written");
  declare_place(install, options.install, "Write");
  auto& uninstall = *app.add_subcommand("uninstall", "Remove what install has written, no more");
  declare_place(uninstall, options.install, "Remove");
  auto& status = *app.add_subcommand("status", "Does it run, what did it do last");
  status.add_flag("--json", options.json, "One JSON object instead of text");
  status.add_option("--root", options.install.root)->group("");
  app.footer(
      "Exit status: once 0 nothing to do, 1 acted, 2 cannot check; status 0 it runs, 1 it does "
      "not;\ninstall, uninstall 0 done, 1 not all of it, 2 usage, or nothing was changed.\n"
      "What it did: `jobward history --watchdog`.");
  if (const auto done = parse_options(app, arguments.options, exit_code::kUsage)) return *done;
  if (arguments.command)
    return usage_error("watchdog", "no command is expected here", exit_code::kUsage);
  if (once.parsed()) {
    pass_on(options);
    return watchdog_once(options.once);
  }
  if (install.parsed()) return watchdog_install(options.install);
  if (uninstall.parsed()) return watchdog_uninstall(options.install);
  return watchdog_status(options.json, options.install.root);
}

}  // namespace jobward::cli
