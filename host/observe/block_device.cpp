#include "host/observe/block_device.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <optional>
#include <string_view>

#include "common/files.h"
#include "common/text.h"

namespace jobward::host {
namespace {

std::string numbers(unsigned long device) {
  return std::to_string(major(device)) + ":" + std::to_string(minor(device));
}

// Where the file system of this device number was mounted from: btrfs and some others answer
// stat(2) with a number that is no block device's.
struct MountOf {
  std::string type;
  std::string source;
};
std::optional<MountOf> mount_of(const KernelRoots& roots, const std::string& device) {
  const auto text = read_file(roots.proc + "/self/mountinfo");
  if (!text) return std::nullopt;
  for (const auto line : split(*text, '\n')) {
    // proc_pid_mountinfo(5): id parent MAJOR:MINOR root point options [fields...] - type source ...
    const auto fields = split(line, ' ');
    if (fields.size() < 3 || fields[2] != device) continue;
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto tail = split(line.substr(dash + 3), ' ');
    if (tail.size() >= 2) return MountOf{std::string(tail[0]), std::string(tail[1])};
  }
  return std::nullopt;
}

std::string sysfs_of(const KernelRoots& roots, const std::string& device) {
  return roots.mount_prefix + "/sys/dev/block/" + device;
}

bool is_block_device(const KernelRoots& roots, const std::string& device) {
  return ::access(sysfs_of(roots, device).c_str(), F_OK) == 0;
}

// A partition's directory lies in that of its disk.
std::string whole_disk(const KernelRoots& roots, const std::string& device) {
  const std::string directory = sysfs_of(roots, device);
  if (::access((directory + "/partition").c_str(), F_OK) != 0) return device;
  const auto disk = read_file(directory + "/../dev");
  return disk ? std::string(trim(*disk)) : device;
}

}  // namespace

Result<std::string> block_device_of(const KernelRoots& roots, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno_error("find the device of", path);
  if (S_ISBLK(info.st_mode)) return whole_disk(roots, numbers(info.st_rdev));
  if (S_ISCHR(info.st_mode))
    return error("find the device of", path, "it is a character device, not a disk");
  const std::string device = numbers(info.st_dev);
  if (is_block_device(roots, device)) return whole_disk(roots, device);
  const auto mount = mount_of(roots, device);
  struct stat source {};
  if (mount && !mount->source.empty() && mount->source.front() == '/' &&
      ::stat(mount->source.c_str(), &source) == 0 && S_ISBLK(source.st_mode))
    return whole_disk(roots, numbers(source.st_rdev));
  return error("find the device of", path,
               "no block device backs it (" +
                   (mount ? "file system " + mount->type : std::string("unknown file system")) +
                   "); name a disk, as in 100M/s@/dev/sda");
}

}  // namespace jobward::host
