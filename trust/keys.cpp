#include "trust/keys.h"

#include <sodium.h>

#include <array>

#include "common/text.h"
#include "trust/encoding.h"
#include "trust/ssh_wire.h"
#include "trust/sshsig.h"

namespace jobward::trust {
namespace {

constexpr std::string_view kOwn = "ed25519";
constexpr std::string_view kSsh = "ssh-ed25519";
constexpr std::string_view kSshToken = "sk-ssh-ed25519@openssh.com";
constexpr std::size_t kPointBytes = crypto_sign_PUBLICKEYBYTES;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string_view word_of(KeyKind kind) {
  return kind == KeyKind::ed25519 ? kOwn : kind == KeyKind::ssh_ed25519 ? kSsh : kSshToken;
}

}  // namespace

std::string ssh_blob(const PublicKey& key) {
  SshWriter out;
  const bool token = key.kind == KeyKind::sk_ssh_ed25519;
  out.string(token ? kSshToken : kSsh).string(key.point);
  if (token) out.string(key.application);
  return out.text();
}

std::optional<PublicKey> read_ssh_blob(std::string_view blob) {
  SshReader in(blob);
  const auto word = in.string();
  if (!word || (*word != kSsh && *word != kSshToken)) return std::nullopt;
  PublicKey key;
  key.kind = *word == kSsh ? KeyKind::ssh_ed25519 : KeyKind::sk_ssh_ed25519;
  const auto point = in.string();
  if (!point || point->size() != kPointBytes) return std::nullopt;
  key.point = *point;
  if (key.kind == KeyKind::sk_ssh_ed25519) {
    const auto application = in.string();
    if (!application) return std::nullopt;
    key.application = *application;
  }
  return in.at_end() ? std::optional(key) : std::nullopt;
}

std::string key_id(const PublicKey& key) {
  std::string text = base64(sha256(ssh_blob(key)));
  while (text.back() == '=')
    text.pop_back();
  return "SHA256:" + text;
}

std::string key_line(const PublicKey& key) {
  return std::string(word_of(key.kind)) + " " +
         base64(key.kind == KeyKind::ed25519 ? key.point : ssh_blob(key));
}

Result<PublicKey> read_key_line(std::string_view line) {
  line = trim(line);
  const auto words = split(line, ' ');
  const auto bytes = words.size() > 1 ? from_base64(words[1]) : std::nullopt;
  if (bytes && words[0] == kOwn && bytes->size() == kPointBytes)
    return PublicKey{KeyKind::ed25519, *bytes, {}};
  if (bytes && words[0] != kOwn)
    if (auto key = read_ssh_blob(*bytes); key && word_of(key->kind) == words[0]) return *key;
  return error("read", "the public key \"" + printable(line.substr(0, 100)) + "\"",
               "expected \"ed25519 …\" (`jobward keys list`), \"ssh-ed25519 …\" or "
               "\"sk-ssh-ed25519@openssh.com …\" in one line");
}

bool is_signed_by(const PublicKey& key, std::string_view message, std::string_view signature) {
  start_sodium();
  if (key.point.size() != kPointBytes) return false;
  if (key.kind != KeyKind::ed25519) return is_sshsig_by(key, message, signature);
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(raw(signature), raw(message), message.size(),
                                     raw(key.point)) == 0;
}

struct SecretKey::Secret {
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> bytes{};
  Secret() { sodium_mlock(bytes.data(), bytes.size()); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { sodium_munlock(bytes.data(), bytes.size()); }  // wipes as well
};

SecretKey::SecretKey(std::unique_ptr<Secret> secret) : secret_(std::move(secret)) {
  public_.point.resize(kPointBytes);
  crypto_sign_ed25519_sk_to_pk(reinterpret_cast<unsigned char*>(public_.point.data()),
                               secret_->bytes.data());
}

SecretKey::SecretKey(SecretKey&& other) noexcept = default;
SecretKey::~SecretKey() = default;
SecretKey& SecretKey::operator=(SecretKey&& other) noexcept = default;

SecretKey SecretKey::generate() {
  start_sodium();
  auto secret = std::make_unique<Secret>();
  std::array<unsigned char, kPointBytes> point{};
  crypto_sign_keypair(point.data(), secret->bytes.data());
  return SecretKey(std::move(secret));
}

Result<SecretKey> SecretKey::from_seed(std::string_view seed) {
  start_sodium();
  if (seed.size() != crypto_sign_SEEDBYTES)
    return error("use", "a secret key", "it has not 32 bytes");
  auto secret = std::make_unique<Secret>();
  std::array<unsigned char, kPointBytes> point{};
  crypto_sign_seed_keypair(point.data(), secret->bytes.data(), raw(seed));
  return SecretKey(std::move(secret));
}

Result<std::string> SecretKey::sign(std::string_view message) const {
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr, raw(message),
                       message.size(), secret_->bytes.data());
  return signature;
}

std::string SecretKey::seed() const {
  std::string seed(crypto_sign_SEEDBYTES, '\0');
  crypto_sign_ed25519_sk_to_seed(reinterpret_cast<unsigned char*>(seed.data()),
                                 secret_->bytes.data());
  return seed;
}

void wipe(std::string& secret) {
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace jobward::trust
