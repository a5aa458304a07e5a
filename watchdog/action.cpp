#include "watchdog/action.h"

#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "watchdog/clock.h"

namespace jobward::watchdog {
namespace {

constexpr int kPollMs = 5;
// The longest pause between two looks while a victim has not gone.
constexpr int kSlowPollMs = 50;
// So long a victim has to give back its memory itself; process_mrelease beside it takes a second
// processor for the same work.
constexpr std::int64_t kExitMs = 500;
// Unless somebody else goes on filling meanwhile: a hundredth of memory.
constexpr std::uint64_t kNoise = 100;
// After its exit what a process held is free but for what counters still carry (per CPU, up to a
// second's worth of vmstat updates).
constexpr std::int64_t kCountersMs = 200;

void pause_ms(int milliseconds) {
  const timespec time{0, milliseconds * 1000000L};
  ::nanosleep(&time, nullptr);
}

std::int64_t to_ms(double seconds) { return static_cast<std::int64_t>(seconds * 1000); }

}  // namespace

bool Action::sense() {
  const auto snapshots = sensor_.sense();
  worst_ = Level::none;
  until_kill_ = kLongestWait;
  for (const auto& snapshot : snapshots) {
    worst_ = std::max(worst_, level_of(config_, snapshot));
    until_kill_ = std::min(until_kill_, seconds_until_kill(config_, snapshot));
  }
  for (const auto& snapshot : snapshots)
    if (snapshot.within == now_.within.view()) {
      now_ = snapshot;
      const auto available = now_.memory_available;
      if (result_.sent_count > 0 && available > result_.available_before)
        result_.freed = std::max(result_.freed, available - result_.available_before);
      return true;
    }
  return false;
}

bool Action::prepare(const Unit& victim, Level level, const Snapshot& snapshot) {
  victim_ = victim;
  level_ = level;
  now_ = snapshot;
  result_ = ActionResult();
  result_.available_before = snapshot.memory_available;
  target_ = Target::open(victim_, sensor_, survey_.processes());
  if (!target_.valid() && errno != ESRCH && errno != ENOENT) {
    result_.ended = Ended::refused;
    result_.errnum = errno;
    return false;
  }
  if (!target_.valid() || !survey_.is_same(victim_)) {
    result_.ended = Ended::not_there;
    return false;
  }
  if (sense()) {
    const Level again = level_of(config_, now_);
    if (again < Level::term) return false;
    level_ = again;
    result_.available_before = now_.memory_available;
  }
  return true;
}

bool Action::strike() {
  mark_ = KillMark();
  mark_.time_ms = now_.time_ms;
  mark_.level = level_ == Level::kill ? KillLevel::kill : KillLevel::term;
  mark_.available = now_.memory_available;
  mark_.threshold = threshold_of(config_, level_, now_);
  mark_.size = victim_.size;
  target_.mark(mark_);
  if (!send(level_ == Level::kill || config_.grace_seconds <= 0)) {
    result_.errnum = errno;
    result_.ended = errno == ESRCH ? Ended::not_there : Ended::refused;
    target_.unmark();
    return false;
  }
  signalled_at_ = monotonic_ms();
  return true;
}

bool Action::send(bool kill) {
  if (!target_.send(kill ? SIGKILL : SIGTERM)) return false;
  result_.sent[result_.sent_count++] = {kill, wall_ms()};
  return true;
}

void Action::finish() {
  await_exit();
  if (result_.exited_after_ms) result_.ended = Ended::gone;
  await_memory();
}

// Who is gone is noticed at once all the same, where there is a pidfd. Until SIGKILL is out memory
// is looked at as often as it could fall to the KILL level; after it nothing is decided by it, and
// a machine that gives back memory has better to do than to be asked.
int Action::pace_ms(bool killed) const {
  if (killed) return kSlowPollMs;
  return static_cast<int>(std::clamp(until_kill_ * 1000, double{kPollMs}, double{kSlowPollMs}));
}

// Until it is gone. SIGKILL follows after the grace, or as soon as memory is at the KILL level here
// or anywhere else.
void Action::await_exit() {
  const std::int64_t settle = to_ms(config_.settle_seconds);
  const std::int64_t patience = std::min(kExitMs, settle / 2);
  std::optional<std::int64_t> killed_at;
  if (result_.sent[0].kill) killed_at = signalled_at_;
  std::uint64_t at_kill = now_.memory_available;
  bool asked = false;
  result_.ended = Ended::still_there;
  while (true) {
    notify_.beat();
    if (target_.is_gone(pace_ms(killed_at.has_value()))) {
      result_.exited_after_ms = monotonic_ms() - signalled_at_;
      return;
    }
    const bool sensed = sense();
    const Level level = sensed ? level_of(config_, now_) : level_;
    const std::int64_t now = monotonic_ms();
    if (killed_at) {
      const bool falls_on = now_.memory_available + now_.memory_total / kNoise < at_kill;
      if (!asked && (falls_on || now >= *killed_at + patience)) {
        result_.released = target_.release(releaser_);
        asked = true;
      }
      if (now >= *killed_at + settle) return;
      continue;
    }
    const bool over = now >= signalled_at_ + to_ms(config_.grace_seconds);
    if (over && level < Level::term) {
      result_.ended = Ended::spared;
      mark_.spared = true;
      target_.mark(mark_);
      return;
    }
    if (over || level == Level::kill || worst_ == Level::kill) {
      send(true);
      killed_at = now;
      at_kill = now_.memory_available;
    }
  }
}

void Action::await_memory() {
  const std::int64_t begun = monotonic_ms();
  const std::int64_t end = begun + (result_.ended == Ended::gone ? kCountersMs : 0);
  while (true) {
    if (sense()) result_.available_after = now_.memory_available;
    const bool enough = result_.freed >= victim_.size / 2;
    result_.verified = enough || level_of(config_, now_) < Level::term;
    if (result_.verified || monotonic_ms() >= end) return;
    pause_ms(kPollMs);
  }
}

}  // namespace jobward::watchdog
