// Changes to a JSON text that leave every other byte as it was: order, numbers, blanks,
// indentation. Every text given here is valid JSON, its depth bounded; a position is that of a
// value's first byte. Throws nothing but std::bad_alloc.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace jobward::setup {

using Json = nlohmann::ordered_json;

// A member of an object, or an element of an array.
struct Part {
  std::string name;       // of a member
  std::size_t begin = 0;  // of its name, or of the element
  std::size_t value = 0;
  std::size_t end = 0;  // past its value
};

// Where the text's own value begins: past blanks and a byte order mark.
std::size_t root_of(std::string_view text);

// Of an object or array; none of another value.
std::vector<Part> parts_of(std::string_view text, std::size_t container);

Json value_of(std::string_view text, const Part& part);

// With one part more, at the end, indented as those before it. `name`: null in an array.
void append_part(std::string& text, std::size_t container, const std::string* name,
                 const Json& value);

// Without this part and the comma that is in the way then.
void erase_part(std::string& text, std::size_t container, std::size_t index);

void replace_value(std::string& text, const Part& part, const Json& value);

}  // namespace jobward::setup
