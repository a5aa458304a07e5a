// What gives a secret away, by name and by shape. Private to profiles/.
#pragma once

#include <string>
#include <string_view>

namespace jobward::profiles {

inline constexpr std::string_view kMasked = "***";

// Does a flag, variable or key of this name hold a secret, if `value` is what it is set to? Looks
// at the words of the name: `--hf-token` and `dbPassword` do; `--max-tokens` and `--password-file`
// do not.
bool names_secret(std::string_view name, std::string_view value);

// The word with every secret inside it masked: passwords in URLs, KEY=value in the midst of other
// text, and tokens of well-known shapes.
std::string mask_inside(std::string_view word);

}  // namespace jobward::profiles
