// One unit held so that no newcomer can be hit in its place, and what is done to it. No allocation.
#pragma once

#include "common/fd.h"
#include "host/observe/job_scan.h"
#include "host/observe/kill_mark.h"
#include "watchdog/releaser.h"
#include "watchdog/sense.h"
#include "watchdog/unit.h"

namespace jobward::watchdog {

// A process by its pidfd, a job by its directories. Move-only; must not outlive `processes`.
class Target {
 public:
  // Not valid: it is gone. After this the unit's identity has to be checked once more
  // (Survey::is_same): what was opened may be a newcomer.
  static Target open(const Unit& unit, const Sensor& sensor, host::ProcessScan& processes);

  [[nodiscard]] bool valid() const { return static_cast<bool>(handle_); }
  // For the job's supervisor: what ended it. Nothing on a process.
  void mark(const host::KillMark& mark) const;
  // Takes that back: nothing was signalled.
  void unmark() const;
  // To the process, or to every process of the job. False: nobody could be signalled (errno).
  bool send(int signal);
  // Has the memory of those that were sent SIGKILL given back. False: they do it themselves.
  bool release(const Releaser& releaser) const;
  // No process is left; waits up to so long.
  bool is_gone(int timeout_ms);

 private:
  host::ProcessScan* processes_ = nullptr;
  FixedText<host::kLongestCgroup> cgroup_;
  Fd handle_;   // pidfd, or the job's directory where memory is counted
  Fd unified_;  // hybrid: its directory in the v2 hierarchy
  bool is_job_ = false;
  bool v2_ = true;
};

}  // namespace jobward::watchdog
