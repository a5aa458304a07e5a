// Text that came from outside, made safe to show and to match.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobward {

// Bytes as printable UTF-8: control characters, newlines and invalid sequences become \xNN, so that
// a hostile argument or process name can neither break a line nor drive a terminal.
std::string printable(std::string_view bytes);

// argv as a person would type it in a shell, each word quoted where it must be ($'…' where it has
// to).
std::string shell_quoted(const std::vector<std::string>& argv);

// Is it valid UTF-8 (no overlong forms, no surrogates, at most U+10FFFF)?
bool is_utf8(std::string_view bytes);

// Bytes as valid UTF-8 for JSON: each invalid byte becomes U+FFFD. The database keeps the bytes
// themselves.
std::string utf8_lossy(std::string_view bytes);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

// The closest of `known` by edit distance, if one is near enough to be what was meant.
std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& known);

}  // namespace jobward
