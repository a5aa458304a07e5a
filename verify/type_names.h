// The types of columns, as a contract names them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobward::verify {

// "integer", "float", "decimal", "number", "text", ...: see docs/contracts.md.
const std::vector<std::string>& type_families();
bool is_family(std::string_view name);
// Could it be a type of the engine ("BIGINT", "DECIMAL(18,3)", "VARCHAR[]")? It begins with a
// capital letter, and nothing in it can end the expression that it is put into. The engine says
// whether there is such a type.
bool is_exact_type(std::string_view name);
// What a column of this type (exact, or a family) is as well: itself, the families it belongs to.
std::vector<std::string> implied_types(std::string_view type);
// Is a column of the engine's type `type` one of the family?
bool belongs(std::string_view type, std::string_view family);

inline bool is_float(std::string_view type) { return type == "DOUBLE" || type == "FLOAT"; }
inline bool is_text(std::string_view type) { return type == "VARCHAR"; }
bool is_integer(std::string_view type);
bool is_decimal(std::string_view type);
inline bool is_number(std::string_view type) {
  return is_integer(type) || is_float(type) || is_decimal(type);
}
// With a date, zoned or not.
bool is_time_point(std::string_view type);
inline bool has_zone(std::string_view type) { return type == "TIMESTAMP WITH TIME ZONE"; }

}  // namespace jobward::verify
