#include "watchdog/watch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "watchdog/clock.h"

namespace jobward::watchdog {
namespace {

constexpr std::int64_t kMinuteMs = 60000;
constexpr std::int64_t kVainMs = 1000;
// Of what was used up since memory was plentiful, so much must be shared memory for a tmpfs to be
// what fills the machine.
constexpr std::uint64_t kHalf = 2;
constexpr std::uint64_t kEnough = 200;  // half a percent of memory tells something
constexpr std::uint64_t kNoise = 100;
constexpr int kMostMisses = 32;

}  // namespace

// Where memory is mostly free, most looks end here: one system call instead of the text of
// /proc/meminfo, which costs four times as much.
std::optional<double> Watch::wait_if_plenty(const Config& config) {
  if (sensor_.is_within() || sensor_.has_enclosing()) return std::nullopt;
  const auto free = free_now_();
  return free ? quick_look_.wait_seconds(config, *free, monotonic_ms()) : std::nullopt;
}

Watch::Tick Watch::tick(const Config& config, bool by_pressure) {
  Tick out;
  if (const auto wait = by_pressure ? std::nullopt : wait_if_plenty(config)) {
    out.wait_seconds = *wait;
    return out;
  }
  quick_look_.forget();
  const auto snapshots = sensor_.sense_memory();
  if (snapshots.empty()) {
    tell_unread(errno);
    out.failed = true;
    return out;
  }
  const auto is_low_there = [&](const Snapshot& snapshot) {
    return memory_is_low(config, snapshot);
  };
  if (std::any_of(snapshots.begin(), snapshots.end(), is_low_there)) sensor_.complete_pressure();
  // The place where it is worst; of equals the machine.
  const Snapshot* worst = &snapshots[0];
  double wait = kLongestWait;
  const auto elapsed = static_cast<double>(monotonic_ms() - looked_at_) / 1000;
  for (const auto& snapshot : snapshots) {
    const auto before = last_.within == snapshot.within.view() ? last_.memory_available : 0;
    const bool falling = has_fallen(before, snapshot.memory_available, snapshot.memory_total);
    wait = std::min({wait, seconds_until(config, snapshot, falling),
                     seconds_at_this_rate(config, snapshot, before, elapsed)});
    if (level_of(config, snapshot) > level_of(config, *worst)) worst = &snapshot;
  }
  const Snapshot now = *worst;
  const Level level = level_of(config, now);
  remember(snapshots[0], level);
  out.wait_seconds = wait;
  const bool is_low = level >= Level::term;
  if (!is_low) in_vain_at_ = 0;
  if (level == Level::none) {
    if (now.memory_available > threshold_of(config, Level::warn, now) / 100 * 105) warned_ = false;
    // That memory is back after a warning is for a full look to see.
    if (!warned_) look_quickly_from_now(wait);
    return out;
  }
  // Whoever fell below the first threshold at once is not kept waiting by a warning.
  if (!warned_ && !is_low) report_.warning(config, now);
  warned_ = true;
  if (!is_low) return out;
  // Memory is looked at as often as ever; all processes, where there was nobody to be ended, only
  // when it has fallen further or a second has passed.
  const bool falls = now.memory_available + now.memory_total / kNoise < in_vain_with_;
  if (in_vain_at_ != 0 && !falls && monotonic_ms() - in_vain_at_ < kVainMs) {
    out.wait_seconds = std::max(wait, kSteadyWait);
    return out;
  }
  const Done done = act(config, level, now);
  out.acted = done == Done::acted;
  out.missed = done == Done::missed;
  const bool in_vain = done == Done::nobody || dry_run_;
  in_vain_at_ = in_vain ? monotonic_ms() : 0;
  in_vain_with_ = now.memory_available;
  missed_ = out.missed ? missed_ + 1 : 0;
  // After an action the memory is looked at again at once, and so it is when the one who was chosen
  // could not be signalled: somebody else may be.
  const bool at_once = (out.acted && !dry_run_) || (out.missed && missed_ <= kMostMisses);
  out.wait_seconds = at_once ? 0 : std::max(wait, kSteadyWait);
  return out;
}

void Watch::tell_unread(int error_number) {
  if (!is_news(said_trouble_)) return;
  said_trouble_ = monotonic_ms();
  FixedText<128> words("cannot read how much memory there is: ");
  words += std::strerror(error_number);
  report_.trouble(words);
}

void Watch::look_quickly_from_now(double wait) {
  if (const auto free = free_now_()) quick_look_.remember(last_, *free, wait, looked_at_);
}

void Watch::remember(const Snapshot& machine, Level level) {
  last_ = machine;
  looked_at_ = monotonic_ms();
  if (level != Level::none) return;
  calm_ = machine;
  has_calm_ = true;
  held_.reset();
  said_nobody_ = 0;
  said_tmpfs_ = 0;
  said_dry_run_ = 0;
  said_recovered_ = 0;
}

bool Watch::is_news(std::int64_t& said_at) const {
  return said_at == 0 || monotonic_ms() - said_at >= kMinuteMs;
}

Watch::Done Watch::act(const Config& config, Level level, const Snapshot& snapshot) {
  const Unit* victim = survey_.find_victim(config, snapshot);
  const auto* before = victim;
  victim = spare_innocents(config, snapshot, victim);
  if (victim == nullptr && before != nullptr) return Done::nobody;
  if (victim != nullptr) return end(config, *victim, level, snapshot);
  if (is_news(said_nobody_)) {
    said_nobody_ = monotonic_ms();
    survey_.complete(config, 10);
    report_.no_victim(config, survey_, level, snapshot);
  }
  return Done::nobody;
}

// Since files were found to be what fills the machine, has it become fuller by something else?
bool Watch::is_process_growth(const Snapshot& snapshot) {
  if (!held_) return false;
  const auto fell = held_->available - std::min(held_->available, snapshot.memory_available);
  const auto grew = snapshot.shmem - std::min(held_->shmem, snapshot.shmem);
  if (fell <= snapshot.memory_total / kEnough) return false;
  if (grew < fell / kHalf) return true;
  held_ = {snapshot.memory_available, snapshot.shmem};
  return false;
}

// Where files in a tmpfs are what fills the machine, nobody who does not hold them has to go for
// it: the job with the most shared memory, a process that holds as much itself, or nobody.
const Unit* Watch::spare_innocents(const Config& config, const Snapshot& snapshot,
                                   const Unit* victim) {
  const auto below = [](std::uint64_t now, std::uint64_t before) {
    return before > now ? before - now : 0;
  };
  // What was used up since memory was plentiful; without such a moment (--once), all that is in
  // use.
  std::uint64_t used = below(snapshot.memory_available, snapshot.memory_total);
  std::uint64_t shared = snapshot.shmem;
  const std::uint64_t since = below(snapshot.memory_available, calm_.memory_available);
  if (has_calm_ && calm_.within == snapshot.within.view() &&
      since > snapshot.memory_total / kEnough) {
    used = since;
    shared = below(calm_.shmem, snapshot.shmem);
  }
  if (shared < used / kHalf || is_process_growth(snapshot)) return victim;
  const auto mount = fullest_tmpfs(roots_);
  if (!mount || mount->used_by_all < shared) return victim;
  if (victim != nullptr && victim->shmem >= shared / kHalf) return victim;
  if (const auto* job = survey_.largest_by_shmem(); job != nullptr && job->shmem >= shared / kHalf)
    return survey_.take_instead(*job, Why::holds_the_tmpfs);
  if (!held_) held_ = {snapshot.memory_available, snapshot.shmem};
  if (is_news(said_tmpfs_)) {
    said_tmpfs_ = monotonic_ms();
    report_.tmpfs_full(config, snapshot, *mount);
  }
  return nullptr;
}

Watch::Done Watch::end(const Config& config, const Unit& victim, Level level,
                       const Snapshot& snapshot) {
  if (dry_run_) {
    // It goes on being low: the same victim is told once a minute.
    if (victim.pid == said_victim_ && !is_news(said_dry_run_)) return Done::acted;
    said_victim_ = victim.pid;
    said_dry_run_ = monotonic_ms();
    survey_.complete(config, 10);
    report_.kill(config, survey_, victim, level, snapshot, ActionResult(), true);
    return Done::acted;
  }
  Action action(config, sensor_, survey_, notify_, releaser_);
  bool struck = action.prepare(victim, level, snapshot);
  if (struck) {
    report_.announce(victim, level);
    struck = action.strike();
  }
  if (!struck) {
    const bool refused = action.result().ended == Ended::refused;
    if (refused) survey_.leave_out(victim, Why::untouchable);
    // Memory that hovers at the threshold would fill the journal.
    if (!refused && !is_news(said_recovered_)) return Done::missed;
    if (!refused) said_recovered_ = monotonic_ms();
    report_.recovered(victim, action.result());
    return Done::missed;
  }
  survey_.complete(config, 10);
  const auto number =
      report_.kill(config, survey_, victim, level, snapshot, action.result(), false);
  action.finish();
  if (action.result().ended == Ended::still_there) survey_.leave_out(victim, Why::stuck);
  report_.outcome(number, victim, action.result());
  return Done::acted;
}

}  // namespace jobward::watchdog
