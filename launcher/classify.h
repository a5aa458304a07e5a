// How a run ended, from what was counted. Pure. 137 alone never proves anything.
#pragma once

#include <optional>
#include <string>

#include "common/job_types.h"
#include "host/backends/backend.h"

namespace jobward::launcher {

// What the supervisor saw and did.
struct Supervision {
  ExitStatus main;
  double wall_seconds = 0;
  bool wall_limit_hit = false;  // the wall limit was over while the main process was still alive
  bool killed_for_memory =
      false;  // the supervisor killed the job at its memory limit (event or polled)
  std::optional<int> stop_signal;  // INT, TERM, HUP or QUIT that the supervisor itself was sent
};

struct Classification {
  Outcome outcome = Outcome::ok;
  std::string cause;          // in words: which limit, its value, the peak, who killed
  int exit_code = 0;          // for scripts: the job's own, 124, 137, 128+n
  bool from_job = true;       // exit_source: job or jobward
  std::optional<int> signal;  // that ended the main process
  // INT, QUIT, TERM, HUP: the supervisor ends itself the same way, so that shell loops end as they
  // should.
  std::optional<int> die_of;
  // The need is only known to be larger than what was measured.
  bool memory_censored = false;
  bool wall_censored = false;
  bool ended_early = false;  // not at a memory limit: see profiles::Observed
};

Classification classify(const Supervision& seen, const host::OomCounters& oom, const Limits& limits,
                        const Usage& usage);

// "SIGKILL", or "signal 42" where it has no name.
std::string signal_name(int signal);

}  // namespace jobward::launcher
