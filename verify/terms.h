// What a contract demands, for the guards to compare.
#pragma once

#include "common/contract_terms.h"
#include "verify/contract.h"

namespace jobward::verify {

// Complete: whatever could loosen the contract shows as a bound that moves, a choice, a set or a
// changed fixed text. Paths are relative to the project, so that neither a moved checkout nor a
// contract that lies elsewhere in it hides what is checked.
ContractTerms terms_of(const Contract& contract);

}  // namespace jobward::verify
