#include "cli/signing.h"

#include "common/text.h"
#include "trust/passphrase.h"
#include "trust/ssh_agent.h"

namespace jobward::cli {
namespace {

Result<trust::SecretKey> open_file(const TrustDesk& desk, const trust::KeyInfo& info) {
  if (info.agent) return desk.keys().open(info, std::nullopt);
  auto passphrase = trust::ask_passphrase("passphrase of key " + info.name, false,
                                          environment_variable("JOBWARD_PASSPHRASE_FD"));
  if (!passphrase) return tl::unexpected(std::move(passphrase).error());
  auto key = desk.keys().open(info, *passphrase);
  trust::wipe(*passphrase);
  return key;
}

// Why not, of each key that was looked at.
class Search {
 public:
  Search(const TrustDesk& desk, const SigningChoice& choice, const May& may)
      : desk_(desk), choice_(choice), may_(may) {}

  // The trusted key, if this one may be used.
  const trust::TrustedKey* usable(const trust::PublicKey& key, const std::string& name) {
    const auto* known = desk_.policy.trust.find(key);
    const std::string id = trust::key_id(key);
    if (!choice_.key.empty() && choice_.key != name && !id.starts_with(choice_.key)) return nullptr;
    std::optional<std::string> why;
    if (known == nullptr)
      why = "the policy does not trust it (`jobward keys trust`)";
    else if (!choice_.role.empty() && known->role != choice_.role)
      why = "its role is " + known->role;
    else
      why = may_(*known);
    if (!why) return known;
    problems_ += (problems_.empty() ? "" : "; ") + printable(name) + " (" + id + "): " + *why;
    return nullptr;
  }

  [[nodiscard]] tl::unexpected<Error> nothing() const {
    return error("find", "a key to sign with",
                 problems_.empty() ? "there is none here: `jobward keys new` makes one, and an SSH "
                                     "agent is asked where SSH_AUTH_SOCK names it"
                                   : problems_);
  }

 private:
  const TrustDesk& desk_;
  const SigningChoice& choice_;
  const May& may_;
  std::string problems_;
};

Result<std::optional<Chosen>> from_files(const TrustDesk& desk, Search& search) {
  auto files = desk.keys().list();
  if (!files) return tl::unexpected(std::move(files).error());
  for (const auto& problem : files->problems)
    say(problem);
  for (const auto& info : files->keys) {
    const auto* known = search.usable(info.key, info.name);
    if (known == nullptr) continue;
    auto key = open_file(desk, info);
    if (!key) return tl::unexpected(std::move(key).error());
    return Chosen{std::make_unique<trust::SecretKey>(std::move(*key)), *known};
  }
  return std::nullopt;
}

Result<std::optional<Chosen>> from_agent(Search& search) {
  const auto socket = environment_variable("SSH_AUTH_SOCK");
  if (!socket) return std::nullopt;
  auto agent = trust::SshAgent::connect(*socket);
  if (!agent) {
    say(agent.error().message());
    return std::nullopt;
  }
  auto keys = (*agent)->keys();
  if (!keys) return tl::unexpected(std::move(keys).error());
  for (const auto& one : *keys)
    if (const auto* known = search.usable(one.key, one.comment))
      return Chosen{std::make_unique<trust::AgentSigner>(*agent, one.key), *known};
  return std::nullopt;
}

}  // namespace

Result<Chosen> choose_signer(const TrustDesk& desk, const SigningChoice& choice, const May& may) {
  Search search(desk, choice, may);
  auto found = from_files(desk, search);
  if (found && !*found) found = from_agent(search);
  if (!found) return tl::unexpected(std::move(found).error());
  if (!*found) return search.nothing();
  return std::move(**found);
}

Result<trust::SecretKey> open_own_key(const TrustDesk& desk, const std::string& name) {
  auto files = desk.keys().list();
  if (!files) return tl::unexpected(std::move(files).error());
  for (const auto& info : files->keys)
    if (info.name == name) return open_file(desk, info);
  return error("find", "the key \"" + printable(name) + "\"",
               "there is none of that name; `jobward keys list` has them");
}

}  // namespace jobward::cli
