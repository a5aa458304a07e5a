// A report of verification for people.
#pragma once

#include <string>

#include "cli/contract_check.h"

namespace jobward::cli {

// What the guard has to say, a line for each check, failed ones with samples below; then the
// verdict.
// `verbose`: what was looked at, with digests, and what it cost.
std::string verify_text(const ContractVerdict& verdict, bool verbose);

}  // namespace jobward::cli
