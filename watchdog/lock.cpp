#include "watchdog/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "common/files.h"
#include "watchdog/clock.h"

namespace jobward::watchdog {
namespace {

constexpr std::string_view kOnce = "once ";
constexpr std::int64_t kForOnceMs = 120000;
// Those who look, and those who have the lock but not written their name yet, take microseconds.
constexpr std::int64_t kForLookersMs = 2000;

void read_holder(Lock& lock, int fd) {
  std::array<char, 32> buffer{};
  const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), 0);
  std::string_view text(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  lock.holder_role = text.substr(0, kOnce.size()) == kOnce ? Role::once : Role::daemon;
  if (lock.holder_role == Role::once) text.remove_prefix(kOnce.size());
  lock.holder = 0;
  std::from_chars(text.data(), text.data() + text.size(), lock.holder);
}

// Nobody holds it for good: only lookers do, or its text is still that of one who has ended.
bool is_passing(const Lock& lock, int fd) {
  if (::flock(fd, LOCK_SH | LOCK_NB) == 0) {
    ::flock(fd, LOCK_UN);
    return true;
  }
  return lock.holder <= 0 || (::kill(lock.holder, 0) != 0 && errno == ESRCH);
}

}  // namespace

Status name_holder(const Fd& file, Role role) {
  std::string text = std::string(role == Role::once ? kOnce : std::string_view()) +
                     std::to_string(::getpid()) + "\n";
  // Over the one before, all of it: on a full disk what is cut off could not be had back.
  constexpr std::size_t kLongest = 24;
  text.resize(std::max(text.size(), kLongest), '\n');
  if (::pwrite(file.get(), text.data(), text.size(), 0) < 0)
    return errno_error("write", "the watchdog's lock");
  return {};
}

Result<Lock> take_lock(const std::string& directory, Role role) {
  JOBWARD_RETURN_IF_ERROR(make_private_directories(directory));
  const std::string path = directory + "/lock";
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return errno_error("open", path);
  const std::int64_t begun = monotonic_ms();
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error("lock", path);
    Lock other;
    read_holder(other, file.get());
    const bool waits_for_once = other.holder_role == Role::once && role == Role::daemon;
    const bool waits = waits_for_once || is_passing(other, file.get());
    if (!waits || monotonic_ms() - begun >= (waits_for_once ? kForOnceMs : kForLookersMs))
      return other;
    const timespec pause{0, 10 * 1000000L};
    ::nanosleep(&pause, nullptr);
  }
  // It is held all the same: who asks will not learn by whom.
  static_cast<void>(name_holder(file, role));
  return Lock{std::move(file), 0, role};
}

std::string holder_words(const Lock& lock) {
  return lock.holder > 0 ? "process " + std::to_string(lock.holder) : "another process";
}

}  // namespace jobward::watchdog
