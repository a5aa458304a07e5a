// The cgroup hierarchies of this machine and this process's place in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "host/observe/kernel_roots.h"
#include "host/observe/proc_parse.h"

namespace jobward::host {

enum class CgroupMode { unified, hybrid, v1, none };
constexpr std::string_view to_string(CgroupMode mode) {
  return mode == CgroupMode::unified  ? "unified v2"
         : mode == CgroupMode::hybrid ? "hybrid"
         : mode == CgroupMode::v1     ? "v1"
                                      : "none";
}

// One mounted hierarchy and where this process stands in it.
struct Hierarchy {
  bool v2 = false;
  std::vector<std::string> controllers;  // v1: of the mount; v2: of the root's cgroup.controllers
  std::string mount_point;
  std::string own_path;  // below the mount point, "" for its root; absent processes are left out
  [[nodiscard]] std::string own_directory() const { return mount_point + own_path; }
  [[nodiscard]] bool has(std::string_view controller) const;
};

struct CgroupTree {
  CgroupMode mode = CgroupMode::none;
  std::vector<Hierarchy> hierarchies;
  // The v1 hierarchy of a controller, or the v2 one if it has it there; null if there is none.
  [[nodiscard]] const Hierarchy* of(std::string_view controller) const;
  [[nodiscard]] const Hierarchy* v2() const;
};

// Reads /proc/self/mountinfo and /proc/self/cgroup. A hierarchy of which this process cannot see
// its own directory (a cgroup namespace, a partial bind mount) is left out. A machine without
// cgroups is mode none, not an error.
Result<CgroupTree> read_cgroup_tree(const KernelRoots& roots);

// The finite memory limit with the least room, from the process's own cgroup up to the mount's
// root.
struct EnclosingLimit {
  std::string directory;
  std::uint64_t limit = 0;
  std::uint64_t unreclaimable = 0;  // usage less inactive file cache
  [[nodiscard]] std::uint64_t room() const {
    return limit > unreclaimable ? limit - unreclaimable : 0;
  }
};
Result<std::optional<EnclosingLimit>> tightest_memory_limit(const CgroupTree& tree);

// Bytes charged to the cgroup at this directory now; absent if it is gone or counts no memory.
std::optional<std::uint64_t> memory_in_use(const std::string& directory);

// The same less inactive page cache, which the kernel gives back before anybody goes short.
std::optional<std::uint64_t> unreclaimable_memory(const std::string& directory);

// The finite limit set on this one directory, if any. v1's "no limit" is a huge page-aligned number
// (PAGE_COUNTER_MAX), read here as none.
Result<std::optional<std::uint64_t>> own_memory_limit(const std::string& directory, bool v2);

}  // namespace jobward::host
