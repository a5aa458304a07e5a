// What is found about a run beside its outcome.
#pragma once

#include "launcher/job_runner.h"

namespace jobward::launcher {

// Jobward's own: that the job needed more than was predicted (WARN), that the watchdog had to end
// it (HARD_FAIL).
void add_own_findings(RunResult& result);

// Has what the job produced checked, where it ended well; a failed check that halts is the run's
// own failure then.
void check_product(const RunHooks& hooks, RunResult& result);

}  // namespace jobward::launcher
