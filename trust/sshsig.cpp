#include "trust/sshsig.h"

#include <sodium.h>

#include "trust/encoding.h"
#include "trust/ssh_wire.h"

namespace jobward::trust {
namespace {

constexpr std::string_view kMagic = "SSHSIG";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint8_t kUserPresent = 1;
constexpr std::string_view kBegin = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view kEnd = "-----END SSH SIGNATURE-----";

std::optional<std::string> without_armour(std::string_view text) {
  if (text.substr(0, kBegin.size()) != kBegin) return std::string(text);
  text.remove_prefix(kBegin.size());
  const auto end = text.find(kEnd);
  if (end == std::string_view::npos) return std::nullopt;
  std::string body;
  for (const char c : text.substr(0, end))
    if (c != '\n' && c != '\r') body += c;
  return from_base64(body);
}

// The algorithm's own part.
bool read_raw(std::string_view text, SshSignature& out) {
  SshReader in(text);
  const auto word = in.string();
  const bool token = out.key.kind == KeyKind::sk_ssh_ed25519;
  if (!word || *word != (token ? "sk-ssh-ed25519@openssh.com" : "ssh-ed25519")) return false;
  const auto signature = in.string();
  if (!signature || signature->size() != crypto_sign_BYTES) return false;
  out.signature = *signature;
  if (token) {
    const auto flags = in.byte();
    const auto counter = in.number();
    if (!flags || !counter) return false;
    out.flags = *flags;
    out.counter = *counter;
  }
  return in.at_end();
}

std::optional<std::string> hashed(std::string_view hash, std::string_view message) {
  if (hash == "sha512") return sha512(message);
  if (hash == "sha256") return sha256(message);
  return std::nullopt;
}

}  // namespace

std::optional<SshSignature> read_sshsig(std::string_view blob_or_text) {
  const auto blob = without_armour(blob_or_text);
  if (!blob) return std::nullopt;
  SshReader in(*blob);
  if (in.bytes(kMagic.size()) != kMagic || in.number() != kVersion) return std::nullopt;
  const auto key_text = in.string();
  const auto name_space = in.string();
  const auto reserved = in.string();
  const auto hash = in.string();
  const auto raw = in.string();
  if (!key_text || !name_space || !reserved || !hash || !raw || !in.at_end()) return std::nullopt;
  auto key = read_ssh_blob(*key_text);
  if (!key || (*hash != "sha256" && *hash != "sha512")) return std::nullopt;
  SshSignature out;
  out.key = std::move(*key);
  out.name_space = *name_space;
  out.hash = *hash;
  if (!read_raw(*raw, out)) return std::nullopt;
  return out;
}

std::string sshsig_message(std::string_view hash, std::string_view message) {
  SshWriter out;
  out.raw(kMagic).string(kSshNamespace).string("").string(hash);
  return out.string(hashed(hash, message).value_or("")).text();
}

std::optional<std::string> sshsig_blob(const PublicKey& key, std::string_view hash,
                                       std::string_view agents_signature) {
  SshSignature checked;
  checked.key = key;
  if (!read_raw(agents_signature, checked)) return std::nullopt;
  SshWriter out;
  out.raw(kMagic).number(kVersion).string(ssh_blob(key)).string(kSshNamespace).string("");
  return out.string(hash).string(agents_signature).text();
}

bool is_sshsig_by(const PublicKey& key, std::string_view message, std::string_view blob_or_text) {
  const auto signature = read_sshsig(blob_or_text);
  if (!signature || !(signature->key == key) || signature->name_space != kSshNamespace)
    return false;
  std::string text = sshsig_message(signature->hash, message);
  if (key.kind == KeyKind::sk_ssh_ed25519) {
    if ((signature->flags & kUserPresent) == 0) return false;
    SshWriter token;
    token.raw(sha256(key.application)).byte(signature->flags).number(signature->counter);
    text = token.raw(sha256(text)).text();
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature->signature.data());
  return crypto_sign_verify_detached(bytes, reinterpret_cast<const unsigned char*>(text.data()),
                                     text.size(),
                                     reinterpret_cast<const unsigned char*>(key.point.data())) == 0;
}

}  // namespace jobward::trust
