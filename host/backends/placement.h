// Where jobs are put: the directory P below which each run makes its own.
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "host/observe/cgroup_tree.h"

namespace jobward::host {

// P for one hierarchy, and why it lies there.
struct Placement {
  std::string path;     // below the mount point, "/jobward-0"
  std::string reason;   // for `doctor`
  bool nested = false;  // inside another managed job
};

// Inside a managed job: that job's directory. Else jobward-UID below the highest ancestor that can
// be reached without crossing a finite limit, the edge of a delegation or a directory this process
// may not write; an
// error if even its own cgroup cannot be written.
Result<Placement> place(const Hierarchy& hierarchy, unsigned uid);

// Moves this process to P/super, which is made where it is missing. True: it has left the subtree
// of the cgroup it was in before, so what becomes of that does not touch it.
bool move_to_super(const Hierarchy& hierarchy, const Placement& placement);
// Removes P, if nobody is in it any more. Supervisors that were sheltered may have left theirs.
void remove_parent(const std::string& directory);

// Is there a bound on this directory that jobs must not climb out of: memory, swap, CPU quota,
// cpuset, I/O, processes? `but_tasks`: systemd sets TasksMax= on all users' slices, and systemd-run
// leaves it as well.
enum class Bounds { all, but_tasks };
Result<bool> has_finite_limit(const Hierarchy& hierarchy, const std::string& path, Bounds bounds);

}  // namespace jobward::host
