// Public keys, who they belong to, and checking signatures.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace jobward::trust {

//  ed25519         Jobward's own: signs the message itself (RFC 8032)
//  ssh_ed25519     in an SSH agent, or a file of ssh-keygen: signs in the form SSHSIG
//  sk_ssh_ed25519  on a FIDO token: the same, and somebody was there when it signed
enum class KeyKind { ed25519, ssh_ed25519, sk_ssh_ed25519 };

struct PublicKey {
  KeyKind kind = KeyKind::ed25519;
  std::string point;        // 32 bytes
  std::string application;  // of sk_ssh_ed25519, usually "ssh:"
  bool operator==(const PublicKey& other) const = default;
};

// "SHA256:…", the fingerprint that ssh-keygen -l shows for an SSH key.
std::string key_id(const PublicKey& key);

// "ed25519 BASE64", "ssh-ed25519 AAAA…", "sk-ssh-ed25519@openssh.com AAAA…", as in authorized_keys.
std::string key_line(const PublicKey& key);
// The first two words of such a line; a comment after them is left out.
Result<PublicKey> read_key_line(std::string_view line);

// What SSH calls the key's blob.
std::string ssh_blob(const PublicKey& key);
// Absent: it is none of the two kinds that SSH signs with here.
std::optional<PublicKey> read_ssh_blob(std::string_view blob);

// Is `signature` this key's over `message`? Of SSH keys: an SSHSIG of the namespace kSshNamespace.
bool is_signed_by(const PublicKey& key, std::string_view message, std::string_view signature);

// A key that the policy trusts.
struct TrustedKey {
  PublicKey key;
  std::string name;    // whose it is
  std::string role;    // "operator", "reviewer", or a word of the policy's own
  bool agent = false;  // without a passphrase: counts only where the policy lets agents review
  std::string where;   // FILE:LINE

  [[nodiscard]] std::string id() const { return key_id(key); }
};
using TrustedKeys = std::vector<TrustedKey>;

// Something that can sign: a key in memory, or one that an SSH agent holds.
class Signer {
 public:
  virtual ~Signer() = default;
  [[nodiscard]] virtual const PublicKey& key() const = 0;
  [[nodiscard]] virtual Result<std::string> sign(std::string_view message) const = 0;
};

// The secret half is wiped when it goes.
class SecretKey final : public Signer {
 public:
  static SecretKey generate();
  // From the 32 bytes that seed() gave.
  static Result<SecretKey> from_seed(std::string_view seed);
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
  ~SecretKey() override;

  [[nodiscard]] const PublicKey& key() const override { return public_; }
  [[nodiscard]] Result<std::string> sign(std::string_view message) const override;
  // Secret; the caller wipes it.
  [[nodiscard]] std::string seed() const;

 private:
  struct Secret;
  explicit SecretKey(std::unique_ptr<Secret> secret);
  std::unique_ptr<Secret> secret_;
  PublicKey public_;
};

// Overwrites what was secret.
void wipe(std::string& secret);

}  // namespace jobward::trust
