// Names for runs, and digests.
#pragma once

#include <sodium/crypto_hash_sha256.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace jobward {

// A new run id: 10 characters of Crockford's base 32 in lower case (no i, l, o, u), 50 random bits
// from getrandom(2): among 100,000 runs the chance of a clash is under 1 in 200,000, and the
// store's unique index turns one into an error. Random from the first character on, so that a short
// prefix names a run.
Result<std::string> new_run_id();

// SHA-256 (FIPS 180-4), as lower-case hexadecimal.
std::string sha256_hex(std::string_view bytes);

// The same of what comes in pieces. Ends with one of the last two.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  std::string bytes();  // 32 of them
  std::string hex();

 private:
  crypto_hash_sha256_state state_;
};

// Of all that can still be read from the descriptor, in pieces; `name` is for the error. `go_on` is
// asked between pieces, with the bytes so far: false ends it with an error.
Result<std::string> sha256_of_fd(int fd, const std::string& name,
                                 const std::function<bool(std::uint64_t)>& go_on = {});

}  // namespace jobward
