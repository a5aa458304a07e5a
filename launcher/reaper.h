// Closing runs whose supervisor is gone.
#pragma once

#include <string>
#include <vector>

#include "common/clock.h"
#include "host/observe/cgroup_tree.h"
#include "host/observe/host_snapshot.h"
#include "host/observe/kernel_roots.h"
#include "profiles/run_store.h"

namespace jobward::launcher {

// What a reaper works with; borrowed. `store` may be null: then nothing is done.
struct Reaping {
  profiles::RunStore* store;
  const std::string& lock_directory;
  const host::KernelRoots& roots;
  const host::CgroupTree& tree;
  const host::MachineIdentity& identity;
  const Clock& clock;
};

// Kills what is left of each open run of this machine and pid namespace whose lock nobody holds,
// reads what it used, removes its cgroups and closes it as supervisor_lost, or as watchdog_killed
// where the watchdog's mark is there and nobody is left. Runs of an earlier boot
// are only closed; those that may go on without their supervisor are left until they have ended.
// Costs one query where there is nothing to do. Returns a line about each run that was closed, and
// about what could not be done.
// `Kept::end`: the latter are ended as well.
enum class Kept { leave, end };
std::vector<std::string> reap_lost(const Reaping& reaping, Kept kept = Kept::leave);

// Removes what supervisors left that died before their run was recorded: it can wait for a command
// that is in no hurry.
void sweep_locks(const Reaping& reaping);

}  // namespace jobward::launcher
