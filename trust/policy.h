// What the policy says of trust: whose keys count, who may approve what, what is guarded, where
// heads go. Its limits are read by cli/policy.h, from the same file. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/toml.h"
#include "trust/anchors.h"
#include "trust/keys.h"

namespace jobward::trust {

// Those whose role or name is listed, `threshold` of them. Of keys without a passphrase only where
// `agents` is set.
struct Pool {
  std::string name;
  std::vector<std::string> roles;
  std::vector<std::string> keys;  // names of [[keys]]
  int threshold = 1;
  bool agents = false;
  std::string where;  // FILE:LINE; empty: built in
};

struct GuardRules {
  bool no_limit = false;  // --no-limit needs a review
  bool no_time = false;   // --no-time does, and so does leaving out a --time that was there
  bool checks = false;  // leaving out a --verify, --require or --require-stamp that was there does
  // The job's own flags that need one where the recorded command has them not: "--no-*", and
  // "--max-rows=" for one with a value, behind '=' or as the next word.
  std::vector<std::string> flags;
  std::vector<std::string> environment;  // variables that are part of an action

  [[nodiscard]] bool any() const { return no_limit || no_time || checks || !flags.empty(); }
};

struct TrustPolicy {
  TrustedKeys keys;
  std::map<std::string, std::string> revoked;  // by key id: why
  std::map<std::string, Pool> pools;           // "operator" and "reviewer" are always there
  std::string caps_pool = "operator";          // for a limit above a cap and the guards' rest
  std::string downgrade_pool = "operator";     // for a contract that demands less
  std::string review_pool = "reviewer";        // for `review request` without --pool
  double valid_seconds = 24 * 3600;            // so long an approval can be used
  bool require_baseline = false;               // of every contract
  std::vector<std::string> required;           // of these
  GuardRules guard;
  std::vector<AnchorPlace> anchors;
  std::string heads_at;    // FILE:LINE of [ledger] heads; empty: not set
  std::string command_at;  // the same of [ledger] command

  TrustPolicy();
  [[nodiscard]] bool requires_baseline(const std::string& contract) const;
  // The keys that count in this pool: not revoked, and agents' only where they may.
  [[nodiscard]] TrustedKeys members(const Pool& pool) const;
  [[nodiscard]] const TrustedKey* find(const PublicKey& key) const;  // also if it is revoked
};

// Takes an entry of one of the sections here. Absent: there is no such key. The error has no place:
// the caller knows it.
std::optional<Status> read_trust_entry(const TomlEntry& entry, TrustPolicy& out);
// "approve.caps", "pools.NAME.roles", …
std::vector<std::string> trust_key_names();
// Is it a table that may stand there?
bool is_trust_section(const TomlEntry& entry);

// After the last entry: what one part says of another has to be there.
Status settle(const TrustPolicy& policy);

}  // namespace jobward::trust
