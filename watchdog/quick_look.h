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

  // Seconds until the next look is due; absent: a full look is due now, which it is at least once a
  // minute. At the fastest filling rate `kill` is not reached before, whatever became of page cache
  // since the last full look. (What the kernel keeps for itself, some 50 to 200 MiB, counts as
  // available for kCacheMs where page cache has hidden it ever since the start.) On a machine whose
  // memory is mostly page cache all looks are full ones.
  std::optional<double> wait_seconds(const Config& config, const Sensor::Free& free,
                                     std::int64_t now_ms);

 private:
  bool is_known_ = false;
  std::int64_t looked_at_ = 0;
  double full_wait_ = 0;
  std::uint64_t free_ = 0;
  std::uint64_t available_ = 0;
  std::uint64_t reserve_ = 0;  // the most that available has lain below free
  Snapshot machine_;           // as it was seen, but for what is filled in for each look
};

}  // namespace jobward::watchdog
