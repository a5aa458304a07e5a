// The gate that every run goes through: recorded, judged, and let in, at once or after waiting.
#pragma once

#include "launcher/job_runner.h"

namespace jobward::launcher {

// True: it may start; `result.recorded` says whether there is a row. False: `result` says how it
// ended without having started. The run's lock is held by the caller from before until its end.
bool admit(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
           const RunHooks& hooks, RunResult& result);

// Writes down a run that never started, if that can be done.
void record_unstarted(const Workshop& shop, RunResult& result);

// Changes what a run that goes on has reserved, in one transaction, to `wanted` bytes if they are
// free, else to what is free if that is at least `least`. Else nothing has changed, and it says why
// not. It goes before those that wait to begin: what it has done is not thrown away.
tl::expected<double, std::string> reserve_more(const RunOrder& order, const Workshop& shop,
                                               double least, double wanted);

}  // namespace jobward::launcher
