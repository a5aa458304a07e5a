// Managed jobs of anybody on this machine, known by the attribute on their cgroups.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/observe/cgroup_tree.h"
#include "host/observe/job_attribute.h"
#include "host/observe/kernel_roots.h"

namespace jobward::host {

struct ManagedJob {
  JobAttribute attribute;
  std::string directory;     // where its memory is counted
  std::uint64_t in_use = 0;  // bytes, less page cache that can be had back
};

// Is it known to the caller by its run's id?
using KnownRun = std::function<bool(const std::string& run_id)>;

// All that can be seen in the hierarchy that counts memory: directories named `job` with a
// believable attribute (the owner is root, or the user of a process in it) and with processes. Jobs
// within jobs are left out. Those that are known are left out before anything of them is read.
// Costs two system calls a cgroup, and some ten a job.
std::vector<ManagedJob> managed_jobs(const KernelRoots& roots, const CgroupTree& tree,
                                     const KnownRun& known = {});

// The managed job that this process is part of, if any.
struct EnclosingJob {
  std::string run_id;
  std::string directory;
  std::optional<std::uint64_t> limit;  // bytes; absent: it has none of its own
  std::uint64_t in_use = 0;            // as above
};
std::optional<EnclosingJob> enclosing_managed_job(const CgroupTree& tree);

}  // namespace jobward::host
