#include "trust/tier.h"

namespace jobward::trust {
namespace {

constexpr const char* kT0 =
    "T0, the agent's own uid: tamper-evident at best; an agent of this uid can read keys, ptrace, "
    "edit hooks";
constexpr const char* kT1 =
    "T1, a separate uid: state, keys and policy belong to another account than the caller's";
constexpr const char* kT2 =
    "T2, signed elsewhere: approvals need a key that this uid does not hold";

}  // namespace

TierVerdict judge_tier(const TierFacts& facts) {
  TierVerdict out{Tier::t0, kT0, {}};
  auto& why = out.reasons;
  if (facts.caller == 0) why.emplace_back("the caller is root, who can change everything");
  if (!facts.system_policy)
    why.emplace_back(
        "no root-owned policy is in force: who may approve is decided by files that "
        "this uid can write, or by a variable (JOBWARD_POLICY)");
  if (facts.passwordless_sudo) why.emplace_back("sudo without a password voids anything higher");
  const bool own_state = facts.state_owner == facts.caller;
  const bool bare = facts.caller != 0 && facts.system_policy && !facts.passwordless_sudo;
  if (bare && facts.deciding_keys > 0 && facts.secrets_here == 0) {
    out.tier = Tier::t2;
    out.words = kT2;
    if (facts.on_tokens < facts.deciding_keys)
      why.emplace_back("whether an SSH agent asks a person (ssh-add -c) cannot be seen from here");
    if (own_state)
      why.emplace_back(
          "the records belong to this uid: they are tamper-evident, against exported "
          "heads only, and in a copy of them an approval can be used once more");
    return out;
  }
  if (bare && !own_state) {
    out.tier = Tier::t1;
    out.words = kT1;
    why.emplace_back("agents that share one uid cannot be told apart");
    return out;
  }
  if (bare && facts.deciding_keys == 0)
    why.emplace_back("the policy trusts no key that may approve");
  if (bare && facts.secrets_here > 0)
    why.emplace_back("the secret half of " + std::to_string(facts.secrets_here) +
                     " key(s) that may approve lies in this uid's store");
  if (own_state) why.emplace_back("the records belong to this uid");
  return out;
}

}  // namespace jobward::trust
