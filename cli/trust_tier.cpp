#include "cli/trust_tier.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cli/child_program.h"
#include "trust/key_file.h"

namespace jobward::cli {
namespace {

bool sudo_asks_nothing() {
  const auto end = ask_program({"sudo", "-n", "true"}, "");
  return end && end->status == 0;  // else there is no sudo, or it asks
}

}  // namespace

trust::TierVerdict trust_tier(const LoadedPolicy& policy, const std::string& state_directory) {
  trust::TierFacts facts;
  facts.caller = ::geteuid();
  facts.system_policy = !policy.file.empty() && !policy.from_project && !policy.by_variable;
  struct stat state {};
  facts.state_owner = ::stat(state_directory.c_str(), &state) == 0 ? state.st_uid : facts.caller;
  const auto pool = policy.trust.pools.find(policy.trust.caps_pool);
  const auto own = trust::KeyFiles(state_directory).list();
  if (pool != policy.trust.pools.end())
    for (const auto& key : policy.trust.members(pool->second)) {
      ++facts.deciding_keys;
      if (key.key.kind == trust::KeyKind::sk_ssh_ed25519) ++facts.on_tokens;
      if (!own) continue;
      const bool here = std::any_of(own->keys.begin(), own->keys.end(), [&](const auto& info) {
        return info.key.point == key.key.point;
      });
      if (here) ++facts.secrets_here;
    }
  if (facts.caller != 0 && facts.system_policy) facts.passwordless_sudo = sudo_asks_nothing();
  return trust::judge_tier(facts);
}

}  // namespace jobward::cli
