// What this machine holds jobs to, and on whose word: for `doctor` and `run --dry-run`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "cli/policy.h"
#include "host/backends/backend.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {

// A line a limit; where the kernel does not hold it, why not and what mends it.
std::string support_table(const host::Support& support);
// "CPUs need the cpu controller; mend it with `…`"; empty where the kernel holds it.
std::string gap_words(const host::LimitSupport& support);

// {"memory": "kernel", …} for every limit that can be asked for.
nlohmann::ordered_json enforcement_json(const host::Support& support);
// {"cpus": {"why": …, "mend": …}} for those that the kernel does not hold.
nlohmann::ordered_json gaps_json(const host::Support& support);

using Aggregate = std::optional<launcher::AggregateCap>;
std::string aggregate_words(const Aggregate& aggregate);  // "90 % of the memory (default)"
nlohmann::ordered_json aggregate_json(const Aggregate& aggregate);

// "a, b", or "none".
std::string list_words(const std::vector<std::string>& entries);
// `problem`: why the policy cannot be obeyed; empty: it can, or there is none.
std::string policy_words(const LoadedPolicy& policy, const std::string& problem);
nlohmann::ordered_json policy_json(const LoadedPolicy& policy, const std::string& problem);

}  // namespace jobward::cli
