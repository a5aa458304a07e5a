#include "host/backends/placement.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

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
    auto attribute = read_job_attribute(hierarchy.mount_point + path);
    if (!attribute) return tl::unexpected(std::move(attribute).error());
    if (*attribute && is_believable(hierarchy.mount_point + path)) return std::optional(path);
  }
  return std::nullopt;
}

// A limit that jobs must not climb out of: memory, and the number of processes (systemd's
// TasksMax).
Result<bool> has_finite_limit(const Hierarchy& hierarchy, const std::string& path) {
  const std::string directory = hierarchy.mount_point + path;
  if (hierarchy.has("pids")) {
    const auto dir = CgroupDir::open(directory);
    const auto limit =
        dir ? dir->counter("pids.max") : Result<std::optional<std::uint64_t>>(std::nullopt);
    if (limit && *limit) return true;
  }
  if (!hierarchy.has("memory")) return false;
  auto limit = own_memory_limit(directory, hierarchy.v2);
  if (!limit) return tl::unexpected(std::move(limit).error());
  return limit->has_value();
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

}  // namespace

Result<Placement> place(const Hierarchy& hierarchy, unsigned uid) {
  auto enclosing = enclosing_job(hierarchy);
  if (!enclosing) return tl::unexpected(std::move(enclosing).error());
  if (*enclosing) return Placement{**enclosing, "inside the run that encloses this one", true};

  std::string path = hierarchy.own_path;
  if (const auto why = write_obstacle(hierarchy, path); !why.empty())
    return error("make cgroups below", shown(hierarchy, path), why);
  std::string reason = "the root of the hierarchy";
  while (!path.empty()) {
    auto limited = has_finite_limit(hierarchy, path);
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
