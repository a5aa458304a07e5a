// The parts of `jobward watchdog`.
#pragma once

#include <string>
#include <vector>

namespace jobward::cli {

struct WatchdogOnce {
  std::vector<std::string> passed_on;  // options of jobward-watchdog
  bool dry_run = false;
};
int watchdog_once(const WatchdogOnce& options);

struct WatchdogInstall {
  bool systemd = false;
  bool cron = false;
  bool user = false;
  bool dry_run = false;
  bool yes = false;
  std::string root;  // for packages and tests: the files go below it, nothing is started
};
int watchdog_install(const WatchdogInstall& options);
int watchdog_uninstall(const WatchdogInstall& options);

int watchdog_status(bool json, const std::string& root);

// Does one watch over this user's processes, or the machine's if we are root?
bool watchdog_runs();

}  // namespace jobward::cli
