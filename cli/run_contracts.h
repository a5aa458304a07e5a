// The contracts of a run: --require is checked before it starts, --verify after it has ended well.
//
// The checks run in a process of their own (`jobward verify`): the supervisor keeps neither the
// engine's memory nor its threads, and outlives its crash.
#pragma once

#include <string>
#include <vector>

#include "common/finding.h"
#include "common/result.h"
#include "launcher/job_runner.h"
#include "trust/guard.h"

namespace jobward::cli {

struct RunContracts {
  // As it was before the job, which could write it.
  struct One {
    std::string path;
    std::string id;
    std::string sha256;
  };
  std::vector<One> required;
  std::vector<One> verified;

  [[nodiscard]] bool any() const { return !required.empty() || !verified.empty(); }
  // What is to be checked, for --dry-run.
  [[nodiscard]] std::vector<std::string> remarks() const;
};

// Reads them; their ids go into `terms`. An error: one cannot be read.
Result<RunContracts> read_run_contracts(const std::vector<std::string>& require,
                                        const std::vector<std::string>& verify,
                                        trust::RunTerms& terms);

// Checks what is required: what was found goes into the order, and if it halts a refusal. Also
// refuses where a contract of --verify demands less than it did, before the job has run in vain.
// `dry_run`: looks at no data, records nothing.
Status require_contracts(const RunContracts& contracts, launcher::RunOrder& order, bool dry_run);

// For RunHooks::check_product: the contracts of --verify, in order; those after a HARD_FAIL are not
// checked. What could not be checked is a HARD_FAIL.
std::vector<Finding> verify_product(const RunContracts& contracts, const std::string& run);

}  // namespace jobward::cli
