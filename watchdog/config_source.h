// Where the configuration comes from: the file that counts, and the command line over it.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"
#include "watchdog/config.h"
#include "watchdog/options.h"

namespace jobward::watchdog {

// Where it is looked for without --config.
struct ConfigPlaces {
  uid_t uid = 0;                                           // who runs the watchdog
  std::string system_file = "/etc/jobward/watchdog.conf";  // root's
  std::string config_home;  // everybody else's: $XDG_CONFIG_HOME, else ~/.config; empty: none
};
ConfigPlaces config_places();  // of this process

struct LoadedConfig {
  Config config;
  std::string file;  // empty: there is none, the defaults hold
};

// The file, the overrides, check(). A file that was not named with --config need not exist.
// Refused: a symbolic link, what is no regular file, a file of another user (but root), one that
// others may write, more than 64 KiB. Judged is the file that was opened, not its name.
Result<LoadedConfig> load_config(const Options& options, const ConfigPlaces& places,
                                 const UserLookup& users);

}  // namespace jobward::watchdog
