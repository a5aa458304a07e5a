// Standard output or error of a watchdog. Nobody there may keep a kill waiting: a terminal that was
// stopped (Ctrl-S), a pipe that nobody reads, a log daemon that waits for memory itself.
#pragma once

#include <sys/uio.h>

#include <span>
#include <string_view>

namespace jobward::watchdog {

// Neither allocates nor blocks (but for a regular file, which is a disk's matter). Not thread-safe.
class Outlet {
 public:
  explicit Outlet(int fd) : fd_(fd) {}
  // Writes it and a line feed. A reader that is only slow gets kPatienceMs for it; one that took
  // nothing of the last gets none. False: the line, or the end of it, was not taken; the next
  // begins on a line of its own.
  bool line(std::string_view text);

  static constexpr int kPatienceMs = 50;

 private:
  bool write_all(std::span<iovec> parts, int patience_ms);

  int fd_;
  bool in_vain_ = false;  // nothing of the last line was taken
  bool is_cut_ = false;   // a part of the last line was
};

}  // namespace jobward::watchdog
