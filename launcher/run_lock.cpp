#include "launcher/run_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "common/fault.h"
#include "common/files.h"

namespace jobward::launcher {
namespace {

constexpr int kTries = 100;  // 1 ms apart

std::string lock_path(const std::string& directory, const std::string& run_id) {
  return directory + "/" + run_id + ".lock";
}

bool has_name(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && info.st_nlink > 0;
}

// The second line of the file.
std::optional<UnixMillis> noted_spawn(int fd) {
  std::array<char, 64> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  const std::string_view all(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  const auto line = all.find('\n');
  UnixMillis at = 0;
  if (line == std::string_view::npos ||
      std::from_chars(all.data() + line + 1, all.data() + all.size(), at).ec != std::errc())
    return std::nullopt;
  return at;
}

}  // namespace

Result<RunLock> RunLock::hold(const std::string& directory, const std::string& run_id, int access) {
  const std::string path = lock_path(directory, run_id);
  Fd fd;
  for (int tries = 0;; ++tries) {
    if (!fd) fd = Fd(::open(path.c_str(), access | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return errno_error("create lock file", path);
    JOBWARD_FAULT(lock_file_made);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      if (has_name(fd.get())) return RunLock(std::move(fd), path);
      fd.reset();  // taken for an abandoned one before it was locked
      continue;
    }
    // Whoever looks whether we are alive holds it for a moment.
    if (errno != EWOULDBLOCK || tries >= kTries) return errno_error("lock", path);
    ::poll(nullptr, 0, 1);
  }
}

Result<RunLock> RunLock::take(const std::string& directory, const std::string& run_id) {
  auto lock = hold(directory, run_id, O_RDWR);
  if (!lock) return lock;
  // For those who have something to say to us.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock->fd_.get(), 0) != 0 ||
      ::pwrite(lock->fd_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return errno_error("write", lock->path_);
  return lock;
}

std::optional<UnixMillis> RunLock::spawned() const { return noted_spawn(fd_.get()); }

void RunLock::note_spawn(UnixMillis now) const {
  const std::string text = std::to_string(::getpid()) + "\n" + std::to_string(now) + "\n";
  static_cast<void>(::pwrite(fd_.get(), text.data(), text.size(), 0));
}

RunLock::~RunLock() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool is_supervised(const std::string& directory, const std::string& run_id) {
  // Not for writing: who waits for the end of runs is woken when such a descriptor is closed.
  const Fd fd(
      ::open(lock_path(directory, run_id).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  // Shared: those who look do not take each other for supervisors.
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

std::optional<int> supervisor_of(const std::string& directory, const std::string& run_id) {
  if (!is_supervised(directory, run_id)) return std::nullopt;
  const auto text = read_file(lock_path(directory, run_id), 64);
  int pid = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc() ||
      pid <= 0)
    return std::nullopt;
  return pid;
}

std::optional<RunLock> take_over(const std::string& directory, const std::string& run_id) {
  if (is_supervised(directory, run_id)) return std::nullopt;
  // Not for writing, as in is_supervised().
  auto lock = RunLock::hold(directory, run_id, O_RDONLY);
  return lock ? std::optional(std::move(*lock)) : std::nullopt;
}

void remove_abandoned(const std::string& directory, const std::set<std::string>& open_runs) {
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const auto& path = entry->path();
    if (path.extension() != ".lock" || open_runs.count(path.stem().string()) > 0) continue;
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    // With a name: else its owner has removed it, and the path is that of another.
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && has_name(fd.get()))
      ::unlink(path.c_str());
  }
}

Status await_end(const std::string& directory, const std::string& run_id) {
  const std::string path = lock_path(directory, run_id);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno == ENOENT ? Status() : errno_error("open", path);
  while (::flock(fd.get(), LOCK_SH) != 0)
    if (errno != EINTR) return errno_error("wait for", path);
  return {};
}

}  // namespace jobward::launcher
