// The constructors of the backends; choose_backend() decides among them.
#pragma once

#include <memory>

#include "host/backends/backend.h"

namespace jobward::host {

// Each fails with the reason why this process cannot use it here.
Result<std::unique_ptr<Backend>> make_hybrid_backend(const CgroupTree& tree, unsigned uid);
Result<std::unique_ptr<Backend>> make_v1_backend(const CgroupTree& tree, unsigned uid);
// Always possible.
std::unique_ptr<Backend> make_none_backend(const KernelRoots& roots);

}  // namespace jobward::host
