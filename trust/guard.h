// The guard of runs: may this command be run as it is asked for? Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/job_types.h"
#include "trust/policy.h"

namespace jobward::trust {

// A limit that is asked for beyond the policy's cap, in words ("64 GiB", "48 GiB").
struct BeyondCap {
  std::string resource;
  std::string asked;
  std::string cap;  // with its place
};

// What a run is held to and checked by.
struct RunTerms {
  bool no_memory_limit = false;
  bool no_time_limit = false;       // --no-time
  bool has_time_limit = false;      // asked for
  std::vector<std::string> verify;  // contracts: their ids, of other projects with these
  std::vector<std::string> require;
  std::vector<std::string> require_stamp;   // names, with what tells the audit
  std::vector<std::string> require_review;  // the pools of the review that it requires
  std::vector<std::string> guarded_flags;   // of the job itself, see split_guarded()
};

struct GuardAsk {
  std::vector<std::string> argv;        // as it would be run
  std::vector<std::string> shown_argv;  // secrets masked
  std::string cwd;
  std::string script_sha256;                       // empty: no script
  std::map<std::string, std::string> environment;  // those that the policy names: digests of values
  RunTerms terms;
  std::vector<BeyondCap> beyond_caps;
};

// The job's arguments, and those of them that the policy guards, with their values.
struct SplitArguments {
  std::vector<std::string> plain;
  std::vector<std::string> guarded;
};
SplitArguments split_guarded(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& patterns);

// Why it needs a review, one sentence each; empty: it does not. `recorded`: the last accepted run
// of this command; absent: there was none.
std::vector<std::string> reasons(const GuardAsk& ask, const std::optional<RunTerms>& recorded,
                                 const GuardRules& rules);

// What an approval covers: any change makes it another action. Canonical JSON, without secrets.
std::string action_text(const GuardAsk& ask);

// Of an accepted run, for the ledger and back.
std::string canonical_text(const RunTerms& terms);
std::optional<RunTerms> read_run_terms(std::string_view text);

}  // namespace jobward::trust
