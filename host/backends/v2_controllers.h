// Enabling cgroup v2 controllers for the children of a directory, and what they then hold.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/job_types.h"
#include "common/result.h"
#include "host/backends/backend.h"
#include "host/observe/cgroup_dir.h"
#include "host/observe/cgroup_tree.h"

namespace jobward::host {

using V2Values = std::vector<std::pair<std::string, std::string>>;  // file, text

// The files that hold the limits on the job's directory. Pure.
V2Values v2_values(const Limits& limits, bool oom_kills_job);

// The controllers that these limits need; memory and pids also measure, and are always among them.
std::vector<std::string> v2_needs(const Limits& limits);

// Which controllers the children of a directory can have; for each of the others why not, and the
// command that would change it.
struct V2Controllers {
  std::vector<std::string> usable;
  struct Gap {
    std::string controller;
    std::string why;
    std::string mend;
  };
  std::vector<Gap> gaps;
  [[nodiscard]] bool has(std::string_view controller) const;
};
V2Controllers probe_controllers(const CgroupDir& above);
// The same for units of a user's systemd manager, which enables what it has been given itself.
V2Controllers probe_user_manager(const CgroupDir& manager);

// Adds those of `wanted` that are available to cgroup.subtree_control. v2 refuses while a process
// is in the directory itself: no process of others is ever moved, but if we are the only one there
// we step aside into a child, "jobward-super". Returns whether we did: then step_back() when done.
Result<bool> enable_controllers(const CgroupDir& dir, const std::vector<std::string>& wanted);

// Leaves the directory as it was before we stepped aside: without controllers for its children, and
// with us in it. While other runs need them it stays as it is.
void step_back(const CgroupDir& dir);

// Does the kernel count swap for cgroups? The root has no file that tells, any other directory has;
// where there is no other one yet, it is taken to.
bool counts_swap(const Hierarchy& v2);

Support v2_support(const V2Controllers& controllers, bool counts_swap);

}  // namespace jobward::host
