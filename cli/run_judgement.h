// What has to be so before a run starts, and after it: contracts, stamps, the guard.
#pragma once

#include <optional>
#include <string>

#include "cli/run_contracts.h"
#include "cli/run_flags.h"
#include "cli/run_guard.h"
#include "cli/session.h"
#include "cli/stamp_desk.h"
#include "launcher/job_runner.h"

namespace jobward::cli {

// What it was judged by before it starts, and will be after it.
struct Judged {
  RunContracts contracts;
  RunGuard guard;
  StampWishes stamps;
};

// What speaks against it goes into the order as a refusal, with what was found. What is refused
// anyway must not ask for an approval: the guard of runs comes last. `no_wall_limit`: --no-time.
Result<Judged> judge(const RunFlags& flags, bool no_wall_limit, bool dry_run, Session& session,
                     launcher::RunOrder& order);

// For RunHooks::last_word, directly before it is spawned: what was judged may be otherwise by now.
std::optional<std::string> last_word(Judged& judged, const Session& session,
                                     launcher::RunOrder& order, bool waited);

}  // namespace jobward::cli
