// Memory that files in a tmpfs hold: no kill gives it back.
#pragma once

#include <cstdint>
#include <optional>

#include "common/fixed_text.h"
#include "host/observe/kernel_roots.h"

namespace jobward::watchdog {

struct FullTmpfs {
  FixedText<512> point;    // where it is mounted
  std::uint64_t used = 0;  // bytes
  std::uint64_t size = 0;
  std::uint64_t used_by_all = 0;  // by all tmpfs together, each counted once
};

// The mounted tmpfs that holds most; absent: none holds anything, or mounts cannot be read. No
// allocation. Asks only tmpfs, so that a dead network mount does not hang it.
std::optional<FullTmpfs> fullest_tmpfs(const host::KernelRoots& roots);

}  // namespace jobward::watchdog
