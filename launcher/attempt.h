// One start of the job: its cgroup, the process, supervision, and what came out.
#pragma once

#include "launcher/job_runner.h"

namespace jobward::launcher {

// Fills `result`: its ending (not yet recorded), and one more of its attempts if the job was
// started. True if it was started.
bool run_attempt(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                 const RunHooks& hooks, RunResult& result);

}  // namespace jobward::launcher
