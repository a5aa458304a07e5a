// What an argument looks like, by hand-written matchers. Private to profiles/.
#pragma once

#include <cstddef>
#include <string_view>

namespace jobward::profiles {

// Length of the UUID, or of the date with what time of day follows it, that text begins with; 0:
// none. The match ends where the word or number does.
std::size_t uuid_length(std::string_view text);
std::size_t date_length(std::string_view text);

// The whole of text:
bool is_number(
    std::string_view text);  // 12, -0.5, 1e-3, 8G, 10ms, 2h30m, 50%, 0x1f, 1.2.3, 0,1,2, 640x480
bool is_hash(std::string_view text);  // hexadecimal, 7 digits or more, with or without "sha256:"
bool is_path(std::string_view text);  // has a '/', a leading '~' or '.', or an extension (a.txt)

}  // namespace jobward::profiles
