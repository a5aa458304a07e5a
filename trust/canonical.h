// Canonical JSON: one text for one value, so that it can be hashed and signed.
//
// RFC 8785 for what Jobward emits: keys sorted, no spaces, the shortest escapes, UTF-8. Of numbers
// only integers up to 2^53 - 1 occur; any other number is written as a string. Keys are ASCII, for
// which sorting by bytes and by UTF-16 units is the same.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace jobward::trust {

// REQUIRES: no floating point numbers, valid UTF-8 (see json_text), ASCII keys. Throws
// std::logic_error otherwise: it is ours to make no other.
std::string canonical(const nlohmann::json& value);

// Bytes from outside as a string of JSON: as they are if they are UTF-8, else as printable() shows
// them.
std::string json_text(std::string_view bytes);
// The same as a key: what is not ASCII is escaped.
std::string json_key(std::string_view bytes);
// A member that is a text; empty: it is not there, or something else. Never throws, whatever `from`
// is.
std::string text_member(const nlohmann::json& from, const char* name);
// The texts of a member that is an array.
std::vector<std::string> text_list(const nlohmann::json& from, const char* name);
// The shortest text that reads back as this number.
std::string number_text(double value);

}  // namespace jobward::trust
