#include "common/identity.h"

#include <sodium/crypto_hash_sha256.h>
#include <sys/random.h>

#include <array>

namespace jobward {

Result<std::string> new_run_id() {
  static constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  std::array<unsigned char, 10> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return errno_error("get random bytes for", "a run id");
  std::string id;
  for (const unsigned char byte : random)
    id += kAlphabet[byte % kAlphabet.size()];
  return id;
}

std::string sha256_hex(std::string_view bytes) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size());
  std::string text;
  for (const unsigned char byte : digest) {
    text += kHex[byte >> 4U];
    text += kHex[byte & 15U];
  }
  return text;
}

}  // namespace jobward
