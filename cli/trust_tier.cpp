#include "cli/trust_tier.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "trust/key_file.h"

extern char** environ;

namespace jobward::cli {
namespace {

bool sudo_asks_nothing() {
  const char* words[] = {"sudo", "-n", "true", nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  pid_t child = 0;
  const int failed =
      ::posix_spawnp(&child, words[0], &actions, nullptr, const_cast<char* const*>(words), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return false;  // there is no sudo
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
