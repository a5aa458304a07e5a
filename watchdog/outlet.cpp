#include "watchdog/outlet.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/fd.h"
#include "common/fixed_text.h"
#include "watchdog/clock.h"

namespace jobward::watchdog {
namespace {

// The same pipe or terminal once more, only that it does not block: O_NONBLOCK on the one we were
// given would be in force for whoever shares it. Made anew for each line, since the descriptor may
// have become another's (--ensure goes to the background).
Fd reopened(int fd) {
  FixedText<32> path("/proc/self/fd/");
  path.add_number(fd);
  return Fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

bool has_room(int fd, int patience_ms) {
  pollfd entry{fd, POLLOUT, 0};
  return ::poll(&entry, 1, patience_ms) > 0 && (entry.revents & POLLOUT) != 0;
}

int count_of(std::span<iovec> parts) { return static_cast<int>(parts.size()); }

ssize_t send_now(int fd, std::span<iovec> parts) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// What is left when so many bytes were taken.
std::span<iovec> without(std::span<iovec> parts, std::size_t taken) {
  while (!parts.empty() && taken >= parts.front().iov_len) {
    taken -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (taken > 0) {
    parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + taken;
    parts.front().iov_len -= taken;
  }
  return parts;
}

}  // namespace

bool Outlet::write_all(std::span<iovec> parts, int patience_ms) {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return false;
  const bool can_block = S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode);
  const Fd own = can_block ? reopened(fd_) : Fd();
  const int fd = own ? own.get() : fd_;
  const std::int64_t end = monotonic_ms() + patience_ms;
  while (!parts.empty()) {
    const auto left = static_cast<int>(std::max<std::int64_t>(end - monotonic_ms(), 0));
    // Not to be reopened (a terminal of another user): it is asked beforehand whether there is
    // room.
    if (can_block && !own && !has_room(fd, left)) return false;
    const ssize_t done =
        S_ISSOCK(info.st_mode) ? send_now(fd, parts) : ::writev(fd, parts.data(), count_of(parts));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno == EAGAIN && left > 0 && has_room(fd, left)) continue;
    if (done <= 0) return false;
    parts = without(parts, static_cast<std::size_t>(done));
    in_vain_ = false;
    is_cut_ = !parts.empty();
  }
  return true;
}

bool Outlet::line(std::string_view text) {
  const int patience = in_vain_ ? 0 : kPatienceMs;
  in_vain_ = true;
  char feed = '\n';
  std::array<iovec, 3> parts{
      iovec{&feed, 1}, {const_cast<char*>(text.data()), text.size()}, {&feed, 1}};
  return write_all(std::span(parts).subspan(is_cut_ ? 0 : 1), patience);
}

}  // namespace jobward::watchdog
