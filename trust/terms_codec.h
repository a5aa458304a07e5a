// What a contract demands, as the text that the ledger keeps. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/contract_terms.h"

namespace jobward::trust {

// Canonical JSON; numbers as texts that read back as they were.
std::string canonical_text(const ContractTerms& terms);
// Absent: it is no such text.
std::optional<ContractTerms> read_terms(std::string_view text);

}  // namespace jobward::trust
