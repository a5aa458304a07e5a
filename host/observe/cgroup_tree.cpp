#include "host/observe/cgroup_tree.h"

#include <unistd.h>

#include <algorithm>

#include "common/files.h"
#include "common/text.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {
namespace {

// mm/page_counter.c: PAGE_COUNTER_MAX = LONG_MAX / PAGE_SIZE pages. Anything from 2^62 bytes up is
// "none".
constexpr std::uint64_t kV1Unlimited = std::uint64_t{1} << 62U;

bool same_hierarchy(const CgroupMount& mount, const Membership& membership) {
  if (mount.v2) return membership.controllers.empty();
  return std::any_of(mount.controllers.begin(), mount.controllers.end(),
                     [&](const auto& controller) {
                       const auto& list = membership.controllers;
                       return std::find(list.begin(), list.end(), controller) != list.end();
                     });
}

// The path below the mount point, or absent if the mount does not show it.
std::optional<std::string> below_mount(const CgroupMount& mount, const std::string& path) {
  if ((path + "/").find("/../") != std::string::npos)
    return std::nullopt;  // above our namespace's root
  if (mount.root == "/") return path == "/" ? "" : path;
  if (path == mount.root) return "";
  if (path.substr(0, mount.root.size() + 1) == mount.root + "/")
    return path.substr(mount.root.size());
  return std::nullopt;
}

std::vector<std::string> v2_controllers(const std::string& directory) {
  std::vector<std::string> out;
  const auto text = read_file(directory + "/cgroup.controllers");
  if (!text) return out;
  for (const auto word : split(trim(*text), ' '))
    if (!word.empty()) out.emplace_back(word);
  return out;
}

CgroupMode mode_of(const std::vector<Hierarchy>& hierarchies) {
  const bool v2 =
      std::any_of(hierarchies.begin(), hierarchies.end(), [](const auto& h) { return h.v2; });
  const bool v1 = std::any_of(hierarchies.begin(), hierarchies.end(), [](const auto& h) {
    return !h.v2 && !h.controllers.empty() && h.controllers[0].substr(0, 5) != "name=";
  });
  if (v1 && v2) return CgroupMode::hybrid;
  return v1 ? CgroupMode::v1 : v2 ? CgroupMode::unified : CgroupMode::none;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

Result<std::optional<std::uint64_t>> unreclaimable(const CgroupDir& dir, bool v2) {
  auto usage = dir.counter(v2 ? "memory.current" : "memory.usage_in_bytes");
  if (!usage || !*usage) return usage;
  auto stat = dir.keyed("memory.stat");
  if (!stat) return tl::unexpected(std::move(stat).error());
  std::uint64_t file = 0;
  if (*stat) {
    const auto it = (*stat)->find(v2 ? "inactive_file" : "total_inactive_file");
    if (it != (*stat)->end()) file = it->second;
  }
  return std::optional(**usage > file ? **usage - file : 0);
}

}  // namespace

bool Hierarchy::has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

const Hierarchy* CgroupTree::of(std::string_view controller) const {
  for (const auto& hierarchy : hierarchies)
    if (hierarchy.has(controller)) return &hierarchy;
  return nullptr;
}

const Hierarchy* CgroupTree::v2() const {
  for (const auto& hierarchy : hierarchies)
    if (hierarchy.v2) return &hierarchy;
  return nullptr;
}

Result<CgroupTree> read_cgroup_tree(const KernelRoots& roots) {
  auto mountinfo = read_file(roots.proc + "/self/mountinfo");
  if (!mountinfo) return tl::unexpected(std::move(mountinfo).error());
  auto mounts = parse_cgroup_mounts(*mountinfo);
  if (!mounts) return rethrow(std::move(mounts).error(), "cgroup mounts");
  auto own = read_file(roots.proc + "/self/cgroup");
  if (!own && own.error().errnum == ENOENT) return CgroupTree{};  // a kernel without cgroups
  if (!own) return tl::unexpected(std::move(own).error());
  auto memberships = parse_membership(*own);
  if (!memberships) return rethrow(std::move(memberships).error(), "own cgroups");

  CgroupTree tree;
  for (const auto& mount : *mounts) {
    const auto mine = std::find_if(memberships->begin(), memberships->end(),
                                   [&](const auto& m) { return same_hierarchy(mount, m); });
    if (mine == memberships->end()) continue;
    const auto path = below_mount(mount, mine->path);
    if (!path) continue;
    Hierarchy hierarchy{mount.v2, mount.controllers, roots.mount_prefix + mount.point, *path};
    // Another mount may lie over it: mountinfo still lists what cannot be reached any more.
    if (::access((hierarchy.own_directory() + "/cgroup.procs").c_str(), F_OK) != 0) continue;
    // A hierarchy mounted twice counts once, where it was mounted first.
    const auto known = [&](const auto& h) {
      return h.v2 == hierarchy.v2 && h.controllers == hierarchy.controllers;
    };
    if (hierarchy.v2) hierarchy.controllers = v2_controllers(hierarchy.mount_point);
    // What was mounted on the same point before lies hidden below.
    std::erase_if(tree.hierarchies,
                  [&](const auto& h) { return h.mount_point == hierarchy.mount_point; });
    if (std::none_of(tree.hierarchies.begin(), tree.hierarchies.end(), known))
      tree.hierarchies.push_back(std::move(hierarchy));
  }
  tree.mode = mode_of(tree.hierarchies);
  return tree;
}

std::optional<std::uint64_t> memory_in_use(const std::string& directory) {
  const auto dir = CgroupDir::open(directory);
  if (!dir) return std::nullopt;
  for (const auto* file : {"memory.current", "memory.usage_in_bytes"})
    if (const auto used = dir->counter(file); used && *used) return **used;
  return std::nullopt;
}

std::optional<std::uint64_t> unreclaimable_memory(const std::string& directory) {
  const auto dir = CgroupDir::open(directory);
  if (!dir) return std::nullopt;
  const auto bytes = unreclaimable(*dir, dir->has("memory.current"));
  return bytes ? *bytes : std::nullopt;
}

Result<std::optional<std::uint64_t>> own_memory_limit(const std::string& directory, bool v2) {
  auto dir = CgroupDir::open(directory);
  if (!dir) return tl::unexpected(std::move(dir).error());
  auto limit = dir->counter(v2 ? "memory.max" : "memory.limit_in_bytes");
  if (!limit) return limit;
  if (*limit && **limit >= kV1Unlimited) return std::nullopt;
  return *limit;
}

Result<std::optional<EnclosingLimit>> tightest_memory_limit(const CgroupTree& tree) {
  const Hierarchy* memory = tree.of("memory");
  if (memory == nullptr) return std::nullopt;
  std::optional<EnclosingLimit> tightest;
  for (std::string path = memory->own_path;; path = parent_of(path)) {
    const std::string directory = memory->mount_point + path;
    auto limit = own_memory_limit(directory, memory->v2);
    if (!limit) return tl::unexpected(std::move(limit).error());
    if (*limit) {
      auto dir = CgroupDir::open(directory);
      if (!dir) return tl::unexpected(std::move(dir).error());
      auto used = unreclaimable(*dir, memory->v2);
      if (!used) return tl::unexpected(std::move(used).error());
      const EnclosingLimit here{directory, **limit, used->value_or(0)};
      if (!tightest || here.room() < tightest->room()) tightest = here;
    }
    if (path.empty()) break;
  }
  return tightest;
}

}  // namespace jobward::host
