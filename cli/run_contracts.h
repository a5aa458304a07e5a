// The contracts of a run: --require is checked before it starts, --verify after it has ended well.
//
// The checks run in a process of their own (`jobward verify`): the supervisor keeps neither the
// engine's memory nor its threads, and outlives its crash.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/finding.h"
#include "common/result.h"
#include "launcher/job_runner.h"
#include "trust/guard.h"
#include "trust/policy.h"
#include "verify/contract.h"

namespace jobward::cli {

struct RunContracts {
  // As it was before the job, which could write it.
  struct One {
    verify::Contract contract;
    std::string foreign;  // the project it lies in, if that is not the run's
  };
  std::vector<One> required;
  std::vector<One> verified;

  [[nodiscard]] bool any() const { return !required.empty() || !verified.empty(); }
  // What is to be checked, for --dry-run.
  [[nodiscard]] std::vector<std::string> remarks() const;
};

// Reads them. What they are called goes into `terms`: the id, of a contract of another project with
// that: one of the same id that lies elsewhere is another. `cwd`: of the job. An error: one cannot
// be read, or needs an engine that is not there: told before the job, not after it.
Result<RunContracts> read_run_contracts(const std::vector<std::string>& require,
                                        const std::vector<std::string>& verify,
                                        const std::string& cwd, trust::RunTerms& terms);

// Where the policy of the run's project requires baselines, one that lies in another project has to
// be refused: it would be judged by that project's policy. Why; absent: it is not so.
std::optional<std::string> foreign_contract(const RunContracts& contracts,
                                            const trust::TrustPolicy& policy);

// Checks what is required: what was found goes into the order, and if it halts a refusal. Also
// refuses where a contract of --verify demands less than it did, before the job has run in vain.
// `dry_run`: looks at no data, records nothing.
Status require_contracts(const RunContracts& contracts, launcher::RunOrder& order, bool dry_run);

// Once more, after it had to wait: the data may be others by now. A reason not to start; absent:
// none. What was found is in the order instead of what was found before.
std::optional<std::string> require_again(const RunContracts& contracts, launcher::RunOrder& order);

// For RunHooks::check_product: the contracts of --verify, in order; those after a HARD_FAIL are not
// checked. What could not be checked is a HARD_FAIL.
std::vector<Finding> verify_product(const RunContracts& contracts, const std::string& run);

}  // namespace jobward::cli
