// Signing through an SSH agent (draft-miller-ssh-agent), so that a hardware key or `ssh-add -c` has
// somebody say yes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "trust/keys.h"

namespace jobward::trust {

struct AgentKey {
  PublicKey key;
  std::string comment;
};

class SshAgent {
 public:
  // At the socket that SSH_AUTH_SOCK names.
  static Result<std::shared_ptr<SshAgent>> connect(const std::string& socket);
  // Its Ed25519 keys, also those on FIDO tokens; others it has are left out.
  Result<std::vector<AgentKey>> keys();
  // An SSHSIG of the namespace "jobward". Waits two minutes for a touch or a confirmation.
  Result<std::string> sign(const PublicKey& key, std::string_view message);

 private:
  explicit SshAgent(Fd fd) : fd_(std::move(fd)) {}
  Result<std::string> ask(const std::string& request);
  Fd fd_;
};

class AgentSigner final : public Signer {
 public:
  AgentSigner(std::shared_ptr<SshAgent> agent, PublicKey key)
      : agent_(std::move(agent)), key_(std::move(key)) {}
  [[nodiscard]] const PublicKey& key() const override { return key_; }
  [[nodiscard]] Result<std::string> sign(std::string_view message) const override {
    return agent_->sign(key_, message);
  }

 private:
  std::shared_ptr<SshAgent> agent_;
  PublicKey key_;
};

}  // namespace jobward::trust
