// The guard of `jobward run`: what needs a review is refused until one covers this very action.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/trust_desk.h"
#include "launcher/job_runner.h"
#include "trust/guard.h"

namespace jobward::cli {

// What a run was judged by; empty where nothing is guarded.
struct RunGuard {
  std::unique_ptr<TrustDesk> desk;
  trust::RunTerms terms;
  std::optional<trust::RunTerms> recorded;
  std::string command;  // subjects in the ledger: the command with numbers and paths masked,
  std::string program;  // and its program
  bool overridden = false;
  std::vector<std::string> remarks;  // to be told when it starts
};

// `terms`: but for the job's own flags. A refusal goes into `order`, with the decision by which it
// can be allowed; an approval is used up, and lifts the caps it covers in the session's policy.
// `dry_run`: nothing is asked for, used up or recorded. Costs nothing where the policy guards
// nothing and no review is required.
Result<RunGuard> guard_run(Session& session, launcher::RunOrder& order, trust::RunTerms terms,
                           const std::optional<std::string>& require_review, bool dry_run);

// After its end: if it was accepted (outcome ok, and by no override), it is what the next run of
// this command is compared with. What went wrong, in words; empty: nothing.
std::string accept_run(const RunGuard& guard, const launcher::RunResult& result);

}  // namespace jobward::cli
