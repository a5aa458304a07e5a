#include "verify/spill_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/text.h"

namespace jobward::verify {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "jobward-verify-";

// Ours alone from here on. Absent: another process has it, or it is gone.
Fd locked(const std::string& path) {
  Fd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts {};
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(lock.get(), &facts) != 0 ||
      facts.st_uid != ::geteuid() || facts.st_nlink == 0)
    return {};
  return lock;
}

// What processes that were killed have left.
void sweep(const std::string& parent) {
  std::error_code failure;
  for (fs::directory_iterator entry(parent, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const auto name = entry->path().filename().string();
    if (!name.starts_with(kPrefix) || name.size() != kPrefix.size() + 6) continue;
    const Fd lock = locked(entry->path().string());
    std::error_code ignored;
    if (lock) fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace

Result<SpillDirectory> SpillDirectory::make(const std::string& parent) {
  sweep(parent);
  // Between its making and its lock another process may have swept it away.
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string path = parent + "/" + std::string(kPrefix) + "XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
      return errno_error("make a directory for spilling in", printable(parent));
    if (Fd lock = locked(path)) return SpillDirectory(std::move(path), std::move(lock));
    ::rmdir(path.c_str());
  }
  return error("lock", "a directory for spilling in " + printable(parent),
               "the file system has no locks");
}

SpillDirectory::SpillDirectory(SpillDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

SpillDirectory::~SpillDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::uint64_t> free_on_disk(const std::string& directory) {
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0)
    return errno_error("see how much is free for", printable(directory));
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

}  // namespace jobward::verify
