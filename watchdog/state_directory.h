// Where the watchdog keeps its journal and its lock.
#pragma once

#include <string>

#include "watchdog/config.h"

namespace jobward::watchdog {

// What the configuration says; else $JOBWARD_STATE_DIR/watchdog; else /var/lib/jobward/watchdog for
// root and $XDG_STATE_HOME/jobward/watchdog (~/.local/state) for others.
std::string state_directory(const Config& config);

}  // namespace jobward::watchdog
