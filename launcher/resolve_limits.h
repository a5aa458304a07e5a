// Limits that name things of this machine: CPUs and disks.
#pragma once

#include <string>

#include "common/job_types.h"
#include "common/result.h"
#include "host/observe/kernel_roots.h"

namespace jobward::launcher {

// Checks that the CPUs of a cpuset are online, and replaces the path of an I/O rate by its block
// device. `directory`: what a rate without a path is about. The first that names something that is
// not there is an error.
Status resolve_limits(const host::KernelRoots& roots, const std::string& directory, Limits& limits);

}  // namespace jobward::launcher
