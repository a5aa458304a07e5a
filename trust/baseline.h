// Does a contract demand less than it did? Pure.
#pragma once

#include <string>
#include <vector>

#include "common/contract_terms.h"

namespace jobward::trust {

// What the new terms have loosened, one sentence each; empty: nothing. Whatever cannot be put in an
// order (another dataset, another query) counts as loosened: only a person can tell.
std::vector<std::string> compare(const ContractTerms& before, const ContractTerms& after);

// Do the new terms demand something else at all?
bool same(const ContractTerms& before, const ContractTerms& after);

// Is `after`, under another id, a copy of `before`? More than half of its checks are in `before`:
// by id and primitive, or by primitive and all that is fixed.
// `same_data`: both read one file at least; then a check is also known by what it asks.
bool is_copy(const ContractTerms& before, const ContractTerms& after, bool same_data = false);

}  // namespace jobward::trust
