#include "watchdog/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "common/units.h"
#include "watchdog/clock.h"

namespace jobward::watchdog {

Notify Notify::from_environment() {
  Notify out;
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return out;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = std::strlen(path);
  if (size >= sizeof address.sun_path) return out;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return out;
  out.socket_ = std::move(socket);
  const char* pid = std::getenv("WATCHDOG_PID");
  const char* interval = std::getenv("WATCHDOG_USEC");
  if (interval == nullptr || (pid != nullptr && std::to_string(::getpid()) != pid)) return out;
  if (const auto microseconds = parse_number(interval); microseconds && *microseconds > 0)
    out.tick_seconds_ = *microseconds / 1e6 / 2;
  return out;
}

void Notify::tell(std::string_view state) const {
  if (socket_)
    (void)!::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Notify::beat() {
  if (tick_seconds_ <= 0) return;
  const auto now = monotonic_ms();
  if (beaten_at_ != 0 && static_cast<double>(now - beaten_at_) < tick_seconds_ / 2 * 1000) return;
  beaten_at_ = now;
  tell("WATCHDOG=1");
}

}  // namespace jobward::watchdog
