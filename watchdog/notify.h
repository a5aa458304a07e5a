// Telling systemd that we run (sd_notify(3)), without its library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.h"

namespace jobward::watchdog {

// Reads NOTIFY_SOCKET and WATCHDOG_USEC; where they are not set, all of this does nothing.
class Notify {
 public:
  static Notify from_environment();
  void tell(std::string_view state) const;  // "READY=1", "WATCHDOG=1"
  // "WATCHDOG=1", where systemd wants a sign of life and the last is half as old as it may be: each
  // one wakes systemd.
  void beat();
  // How often systemd wants a sign of life, halved; 0: not at all.
  [[nodiscard]] double tick_seconds() const { return tick_seconds_; }

 private:
  Fd socket_;
  double tick_seconds_ = 0;
  std::int64_t beaten_at_ = 0;  // monotonic, ms; 0: never
};

}  // namespace jobward::watchdog
