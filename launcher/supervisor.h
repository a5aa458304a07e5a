// The event loop around a running job.
#pragma once

#include <signal.h>

#include <optional>

#include "common/job_types.h"
#include "host/backends/backend.h"
#include "host/backends/spawn.h"
#include "launcher/classify.h"
#include "launcher/need_tracker.h"

namespace jobward::launcher {

// Blocks the signals that the supervisor takes through a descriptor: all that can be caught and do
// not speak of a fault of our own. Construct before anything is made that must be cleared away, on
// the main thread, and keep it until the record and the result are written: a second Ctrl-C must
// not lose them. The job gets `original()` back, so that its mask is as if it ran bare. SIGCHLD is
// set to its default meanwhile (who ignores it cannot wait for children). The destructor drops what
// is pending and restores both.
class SignalGate {
 public:
  SignalGate();
  SignalGate(const SignalGate&) = delete;
  SignalGate& operator=(const SignalGate&) = delete;
  ~SignalGate();
  [[nodiscard]] const sigset_t& blocked() const { return blocked_; }
  [[nodiscard]] const sigset_t& original() const { return original_; }
  // The caller ignored SIGCHLD; so must the job.
  [[nodiscard]] bool ignored_children() const { return ignored_children_; }

 private:
  sigset_t blocked_{};
  sigset_t original_{};
  bool ignored_children_ = false;
};

struct SupervisorOrder {
  const host::Spawned& child;
  host::JobGroup& group;
  const Limits& limits;
  const Enforcements& enforcement;
  double grace_seconds = 10;
  const SignalGate& signals;
};

// Watches until the main process has ended and is reaped. Samples memory into `tracker`; holds the
// wall limit (TERM to all, a grace, KILL to all) and a polled memory limit; answers a v1 OOM event
// by killing the whole job; forwards signals that were sent to the supervisor alone; stops itself
// when the job is stopped on a terminal. What the job leaves behind is for JobGroup::finish(). An
// error means that supervision itself broke; the job has then been killed.
Result<Supervision> supervise(const SupervisorOrder& order, NeedTracker& tracker);

}  // namespace jobward::launcher
