#include "common/identity.h"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>

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

std::string hex_of(std::string_view digest) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : digest) {
    const auto byte = static_cast<unsigned char>(c);
    text += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return text;
}

}  // namespace

Sha256::Sha256() { crypto_hash_sha256_init(&state_); }

void Sha256::add(std::string_view bytes) {
  crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()),
                            bytes.size());
}

std::string Sha256::bytes() {
  std::string out(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256_final(&state_, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string Sha256::hex() { return hex_of(bytes()); }

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

Result<std::string> sha256_of_fd(int fd, const std::string& name,
                                 const std::function<bool(std::uint64_t)>& go_on) {
  Sha256 hash;
  std::string piece(256U << 10U, '\0');
  std::uint64_t bytes = 0;
  while (true) {
    const auto got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", name);
    if (got == 0) break;
    hash.add({piece.data(), static_cast<std::size_t>(got)});
    bytes += static_cast<std::uint64_t>(got);
    if (go_on && !go_on(bytes)) return error("read", name, "it was to stop");
  }
  return hash.hex();
}

}  // namespace jobward
