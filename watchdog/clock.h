// The time in milliseconds, without allocation.
#pragma once

#include <time.h>

#include <cstdint>

namespace jobward::watchdog {

inline std::int64_t milliseconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * std::int64_t{1000} + now.tv_nsec / 1000000;
}

inline std::int64_t monotonic_ms() { return milliseconds_of(CLOCK_MONOTONIC); }
// Since 1970.
inline std::int64_t wall_ms() { return milliseconds_of(CLOCK_REALTIME); }

}  // namespace jobward::watchdog
