// The policy: what no flag, preset or configuration can loosen, and who may allow an exception.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "cli/config_files.h"
#include "launcher/limit_plan.h"
#include "trust/policy.h"

namespace jobward::cli {

inline constexpr const char* kSystemPolicy = "/etc/jobward/policy.toml";
// In the project's root: only where neither the system nor JOBWARD_POLICY has one.
inline constexpr const char* kProjectPolicy = ".jobward/policy.toml";

// What one text says.
struct PolicyText {
  launcher::Policy limits;   // [aggregate], [caps] (limit_options()), [blocks] (block_keys.h)
  trust::TrustPolicy trust;  // the rest, see trust/policy.h; docs/policy.md has every key
};
// Errors as for parse_config().
Result<PolicyText> parse_policy(std::string_view text, const std::string& file);

struct LoadedPolicy {
  launcher::Policy policy;
  trust::TrustPolicy trust;
  std::string sha256;         // of the text; of no text where none is in force
  std::string file;           // that is in force; empty: none
  bool from_project = false;  // who works there can write it: tamper-evident only
  bool by_variable = false;   // JOBWARD_POLICY named it: counts while nobody unsets that
  std::string warning;        // that something was ignored, why, and how to mend it; empty: nothing
};

struct PolicyPlaces {
  std::string system = kSystemPolicy;
  std::string project;  // its root; empty: none
  uid_t user = 0;       // who runs us
};

// From `system`; only where nothing is there, from the file that JOBWARD_POLICY names: nobody can
// leave the system's policy by naming another; and where none of them is in force, from the
// project. One that is named beside a project's is an error. A file that is not root's own (see
// policy_objection) is ignored with a warning; the project's may also be the user's own. One that
// cannot be read or understood is an error: no policy would be looser than what was meant.
Result<LoadedPolicy> load_policy(const Environment& environment, const PolicyPlaces& places = {});

}  // namespace jobward::cli
