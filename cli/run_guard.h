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
  std::vector<std::string> remarks;  // to be told when it starts
  // Approvals that it needs, and uses up when it is spawned.
  struct Approval {
    trust::Decision decision;
    std::string action;
    trust::NewEntry entry;
    bool is_review = false;
  };
  std::vector<Approval> approvals;
  std::string action;  // what the guard's approval covers; empty: none was needed
  std::vector<trust::BeyondCap> beyond_caps;  // part of it: they are lifted by now

  [[nodiscard]] bool overridden() const { return !action.empty(); }
};

// `terms`: but for the job's own flags and the review. A refusal goes into `order`, with the
// decision by which it can be allowed; where it is approved already the caps that it covers are
// lifted in the session's policy. `dry_run`: nothing is asked for or recorded. Costs nothing where
// the policy guards nothing and no review is required.
Result<RunGuard> guard_run(Session& session, launcher::RunOrder& order, trust::RunTerms terms,
                           const std::optional<std::string>& require_review, bool dry_run);

// Directly before it is spawned, after whatever it had to wait for: uses up the approvals. Why it
// must not start after all (one was used or has expired meanwhile, the script has changed); absent:
// it may.
std::optional<std::string> use_approvals(RunGuard& guard, const Session& session,
                                         const launcher::RunOrder& order);

// After its end: if it did its work (outcome ok or verify_failed, and by no override), what it was
// run with is what the next run of this command is compared with. What went wrong, in words; empty:
// nothing.
std::string accept_run(const RunGuard& guard, const launcher::RunResult& result);

}  // namespace jobward::cli
