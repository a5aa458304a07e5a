// SSHSIG: signatures that ssh-keygen -Y sign and SSH agents make (openssh's PROTOCOL.sshsig), by
// ed25519 keys and by such keys on FIDO tokens (PROTOCOL.u2f). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "trust/keys.h"

namespace jobward::trust {

// What Jobward has SSH keys sign for: no signature for a file, a commit or a login is one of these.
inline constexpr std::string_view kSshNamespace = "jobward";

struct SshSignature {
  PublicKey key;
  std::string name_space;
  std::string hash;  // "sha256" or "sha512"
  // Of the algorithm itself, 64 bytes.
  std::string signature;
  std::uint8_t flags = 0;  // of a token: bit 0, somebody was present
  std::uint32_t counter = 0;
};

// From the blob, or from the text with "-----BEGIN SSH SIGNATURE-----" around it. Absent: it is
// something else, or of an algorithm that is not accepted here.
std::optional<SshSignature> read_sshsig(std::string_view blob_or_text);

// The bytes that are signed.
std::string sshsig_message(std::string_view hash, std::string_view message);

// The blob, from what an agent answered for sshsig_message(); absent: it is no such answer.
std::optional<std::string> sshsig_blob(const PublicKey& key, std::string_view hash,
                                       std::string_view agents_signature);

// Of the namespace "jobward", by this very key. Of a token: with somebody present.
bool is_sshsig_by(const PublicKey& key, std::string_view message, std::string_view blob_or_text);

}  // namespace jobward::trust
