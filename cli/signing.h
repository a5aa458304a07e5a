// The key that somebody signs with: one of his files, or one that his SSH agent holds.
#pragma once

#include <memory>
#include <string>

#include "cli/trust_desk.h"
#include "trust/keys.h"

namespace jobward::cli {

struct SigningChoice {
  std::string key;   // --key: the name of a key file, or an id of a key in the agent; empty: any
  std::string role;  // --as; empty: any
};

// A key that the policy trusts, with which `may` finds no fault; absent text: it may. Asks for the
// passphrase where it needs one.
struct Chosen {
  std::unique_ptr<trust::Signer> signer;
  trust::TrustedKey key;
};
using May = std::function<std::optional<std::string>(const trust::TrustedKey& key)>;
Result<Chosen> choose_signer(const TrustDesk& desk, const SigningChoice& choice, const May& may);

// One of one's own key files by name, trusted or not, to prove who asks.
Result<trust::SecretKey> open_own_key(const TrustDesk& desk, const std::string& name);

}  // namespace jobward::cli
