#include "watchdog/decide.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace jobward::watchdog {
namespace {

constexpr std::array<std::string_view, 16> kWhy{
    "smaller",
    "largest",
    "about as large as the largest, and beyond its own estimate",
    "its shared memory is what fills the machine",
    "protected: the watchdog itself",
    "protected: an ancestor of the watchdog",
    "protected: the watchdog runs in it",
    "protected: process 1",
    "protected: a kernel thread",
    "protected: oom_score_adj -1000",
    "another user's",
    "protected by rule",
    "gone",
    "may not be signalled by us",
    "signalled already, and it has not gone",
    "part of a job"};
constexpr std::array<std::string_view, 4> kLevels{"none", "warn", "term", "kill"};

const Threshold& memory_threshold(const Config& config, Level level) {
  return level == Level::kill   ? config.memory_kill
         : level == Level::term ? config.memory_term
                                : config.memory_warn;
}

bool memory_is_at(Level level, const Config& config, const Snapshot& snapshot) {
  return !memory_threshold(config, level).is_off() &&
         snapshot.memory_available <= threshold_of(config, level, snapshot);
}

bool swap_is_low(const Threshold& threshold, const Snapshot& snapshot) {
  return snapshot.swap_total == 0 || snapshot.swap_free <= threshold.of(snapshot.swap_total);
}

bool matches(const ProtectRule& rule, const Unit& unit) {
  if (rule.uid && *rule.uid != unit.uid) return false;
  if (!rule.name.empty() && unit.name.view() != rule.name) return false;
  if (!rule.exe.empty() && (unit.exe.empty() || !exe_matches(rule.exe, unit.exe))) return false;
  if (!rule.cgroup.empty() && (unit.cgroup.is_cut() || !glob_matches(rule.cgroup, unit.cgroup)))
    return false;
  return true;
}

// What it acts at first: with `memory_term = 0` that is the KILL level.
struct Acts {
  std::uint64_t memory = 0;
  std::uint64_t swap = 0;
};
Acts first_threshold(const Config& config, const Snapshot& snapshot) {
  const bool term = !config.memory_term.is_off();
  return {threshold_of(config, term ? Level::term : Level::kill, snapshot),
          (term ? config.swap_term : config.swap_kill).of(snapshot.swap_total)};
}

// Until both are reached, at the fastest.
double seconds_to(const Acts& acts, const Config& config, const Snapshot& snapshot) {
  const auto room = [](std::uint64_t now, std::uint64_t threshold) {
    return now > threshold ? static_cast<double>(now - threshold) : 0;
  };
  // Where swap has to fill as well, that is slower: 800 MiB/s is a fast NVMe or zram. (Pressure,
  // which acts in the place of low swap, wakes by its own trigger.)
  constexpr double kSwapRate = 800.0 * (1U << 20U);
  return room(snapshot.memory_available, acts.memory) / config.fill_bytes_per_second +
         room(snapshot.swap_free, acts.swap) / kSwapRate;
}

}  // namespace

std::string_view to_string(Why why) { return kWhy[static_cast<std::size_t>(why)]; }
std::string_view to_string(Level level) { return kLevels[static_cast<std::size_t>(level)]; }

bool is_protected(Why why) { return why >= Why::itself; }

bool goes_before(const Unit& a, const Unit& b) {
  return std::tie(a.score, a.size, a.start_ticks, a.pid) >
         std::tie(b.score, b.size, b.start_ticks, b.pid);
}

std::uint64_t threshold_of(const Config& config, Level level, const Snapshot& snapshot) {
  const auto out = memory_threshold(config, level).of(snapshot.memory_total);
  // An amount that is meant for the machine would always be reached below a small limit.
  if (snapshot.within.empty() || out < snapshot.memory_total) return out;
  return memory_threshold(Config(), level).of(snapshot.memory_total);
}

bool memory_is_low(const Config& config, const Snapshot& snapshot) {
  return memory_is_at(Level::warn, config, snapshot) ||
         memory_is_at(Level::term, config, snapshot) || memory_is_at(Level::kill, config, snapshot);
}

