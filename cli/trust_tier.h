// How far approvals and records can be trusted on this machine (trust/tier.h).
#pragma once

#include <string>

#include "cli/policy.h"
#include "trust/tier.h"

namespace jobward::cli {

// Asks sudo (without a password, for nothing) only where the answer matters.
trust::TierVerdict trust_tier(const LoadedPolicy& policy, const std::string& state_directory);

}  // namespace jobward::cli
