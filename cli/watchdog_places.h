// Where the watchdog is installed, and what stands there. Pure, but for the reading of files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "profiles/state_dir.h"

namespace jobward::cli {

enum class Scope { system, user };

inline constexpr const char* kWatchdogUnit = "jobward-watchdog.service";

// The programs that a unit or a crontab entry names, with absolute paths.
struct WatchdogPrograms {
  std::string watchdog;
  std::string jobward;
};
// Beside our own executable, and nowhere else: a name in PATH could be anybody's.
Result<WatchdogPrograms> find_programs();

// `root`: put before the system's paths; empty for real. Absent: this user has no home.
std::optional<std::string> unit_path(Scope scope, const std::string& root,
                                     const profiles::Environment& environment);
std::string cron_path(const std::string& root);  // the system's; a user's is behind crontab(1)

// Errors: a path that cannot stand in such a file.
Result<std::string> unit_text(const WatchdogPrograms& programs, Scope scope);
Result<std::string> cron_block(const WatchdogPrograms& programs, Scope scope);

// Did we write this file?
bool is_ours(const std::string& text);

// The same crontab with our block in it, once: in the place of an old one, else at the end.
// Everything else stays byte for byte. An error: one of the two markers is missing.
Result<std::string> with_block(const std::string& crontab, const std::string& block);
Result<std::string> without_block(const std::string& crontab);

// The user's crontab, through crontab(1); absent: there is none.
Result<std::optional<std::string>> read_crontab();
// An empty one is removed.
Status write_crontab(const std::string& text);

// What is there of ours.
struct Installed {
  std::string how;  // "systemd", "cron"
  Scope scope = Scope::system;
  std::string place;  // a file, or "crontab"
};
struct InstalledList {
  std::vector<Installed> found;
  std::vector<std::string> problems;  // what could not be looked at
};
InstalledList find_installed(const std::string& root, const profiles::Environment& environment);

}  // namespace jobward::cli
