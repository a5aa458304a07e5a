#include "host/observe/block_device.h"

#include <fcntl.h>
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

// What a mount shows: btrfs and some others answer stat(2) with a number that is no block device's.
struct MountOf {
  std::string type;
  std::string source;
};

// Space, tab, newline and backslash are written as octal escapes: proc_pid_mountinfo(5).
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digits = text.substr(i + 1, 3);
    const bool octal = text[i] == '\\' && digits.size() == 3 &&
                       digits.find_first_not_of("01234567") == std::string_view::npos;
    out += octal
               ? static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0')
               : text[i];
    if (octal) i += 3;
  }
  return out;
}

// By the id of the mount (Linux 5.8): the device numbers of stat(2) and mountinfo may differ.
std::optional<MountOf> mount_of(const KernelRoots& roots, const std::string& path) {
  struct statx info {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &info) != 0 ||
      (info.stx_mask & STATX_MNT_ID) == 0)
    return std::nullopt;
  const auto text = read_file(roots.proc + "/self/mountinfo");
  if (!text) return std::nullopt;
  for (const auto line : split(*text, '\n')) {
    // id parent MAJOR:MINOR root point options [fields...] - type source ...
    if (line.substr(0, line.find(' ')) != std::to_string(info.stx_mnt_id)) continue;
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto tail = split(line.substr(dash + 3), ' ');
    if (tail.size() >= 2) return MountOf{std::string(tail[0]), unescaped(tail[1])};
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
  const auto mount = mount_of(roots, path);
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
