// The guard of contracts: a step down from what is on record is refused until it is approved.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/contract_terms.h"
#include "common/finding.h"
#include "common/result.h"
#include "trust/decisions.h"
#include "trust/ledger.h"

namespace jobward::trust {

// A contract that is about to be used, or was.
struct ContractUse {
  ContractTerms terms;
  std::vector<std::string> datasets;  // absolute paths or globs; by them a copy is known
  std::string path;                   // of the contract, absolute; for people, never a key
  std::string run;                    // empty: `jobward verify` by itself
  profiles::Actor actor;
};

struct BaselineVerdict {
  bool allowed = false;
  // Not allowed: the HARD_FAIL that says so, with what was loosened and the commands by which an
  // operator can allow it. It is in the ledger already. Allowed by an override: a WARN, there too.
  std::optional<Finding> finding;
  std::vector<std::string> loosened;
  bool overridden = false;
  // What accept_contract() has to do: nothing is on record, or something that demands less.
  bool becomes_baseline = false;
};

// look_only: nothing is used up, asked for or recorded; what is approved counts as allowed.
enum class Approvals { use_up, look_only };

// Before the contract's checks. The one call for `jobward verify`, `run --verify` and `--require`:
// with `allowed` false it is a HARD_FAIL, whatever the data say. Keyed by project (of the
// decisions' audience) and the contract's id. An approval is used up by it.
Result<BaselineVerdict> judge_contract(Ledger& ledger, Decisions& decisions, const ContractUse& use,
                                       Approvals approvals = Approvals::use_up);

// After the checks, if none of them was a HARD_FAIL: the first accepted use, or a tightening,
// becomes the baseline. Does nothing where nothing changes.
Status accept_contract(Ledger& ledger, const Decisions& decisions, const ContractUse& use,
                       const BaselineVerdict& verdict);

}  // namespace jobward::trust
