// The system's policy: what no flag, preset or configuration can loosen.
#pragma once

#include <string>
#include <string_view>

#include "cli/config_files.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {

inline constexpr const char* kSystemPolicy = "/etc/jobward/policy.toml";

// [aggregate] memory: the cap on all jobs of one user together. [caps]: the keys of
// limit_options(). [blocks]: see block_keys.h. Errors as for parse_config().
Result<launcher::Policy> parse_policy(std::string_view text, const std::string& file);

struct LoadedPolicy {
  launcher::Policy policy;
  std::string file;     // that is in force; empty: none
  std::string warning;  // that something was ignored, why, and how to mend it; empty: nothing
};

// From `system_path`; only where nothing is there, from the file that JOBWARD_POLICY names: nobody
// can leave the system's policy by naming another. A file that is not root's own (see
// policy_objection) is ignored with a warning. One that cannot be read or understood is an error:
// no policy would be looser than what root meant.
Result<LoadedPolicy> load_policy(const Environment& environment,
                                 const std::string& system_path = kSystemPolicy);

}  // namespace jobward::cli
