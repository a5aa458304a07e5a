// --request-id: one launch at most under one id.
#pragma once

#include "launcher/job_runner.h"

namespace jobward::launcher {

// True: the run is to be started. False: an earlier one answers for it (`result.earlier`, after
// waiting for its end), or it is refused, as `result` says.
bool is_first_request(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                      const RunHooks& hooks, RunResult& result);

}  // namespace jobward::launcher
