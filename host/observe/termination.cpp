#include "host/observe/termination.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace jobward::host {
namespace {

#ifndef SYS_process_mrelease
constexpr long SYS_process_mrelease = 448;  // all architectures but alpha
#endif

}  // namespace

Fd open_process(int pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // O_CLOEXEC is implied
}

bool signal_process(const Fd& pidfd, int signal) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

bool has_exited(const Fd& pidfd, int timeout_ms) {
  pollfd entry{pidfd.get(), POLLIN, 0};
  return ::poll(&entry, 1, timeout_ms) == 1 && (entry.revents & POLLIN) != 0;
}

bool release_memory(const Fd& pidfd) {
  return ::syscall(SYS_process_mrelease, pidfd.get(), 0) == 0;
}

bool kill_cgroup(int directory) {
  const Fd file(::openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return false;
  return ::write(file.get(), "1", 1) == 1;
}

}  // namespace jobward::host
