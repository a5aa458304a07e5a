// The constructors of the backends; choose_backend() decides among them.
#pragma once

#include <memory>

#include "host/backends/backend.h"
#include "host/backends/placement.h"

namespace jobward::host {

// `where`: P, see place().
Result<std::unique_ptr<Backend>> make_unified_backend(const KernelRoots& roots, const Hierarchy& v2,
                                                      Placement where);
Result<std::unique_ptr<Backend>> make_scope_backend(const KernelRoots& roots, const Hierarchy& v2,
                                                    unsigned uid);
// Each fails with the reason why this process cannot use it here.
Result<std::unique_ptr<Backend>> make_hybrid_backend(const CgroupTree& tree, unsigned uid);
Result<std::unique_ptr<Backend>> make_v1_backend(const KernelRoots& roots, const CgroupTree& tree,
                                                 unsigned uid);
// Always possible. `mend`: the command that would give this process a cgroup, for `doctor`.
std::unique_ptr<Backend> make_none_backend(const KernelRoots& roots, const std::string& mend = {});

}  // namespace jobward::host
