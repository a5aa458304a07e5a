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
  reserve_ = std::max(reserve_, less(free_, available_));
  machine_ = machine;
}

std::optional<double> QuickLook::wait_seconds(const Config& config, const Sensor::Free& free,
                                              std::int64_t now_ms) {
  if (!is_known_ || now_ms - looked_at_ >= kFullLookMs) return std::nullopt;
  machine_.swap_free = free.swap;
  // Available is at least what is free, less what the kernel keeps for itself.
  const auto least = less(free.memory, reserve_);
  machine_.memory_available = least;
  if (memory_is_low(config, machine_)) return std::nullopt;
  const bool falls = has_fallen(free_, free.memory, machine_.memory_total);
  const double until_kill = seconds_until_kill(config, machine_);
  double wait = seconds_until(config, machine_, falls);
  if (wait < kLongestWait && (reserve_ == 0 || wait < full_wait_)) {
    // Page cache is available as well. For a moment it is taken to be what it was.
    if (now_ms - looked_at_ >= kCacheMs) return std::nullopt;
    machine_.memory_available = std::max(least, less(available_, less(free_, free.memory)));
    wait = seconds_until(config, machine_, falls);
  }
  if (wait > until_kill) return std::nullopt;
  return wait;
}

}  // namespace jobward::watchdog
