// The watchdog's lock in its state directory, by which the daemon, --ensure, --once and `jobward
// watchdog status` know of one another. Two that act at once would take two victims for one.
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.h"
#include "common/result.h"

namespace jobward::watchdog {

enum class Role : std::uint8_t { daemon, once };

// Held as long as `file` is open, also by a child that inherited it. The file's text names the
// holder: "PID", or "once PID".
struct Lock {
  Fd file;         // not valid: somebody else has it
  int holder = 0;  // its pid, where another holds it; 0: not known
  Role holder_role = Role::daemon;
};

// Makes the directory. A daemon waits for a --once to end (two minutes at most); whoever only looks
// (a shared lock) is waited for, too.
Result<Lock> take_lock(const std::string& directory, Role role);
// Writes this process's pid into a lock that it holds.
Status name_holder(const Fd& file, Role role);
// "process 12", "another process".
std::string holder_words(const Lock& lock);

}  // namespace jobward::watchdog