Level level_of(const Config& config, const Snapshot& snapshot) {
  const auto is_low = [&](Level level) { return memory_is_at(level, config, snapshot); };
  if (is_low(Level::kill) && swap_is_low(config.swap_kill, snapshot)) return Level::kill;
  const bool pressed =
      config.pressure_term && snapshot.full && *snapshot.full >= *config.pressure_term;
  if (is_low(Level::term) && (swap_is_low(config.swap_term, snapshot) || pressed))
    return Level::term;
  return is_low(Level::warn) ? Level::warn : Level::none;
}

bool has_fallen(std::uint64_t before, std::uint64_t now, std::uint64_t memory_total) {
  constexpr std::uint64_t kNoise = 1000;
  return now + memory_total / kNoise < before;
}

double seconds_until(const Config& config, const Snapshot& snapshot, bool is_falling) {
  const double out = seconds_to(first_threshold(config, snapshot), config, snapshot);
  return std::clamp(out, is_falling ? kShortestWait : kNearWait, kLongestWait);
}

double seconds_until_kill(const Config& config, const Snapshot& snapshot) {
  return seconds_to(
      {threshold_of(config, Level::kill, snapshot), config.swap_kill.of(snapshot.swap_total)},
      config, snapshot);
}

double seconds_at_this_rate(const Config& config, const Snapshot& snapshot, std::uint64_t before,
                            double elapsed) {
  const auto now = snapshot.memory_available;
  const auto threshold = first_threshold(config, snapshot).memory;
  if (now >= before || now <= threshold) return kLongestWait;
  const double share = static_cast<double>(now - threshold) / static_cast<double>(before - now);
  return std::clamp(share * elapsed, kShortestWait, kLongestWait);
}

bool is_below(std::string_view path, std::string_view of) {
  if (of.empty() || of == "/") return true;
  return path.substr(0, of.size()) == of && (path.size() == of.size() || path[of.size()] == '/');
}

Why shield_of(const Unit& unit, const host::ProcessFacts& facts, const Config& config,
              const Self& self, int& rule) {
  rule = -1;
  if (unit.is_job) {
    if (is_below(self.cgroup, unit.cgroup)) return Why::holds_watchdog;
  } else {
    if (facts.kernel_thread) return Why::kernel_thread;
    if (facts.gone) return Why::gone;
    if (unit.pid == self.pid) return Why::itself;
    if (unit.pid == 1) return Why::init;
    if (std::find(self.ancestors.begin(), self.ancestors.end(), unit.pid) != self.ancestors.end())
      return Why::ancestor;
    constexpr int kNever = -1000;
    if (facts.oom_score_adj == kNever) return Why::unkillable;
  }
  if (self.uid != 0 && unit.uid != self.uid) return Why::other_user;
  for (std::size_t i = 0; i < config.protect.size(); ++i)
    if (matches(config.protect[i], unit)) {
      rule = static_cast<int>(i);
      return Why::rule;
    }
  return Why::smaller;
}

int choose(std::span<Unit> units, const Config& config) {
  int best = -1;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (is_protected(units[i].why)) continue;
    units[i].why = Why::smaller;
    if (best < 0 || goes_before(units[i], units[static_cast<std::size_t>(best)]))
      best = static_cast<int>(i);
  }
  if (best < 0) return -1;
  auto& largest = units[static_cast<std::size_t>(best)];
  largest.why = Why::largest;
  if (!config.prefer_over_estimate) return best;
  constexpr double kClose = 0.9;
  const auto is_beyond = [](const Unit& unit) {
    return unit.is_job && unit.p99 && unit.size > *unit.p99;
  };
  if (is_beyond(largest)) return best;
  int preferred = -1;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& unit = units[i];
    const bool close = static_cast<double>(unit.size) >= kClose * static_cast<double>(largest.size);
    if (is_protected(unit.why) || !is_beyond(unit) || !close) continue;
    if (preferred < 0 || goes_before(unit, units[static_cast<std::size_t>(preferred)]))
      preferred = static_cast<int>(i);
  }
  if (preferred < 0) return best;
  largest.why = Why::smaller;
  units[static_cast<std::size_t>(preferred)].why = Why::beyond_estimate;
  return preferred;
}

}  // namespace jobward::watchdog
