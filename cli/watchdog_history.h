// jobward history --watchdog.
#pragma once

#include "cli/run_reference.h"

namespace jobward::cli {

struct WatchdogView {
  bool wanted = false;
  bool all = false;  // also starts, stops and warnings
};

// Prints it; the exit status.
int watchdog_history(const RunDesk& desk, const WatchdogView& view, int limit, bool json);

// Forgets what is older than `moment`. How many events.
Result<long long> prune_watchdog_records(const RunDesk& desk, UnixMillis moment);

}  // namespace jobward::cli
