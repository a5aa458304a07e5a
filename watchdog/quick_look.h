// Whether memory is so plentiful that a look at what is free will do, without all of
// /proc/meminfo. Pure: the time comes in; no allocation.
#pragma once

#include <cstdint>
#include <optional>

#include "watchdog/config.h"
#include "watchdog/sense.h"

namespace jobward::watchdog {

// For the machine as a whole; knows nothing of limits around. Not thread-safe.
class QuickLook {
 public:
  // What a full look saw, at `now_ms` (monotonic), and the seconds after which it wanted another.
  void remember(const Snapshot& machine, const Sensor::Free& free, double wait_seconds,
                std::int64_t now_ms);
  // No look is quick until the next remember().
  void forget() { is_known_ = false; }

  // Seconds until the next look is due; absent: a full look is due now. However long ago it was
  // up to a minute, and whatever became of page cache since, there is time until `kill` at the
  // fastest filling rate.
  std::optional<double> wait_seconds(const Config& config, const Sensor::Free& free,
                                     std::int64_t now_ms);

 private:
  bool is_known_ = false;
  std::int64_t looked_at_ = 0;
  double full_wait_ = 0;
  std::uint64_t free_ = 0;
  std::uint64_t available_ = 0;
  Snapshot machine_;  // as it was seen, but for what is filled in for each look
};

}  // namespace jobward::watchdog
