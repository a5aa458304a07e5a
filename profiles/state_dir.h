// Where Jobward keeps what must survive.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/result.h"

namespace jobward::profiles {

struct StateDirectory {
  std::string path;
  std::string note;  // something a user should know about the choice; empty if there is nothing
};

// Looks up an environment variable; absent = unset or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// JOBWARD_STATE_DIR if set; /var/lib/jobward for root; $XDG_STATE_HOME/jobward, else
// ~/.local/state/jobward. Where that lies on a network file system (SQLite's log and flock need a
// local one), or there is no home: /var/tmp/jobward-UID, and `note` says so. Creates nothing. Pure
// but for statfs.
StateDirectory choose_state_directory(unsigned uid, const Environment& environment);

// Makes the directory (0700) if it is missing and checks that it is ours and that nobody else can
// write it.
Status prepare_state_directory(const std::string& path, unsigned uid);

}  // namespace jobward::profiles
