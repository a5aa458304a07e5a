#include "launcher/run_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace jobward::launcher {
namespace {

constexpr int kTries = 100;  // 1 ms apart

std::string lock_path(const std::string& directory, const std::string& run_id) {
  return directory + "/" + run_id + ".lock";
}

}  // namespace

Result<RunLock> RunLock::take(const std::string& directory, const std::string& run_id) {
  const std::string path = lock_path(directory, run_id);
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error("create lock file", path);
  // Whoever looks whether we are alive holds it for a moment.
  for (int tries = 0; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK || tries == kTries) return errno_error("lock", path);
    ::poll(nullptr, 0, 1);
  }
  return RunLock(std::move(fd), path);
}

RunLock::~RunLock() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool is_supervised(const std::string& directory, const std::string& run_id) {
  const Fd fd(::open(lock_path(directory, run_id).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return false;
  // Shared: those who look do not take each other for supervisors.
  return ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace jobward::launcher
