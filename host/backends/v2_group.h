// One job on the v2 tree with its controllers: what the unified and the scope backend have in
// common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/backends/backend.h"
#include "host/backends/v2_controllers.h"
#include "host/backends/v2_leaf.h"
#include "host/observe/cgroup_file.h"
#include "host/observe/kernel_roots.h"

namespace jobward::host {

// Writes the limits into the leaf's job directory (nothing runs there yet) and takes it over. What
// is not usable in `controllers` is left out: the caller has told by its support().
// `mount_point`: up to where enclosing limits are watched.
Result<std::unique_ptr<JobGroup>> make_v2_group(KernelRoots roots, V2Leaf leaf,
                                                const GroupRequest& request,
                                                const V2Controllers& controllers,
                                                const std::string& mount_point);

}  // namespace jobward::host
