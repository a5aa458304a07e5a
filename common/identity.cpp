#include "common/identity.h"

#include <sodium/crypto_hash_sha256.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

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

namespace {

std::string hex_of(const std::array<unsigned char, crypto_hash_sha256_BYTES>& digest) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kHex[byte >> 4U];
    text += kHex[byte & 15U];
  }
  return text;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size());
  return hex_of(digest);
}

Result<std::string> sha256_of_fd(int fd, const std::string& name,
                                 const std::function<bool(std::uint64_t)>& go_on) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<unsigned char> piece(256U << 10U);
  std::uint64_t bytes = 0;
  while (true) {
    const auto got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", name);
    if (got == 0) break;
    crypto_hash_sha256_update(&state, piece.data(), static_cast<unsigned long long>(got));
    bytes += static_cast<std::uint64_t>(got);
    if (go_on && !go_on(bytes)) return error("read", name, "it was to stop");
  }
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256_final(&state, digest.data());
  return hex_of(digest);
}

}  // namespace jobward
