// The one kind of JSON in here: keys stay in the order in which they were written.
#pragma once

#include <nlohmann/json.hpp>

namespace jobward::mcp {

using Json = nlohmann::ordered_json;

}  // namespace jobward::mcp
