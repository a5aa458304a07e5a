// What the commands of trust work with: the policy in force, the ledger, the decisions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/policy.h"
#include "cli/session.h"
#include "common/clock.h"
#include "common/finding.h"
#include "profiles/project.h"
#include "trust/decisions.h"
#include "trust/key_file.h"
#include "trust/ledger.h"

namespace jobward::cli {

struct TrustDesk {
  SystemClock clock;
  LoadedPolicy policy;
  std::string policy_problem;  // it is there and cannot be obeyed
  profiles::Project project;
  std::string state_directory;
  profiles::Actor actor;
  std::unique_ptr<trust::Circumstances> circumstances;
  std::unique_ptr<trust::Ledger> ledger;
  std::unique_ptr<trust::Decisions> decisions;

  [[nodiscard]] trust::KeyFiles keys() const { return trust::KeyFiles(state_directory); }
};

// Of the working directory's project. A head of the ledger that is due is signed and exported. That
// the policy has changed since the last time goes into the
// ledger. A policy that cannot be obeyed is an error unless `tolerant`, which then sets
// policy_problem.
enum class Tolerance { strict, tolerant };
Result<std::unique_ptr<TrustDesk>> open_trust_desk(Tolerance tolerance = Tolerance::strict);
// The same for the project that encloses this directory (absolute), links followed.
Result<std::unique_ptr<TrustDesk>> open_trust_desk_at(const std::string& directory,
                                                      Tolerance tolerance = Tolerance::strict);
// With the policy, and for the project of a run.
Result<std::unique_ptr<TrustDesk>> open_trust_desk(const LoadedPolicy& policy,
                                                   const profiles::Project& project);

// Kills by the watchdog that are on record and not in the ledger yet. Each once, whoever calls.
Status take_kills_into_ledger(const Records& records, const Clock& clock);

// What was found of a run and did not pass, and is not there already: by Jobward itself, stamps and
// reviews that do not hold, contracts that could not be checked.
Status take_findings_into_ledger(const LoadedPolicy& policy, const profiles::RunRequest& request,
                                 const std::vector<Finding>& findings);

// Of all policy files that could be in force here, whether one has changed since it was seen last.
Status note_policy(TrustDesk& desk);

}  // namespace jobward::cli
