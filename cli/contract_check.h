// A contract as the commands use it: held against what it demanded before, checked, on record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/trust_desk.h"
#include "common/finding.h"
#include "common/result.h"
#include "trust/baseline_guard.h"
#include "verify/contract.h"
#include "verify/report.h"
#include "verify/verify.h"

namespace jobward::cli {

// A contract that was read, and the desk of the project that it lies in: a contract is judged by
// what was demanded there, from wherever it is used.
struct ContractAtDesk {
  verify::Contract contract;
  std::unique_ptr<TrustDesk> desk;
  trust::ContractUse use;
};

// The project that it lies in, links followed.
profiles::Project contract_project(const verify::Contract& contract);

// `run`: the run that it is used for; empty: none.
// `tick`: asked while files are looked for.
Result<ContractAtDesk> bring_contract(verify::Contract contract, const std::string& run,
                                      const verify::Tick& tick = {});

// What came of it.
struct ContractVerdict {
  std::string contract;  // its id
  std::string path;
  // Absent: the guard has refused it, and no data were looked at.
  std::optional<verify::Report> report;
  // Of the guard and of all checks, in this order.
  std::vector<Finding> findings;
  std::string not_on_record;  // why; empty: it is in the ledger

  // 0, 1 (HARD_FAIL) or 2 (something could not be read, or is not on record).
  [[nodiscard]] int exit_status() const;
};

// Guard, checks, ledger, and the baseline where it was the first accepted use or a tightening. An
// error: nothing was checked.
Result<ContractVerdict> check_contract(ContractAtDesk& at, verify::Options options);

// Would the guard refuse it now? Why; absent: no. Nothing is used up.
Result<std::optional<std::string>> foresee_refusal(ContractAtDesk& at);
// The same, and the refusal is on record, with the decisions by which it can be allowed.
Result<std::optional<std::string>> refuse_if_loosened(ContractAtDesk& at);

}  // namespace jobward::cli
