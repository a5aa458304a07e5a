// How deep JSON is nested, before it is read: taking it apart, or writing it, takes a call a level.
#pragma once

#include <cstddef>
#include <string_view>

namespace jobward {

// Is any bracket of this text within more than `most` others? Brackets in strings do not count.
bool is_nested_deeper(std::string_view json, std::size_t most);

}  // namespace jobward
