// Ending one unit: sense again, check who it is, mark, TERM, a grace, KILL, and see whether the
// memory came back. No allocation until the victim is signalled.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/kill_mark.h"
#include "watchdog/decide.h"
#include "watchdog/notify.h"
#include "watchdog/releaser.h"
#include "watchdog/survey.h"
#include "watchdog/target.h"

namespace jobward::watchdog {

enum class Ended : std::uint8_t {
  recovered,   // memory was back before anything was signalled
  not_there,   // the victim had gone by itself, or another has its pid
  refused,     // we may not signal it
  gone,        // it has exited
  spared,      // it ignored SIGTERM, but memory is back
  still_there  // it has not exited, SIGKILL notwithstanding
};

struct Sent {
  bool kill = false;  // else SIGTERM
  std::int64_t time_ms = 0;
};

struct ActionResult {
  Ended ended = Ended::recovered;
  std::array<Sent, 2> sent{};
  std::size_t sent_count = 0;
  std::optional<std::int64_t> exited_after_ms;  // since the first signal
  std::uint64_t available_before = 0;           // bytes
  std::uint64_t available_after = 0;
  std::uint64_t freed = 0;  // the most that more was available than before
  bool verified = false;    // the memory came back
  bool released = false;    // it took too long to: process_mrelease was ordered
  int errnum = 0;           // of `refused`
};

// An action in two steps, so that what was done can be recorded between them.
class Action {
 public:
  // The references have to outlive it. `notify`: systemd is told that we live, however long the
  // grace.
  Action(const Config& config, Sensor& sensor, Survey& survey, Notify& notify,
         const Releaser& releaser)
      : config_(config), sensor_(sensor), survey_(survey), notify_(notify), releaser_(releaser) {}

  // Holds the victim and looks again. False: memory is back, or the victim is not who it was
  // (result().ended).
  bool prepare(const Unit& victim, Level level, const Snapshot& snapshot);
  // Marks and signals it. False: nothing was signalled, and result().ended says why.
  bool strike();
  // Waits until it is gone and the memory is back, or a bound has passed.
  void finish();

  [[nodiscard]] const ActionResult& result() const { return result_; }

 private:
  bool send(bool kill);
  void await_exit();
  [[nodiscard]] int pace_ms(bool killed) const;
  void await_memory();
  // The snapshot of the same place as the one that was acted on; false: it cannot be read.
  bool sense();

  const Config& config_;
  Sensor& sensor_;
  Survey& survey_;
  Notify& notify_;
  const Releaser& releaser_;
  Unit victim_;
  Target target_;
  Level level_ = Level::term;
  Snapshot now_;
  std::int64_t signalled_at_ = 0;  // monotonic, ms
  KillMark mark_;
  Level worst_ = Level::none;  // of all places, when they were looked at last
  double until_kill_ = 0;      // of all places, seconds
  ActionResult result_;
};

}  // namespace jobward::watchdog
