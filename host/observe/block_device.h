// The block device behind a path, for limits on its I/O.
#pragma once

#include <string>

#include "common/result.h"
#include "host/observe/kernel_roots.h"

namespace jobward::host {

// The whole disk as "MAJOR:MINOR": limits apply to it, not to a partition (cgroup-v2.rst, io.max).
// `path`: a device node, or any file or directory on a file system that one block device backs.
// Errors name the path and the file system that has no device of its own (tmpfs, overlay, nfs).
Result<std::string> block_device_of(const KernelRoots& roots, const std::string& path);

}  // namespace jobward::host
