#include "host/backends/placement.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/text.h"
#include "host/observe/cgroup_dir.h"
#include "host/observe/job_attribute.h"

namespace jobward::host {
namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string shown(const Hierarchy& hierarchy, const std::string& path) {
  return hierarchy.mount_point + (path.empty() ? "/" : path);
}

// Anybody may set the attribute on a directory of his own. We are one of the processes in this one,
// so its owner must be root or ourselves.
bool is_believable(const std::string& directory) {
  struct stat info {};
  return ::stat(directory.c_str(), &info) == 0 && (info.st_uid == 0 || info.st_uid == ::geteuid());
}

// The managed job that encloses us, by the attribute on its directory.
Result<std::optional<std::string>> enclosing_job(const Hierarchy& hierarchy) {
  for (std::string path = hierarchy.own_path; !path.empty(); path = parent_of(path)) {
    // What somebody else wrote there, broken or not, says nothing to us.
    if (!is_believable(hierarchy.mount_point + path)) continue;
    auto attribute = read_job_attribute(hierarchy.mount_point + path);
    if (!attribute) return tl::unexpected(std::move(attribute).error());
    if (*attribute) return std::optional(path);
  }
  return std::nullopt;
}

// Is anything in this file of the directory: a number, a quota, a list? "max" and -1 say no.
bool has_bound(const CgroupDir& dir, const char* file) {
  const auto text = dir.read(file);
  if (!text || !*text) return false;
  const auto first = trim(**text).substr(0, trim(**text).find_first_of(" \n"));
  return !first.empty() && first != "max" && first != "-1";
}

// v1's cpuset is never empty: a bound is a set smaller than its parent's.
bool has_narrower_cpuset(const CgroupDir& dir) {
  const auto own = dir.read("cpuset.cpus");
  const auto above = CgroupDir::open(parent_of(dir.path()));
  const auto all =
      above ? above->read("cpuset.cpus") : Result<std::optional<std::string>>(std::nullopt);
  return own && *own && all && *all && **own != **all;
}

// Empty: none.
std::string write_obstacle(const Hierarchy& hierarchy, const std::string& path) {
  const auto dir = CgroupDir::open(hierarchy.mount_point + path);
  if (!dir) return dir.error().message();
  switch (dir->write_obstacle()) {
    case 0:
      return {};
    case EROFS:
      return "it is mounted read-only; `mount -o remount,rw " + hierarchy.mount_point +
             "` (as root) would change that";
    default:
      return "no permission to write there";
  }
}

bool may_write(const Hierarchy& hierarchy, const std::string& path) {
  return write_obstacle(hierarchy, path).empty();
}

// systemd marks a part of the tree that it has handed over (user.delegate since version 251): what
// is above it is systemd's.
bool is_delegated(const Hierarchy& hierarchy, const std::string& path) {
  std::array<char, 8> value{};
  const std::string directory = hierarchy.mount_point + path;
  for (const auto* name : {"user.delegate", "trusted.delegate"})
    if (::getxattr(directory.c_str(), name, value.data(), value.size()) == 1 && value[0] == '1')
      return true;
  return false;
}

}  // namespace

Result<bool> has_finite_limit(const Hierarchy& hierarchy, const std::string& path, Bounds bounds) {
  const std::string directory = hierarchy.mount_point + path;
  if (hierarchy.has("memory")) {
    auto limit = own_memory_limit(directory, hierarchy.v2);
    if (!limit) return tl::unexpected(std::move(limit).error());
    if (*limit) return true;
  }
  const auto dir = CgroupDir::open(directory);
  if (!dir) return false;
  if (bounds == Bounds::all && has_bound(*dir, "pids.max")) return true;
  if (!hierarchy.v2)
    return has_bound(*dir, "cpu.cfs_quota_us") ||
           has_bound(*dir, "blkio.throttle.read_bps_device") ||
           has_bound(*dir, "blkio.throttle.write_bps_device") ||
           (hierarchy.has("cpuset") && has_narrower_cpuset(*dir));
  return has_bound(*dir, "memory.high") || has_bound(*dir, "memory.swap.max") ||
         has_bound(*dir, "cpu.max") || has_bound(*dir, "cpuset.cpus") || has_bound(*dir, "io.max");
}

bool move_to_super(const Hierarchy& hierarchy, const Placement& placement) {
  if (placement.nested) return false;
  const auto above = CgroupDir::open(hierarchy.mount_point + parent_of(placement.path));
  if (!above) return false;
  const auto parent = above->child(placement.path.substr(placement.path.rfind('/') + 1), true);
  const auto super = parent ? parent->child("super", true) : tl::unexpected(parent.error());
  if (!super || !super->write("cgroup.procs", "0")) return false;
  const bool below =
      !hierarchy.own_path.empty() &&
      placement.path.compare(0, hierarchy.own_path.size() + 1, hierarchy.own_path + "/") == 0;
  return !below;
}

void remove_parent(const std::string& directory) {
  static_cast<void>(::rmdir((directory + "/super").c_str()));
  static_cast<void>(::rmdir(directory.c_str()));
}

Result<Placement> place(const Hierarchy& hierarchy, unsigned uid) {
  auto enclosing = enclosing_job(hierarchy);
  if (!enclosing) return tl::unexpected(std::move(enclosing).error());
  if (*enclosing) return Placement{**enclosing, "inside the run that encloses this one", true};

  std::string path = hierarchy.own_path;
  if (const auto why = write_obstacle(hierarchy, path); !why.empty())
    return error("make cgroups below", shown(hierarchy, path), why);
  std::string reason = "the root of the hierarchy";
  while (!path.empty()) {
    if (is_delegated(hierarchy, path)) {
      reason = "the directory that systemd has delegated";
      break;
    }
    auto limited = has_finite_limit(hierarchy, path, Bounds::all);
    if (!limited) return tl::unexpected(std::move(limited).error());
    if (*limited) {
      reason = "the highest ancestor inside the limit of " + shown(hierarchy, path);
      break;
    }
    if (!may_write(hierarchy, parent_of(path))) {
      reason = "the highest ancestor that may be written";
      break;
    }
    path = parent_of(path);
  }
  return Placement{path + "/jobward-" + std::to_string(uid), reason, false};
}

}  // namespace jobward::host
