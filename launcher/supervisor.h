// The event loop around a running job.
#pragma once

#include "common/job_types.h"
#include "host/backends/backend.h"
#include "host/backends/spawn.h"
#include "launcher/classify.h"
#include "launcher/elastic.h"
#include "launcher/log_cap.h"
#include "launcher/need_tracker.h"
#include "launcher/signal_gate.h"

namespace jobward::launcher {

struct SupervisorOrder {
  const host::Spawned& child;
  host::JobGroup& group;
  const Limits& limits;
  const Enforcements& enforcement;
  const JobSettings& settings;
  double grace_seconds = 10;
  const SignalGate& signals;
  const host::KernelRoots& roots;
  LogCap logs;                 // of a detached run; else without files
  Elastic* elastic = nullptr;  // of a run whose memory limit is
};

// Watches until the main process has ended and is reaped. Samples memory into `tracker`; holds the
// limits that are polled (times: TERM to all, a grace, KILL to all; memory and processes: KILL);
// answers a v1 OOM event by killing the whole job, or gives an elastic one more; warns before
// limits; forwards signals that were sent to the supervisor alone; stops itself when the job is
// stopped on a terminal. What the job leaves behind is for JobGroup::finish(). An error means that
// supervision itself broke; the job has then been killed.
Result<Supervision> supervise(const SupervisorOrder& order, NeedTracker& tracker);

}  // namespace jobward::launcher
