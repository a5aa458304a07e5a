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
// be reached without crossing a finite memory limit or a directory this process may not write; an
// error if even its own cgroup cannot be written.
Result<Placement> place(const Hierarchy& hierarchy, unsigned uid);

}  // namespace jobward::host
