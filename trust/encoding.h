// Bytes as text, and digests.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace jobward::trust {

inline constexpr std::size_t kHashBytes = 32;  // SHA-256

// RFC 4648, section 4, with padding.
std::string base64(std::string_view bytes);
// Absent: it is not exactly that (white space, missing padding, bits left over).
std::optional<std::string> from_base64(std::string_view text);

std::string hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);

std::string sha256(std::string_view bytes);  // 32 bytes
std::string sha512(std::string_view bytes);  // 64 bytes
// Of `first` and `second`, one after the other.
std::string sha256(std::string_view first, std::string_view second);

Result<std::string> random_bytes(std::size_t count);

// Must have been called before anything of libsodium that keeps a state; as often as one likes.
void start_sodium();

}  // namespace jobward::trust
