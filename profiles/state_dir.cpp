#include "profiles/state_dir.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>

#include "common/files.h"

namespace jobward::profiles {
namespace {

// Magic numbers of statfs(2) for file systems where another machine may hold the other end.
bool is_network_file_system(const std::string& path) {
  static constexpr std::array<unsigned long, 8> kNetwork{
      NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xFF534D42UL /* CIFS */,   0xFE534D42UL /* SMB2 */,
      V9FS_MAGIC,      AFS_SUPER_MAGIC, 0x0BD00BD0UL /* Lustre */, 0x00C36400UL /* Ceph */};
  struct statfs info {};
  std::string existing = path;
  while (::statfs(existing.c_str(), &info) != 0) {
    const auto slash = existing.rfind('/');
    if (slash == std::string::npos || slash == 0) return false;
    existing.resize(slash);
  }
  for (const auto magic : kNetwork)
    if (static_cast<unsigned long>(info.f_type) == magic) return true;
  return false;
}

}  // namespace

StateDirectory choose_state_directory(unsigned uid, const Environment& environment) {
  if (const auto explicit_path = environment("JOBWARD_STATE_DIR")) return {*explicit_path, ""};
  const std::string fallback = "/var/tmp/jobward-" + std::to_string(uid);
  std::string path;
  if (uid == 0) {
    path = "/var/lib/jobward";
  } else if (const auto xdg = environment("XDG_STATE_HOME")) {
    path = *xdg + "/jobward";
  } else if (const auto home = environment("HOME")) {
    path = *home + "/.local/state/jobward";
  } else {
    return {fallback, "neither XDG_STATE_HOME nor HOME is set: records are kept in " + fallback};
  }
  if (is_network_file_system(path))
    return {fallback, path + " is on a network file system: records are kept in " + fallback};
  return {path, ""};
}

Status prepare_state_directory(const std::string& path, unsigned uid) {
  if (path.empty() || path.front() != '/')
    return error("use state directory", path, "JOBWARD_STATE_DIR must be an absolute path");
  if (auto made = make_private_directories(path); !made)
    return rethrow(std::move(made).error(), "state directory (JOBWARD_STATE_DIR can name another)");
  struct stat link {};
  struct stat info {};
  // A link is followed if its owner may decide for us.
  if (::lstat(path.c_str(), &link) != 0 || ::stat(path.c_str(), &info) != 0)
    return errno_error("inspect state directory", path);
  const bool foreign_link = link.st_uid != uid && link.st_uid != 0;
  if (info.st_uid != uid || foreign_link)
    return error("use state directory", path,
                 "it belongs to uid " + std::to_string(foreign_link ? link.st_uid : info.st_uid) +
                     ", not to " + std::to_string(uid) +
                     "; set JOBWARD_STATE_DIR to a directory of your own");
  if ((info.st_mode & 022U) != 0)
    return error("use state directory", path, "others may write to it; run: chmod 700 " + path);
  return {};
}

}  // namespace jobward::profiles
