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
  // How often systemd wants a sign of life, halved; 0: not at all.
  [[nodiscard]] double tick_seconds() const { return tick_seconds_; }

 private:
  Fd socket_;
  double tick_seconds_ = 0;
};

}  // namespace jobward::watchdog
