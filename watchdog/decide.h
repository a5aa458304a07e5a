// Is memory low, and who has to go. Pure: data in, data out; no allocation.
#pragma once

#include <span>

#include "watchdog/config.h"
#include "watchdog/sense.h"
#include "watchdog/unit.h"

namespace jobward::watchdog {

enum class Level : std::uint8_t { none, warn, term, kill };
std::string_view to_string(Level level);

// Available memory is at one of the thresholds, or below. Where it is not, neither swap nor
// pressure counts.
bool memory_is_low(const Config& config, const Snapshot& snapshot);
// Memory low, and swap low or (for term) pressure high.
Level level_of(const Config& config, const Snapshot& snapshot);
// The threshold of available memory at this level, in bytes. Below a cgroup's limit that is not
// larger than the threshold, the default one.
std::uint64_t threshold_of(const Config& config, Level level, const Snapshot& snapshot);

// Is `now` less than `before`, by more than what counters miss (a thousandth of memory)?
bool has_fallen(std::uint64_t before, std::uint64_t now, std::uint64_t memory_total);

// How long until memory could be at `term` (where that is off, at `kill`), at the fastest filling
// rate: at least kShortestWait where it is falling (less was available at the time before), else
// kNearWait; at most kLongestWait.
double seconds_until(const Config& config, const Snapshot& snapshot, bool is_falling);
// Until it could be at `kill`, unbounded; 0: it is there.
double seconds_until_kill(const Config& config, const Snapshot& snapshot);
// As seconds_until() if memory goes on falling as it has since `before` bytes were available,
// `elapsed` seconds ago; kLongestWait where it has not fallen.
double seconds_at_this_rate(const Config& config, const Snapshot& snapshot, std::uint64_t before,
                            double elapsed);
inline constexpr double kShortestWait = 0.02;
// Near the threshold, where nothing falls: a fast filler takes 97 MiB, the default threshold of a
// machine of 1 GiB, in 25 ms.
inline constexpr double kNearWait = 0.04;
inline constexpr double kSteadyWait = 0.1;  // below the threshold, and nobody to be ended
// Where memory is plentiful. By the filling rate alone it could be longer; but a reservation (huge
// pages, a balloon) takes memory at once, and should not go unnoticed for long.
inline constexpr double kLongestWait = 2;

// Who asks.
struct Self {
  int pid = 0;
  uid_t uid = 0;  // not 0: only its own processes
  std::span<const int> ancestors;
  std::string_view cgroup;  // in the hierarchy that counts memory
};

// Why a unit with facts may not be chosen; Why::smaller: it may.
Why shield_of(const Unit& unit, const host::ProcessFacts& facts, const Config& config,
              const Self& self, int& rule);

// The one to end among units with their shields; -1: nobody. Sets `why` of those that could be.
int choose(std::span<Unit> units, const Config& config);

// Is `path` the cgroup `of`, or below it?
bool is_below(std::string_view path, std::string_view of);

}  // namespace jobward::watchdog
