// jobward watchdog once: what cron calls every minute.
#include <cstdio>

#include "cli/arguments.h"
#include "cli/child_program.h"
#include "cli/run_reference.h"
#include "cli/watchdog_command.h"
#include "cli/watchdog_places.h"
#include "cli/watchdog_records.h"
#include "common/exit_codes.h"

namespace jobward::cli {
namespace {

constexpr const char* kName = "watchdog once";

// The status of the watchdog; kUsage, "cannot check", for any that it does not know.
int check_memory(const WatchdogOnce& options) {
  const auto programs = find_programs();
  if (!programs) return failure(kName, programs.error().message(), exit_code::kUsage);
  std::vector<std::string> argv{programs->watchdog, "--once"};
  argv.insert(argv.end(), options.passed_on.begin(), options.passed_on.end());
  std::fflush(stdout);
  const auto status = run_program(argv);
  if (!status) return failure(kName, status.error().message(), exit_code::kUsage);
  if (*status >= 0 && *status <= 2) return *status;
  return failure(kName, "jobward-watchdog ended with status " + std::to_string(*status),
                 exit_code::kUsage);
}

}  // namespace

int watchdog_once(const WatchdogOnce& options) {
  const int status = check_memory(options);
  // The rest is done whatever came of it: it may be why memory is short. A dry run ends nothing.
  if (options.dry_run) {
    const SystemClock clock;
    take_in_watchdog(open_records(clock), clock);
  } else {
    open_desk(kName);
  }
  return status;
}

}  // namespace jobward::cli
