// Names for runs, and digests.
#pragma once

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
// Of all that can still be read from the descriptor, in pieces; `name` is for the error. `go_on` is
// asked between pieces, with the bytes so far: false ends it with an error.
Result<std::string> sha256_of_fd(int fd, const std::string& name,
                                 const std::function<bool(std::uint64_t)>& go_on = {});

}  // namespace jobward
