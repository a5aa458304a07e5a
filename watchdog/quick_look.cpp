#include "watchdog/quick_look.h"

#include <algorithm>

#include "watchdog/decide.h"

namespace jobward::watchdog {
namespace {

// A full look at least so often, however much is free.
constexpr std::int64_t kFullLookMs = 60000;
// How long page cache is taken to be what it was.
constexpr std::int64_t kCacheMs = 5000;

std::uint64_t less(std::uint64_t from, std::uint64_t amount) {
  return from - std::min(from, amount);
}

}  // namespace

void QuickLook::remember(const Snapshot& machine, const Sensor::Free& free, double wait_seconds,
                         std::int64_t now_ms) {
  is_known_ = true;
  looked_at_ = now_ms;
  full_wait_ = wait_seconds;
  free_ = free.memory;
  available_ = machine.memory_available;
  machine_ = machine;
}

std::optional<double> QuickLook::wait_seconds(const Config& config, const Sensor::Free& free,
                                              std::int64_t now_ms) {
  if (!is_known_ || now_ms - looked_at_ >= kFullLookMs) return std::nullopt;
  machine_.swap_free = free.swap;
  // Available is at least what is free, less what the kernel keeps for itself: that is what
  // available lay below free, if it did, at the last full look. (Where page cache hid it and is
  // gone since, the kernel's part counts as available until the next full look.)
  machine_.memory_available = less(free.memory, less(free_, available_));
  if (memory_is_low(config, machine_)) return std::nullopt;
  const double least = seconds_until(config, machine_, false);
  if (least >= kLongestWait || least >= full_wait_) return least;
  const double until_kill = seconds_until_kill(config, machine_);
  // Page cache is available as well. For a moment it is taken to be what it was, as long as there
  // is time until KILL even if all of it has been used up.
  if (now_ms - looked_at_ >= kCacheMs) return std::nullopt;
  machine_.memory_available = less(available_, less(free_, free.memory));
  if (memory_is_low(config, machine_)) return std::nullopt;
  const double likely = seconds_until(config, machine_, false);
  if (likely > until_kill) return std::nullopt;
  return likely;
}

}  // namespace jobward::watchdog
