// How far approvals and records can be trusted here, said honestly. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobward::trust {

// T0  the agent's own uid: tamper-evident at best
// T1  a separate uid owns state, keys and policy
// T2  the operator signs off the box, or with a key that asks a person
enum class Tier { t0, t1, t2 };

struct TierFacts {
  unsigned caller = 0;         // uid
  bool system_policy = false;  // root's own, in force
  bool passwordless_sudo = false;
  unsigned state_owner = 0;  // uid
  int deciding_keys = 0;     // trusted keys that can approve an override
  int secrets_here = 0;      // of them, those whose secret half lies in this store
  int on_tokens = 0;         // of them, those on FIDO tokens
};

struct TierVerdict {
  Tier tier = Tier::t0;
  std::string words;                 // "T0, the agent's own uid: tamper-evident at best"
  std::vector<std::string> reasons;  // why it is no higher, and what is not covered all the same
};
TierVerdict judge_tier(const TierFacts& facts);

}  // namespace jobward::trust
