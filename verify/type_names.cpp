#include "verify/type_names.h"

#include <algorithm>
#include <array>

namespace jobward::verify {
namespace {

template <std::size_t N>
bool one_of(std::string_view type, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), type) != list.end();
}

// Every parenthesis closes one that was opened before, and no comma stands outside of them: it
// would end an argument.
bool is_closed(std::string_view name) {
  int depth = 0;
  for (const char c : name) {
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0) return false;
    if (c == ',' && depth == 0) return false;
  }
  return depth == 0;
}

bool is_plain_list(std::string_view type) { return type.ends_with(']'); }

}  // namespace

const std::vector<std::string>& type_families() {
  static const std::vector<std::string> kFamilies{
      "any",  "integer", "float",     "decimal",         "number", "text", "boolean",
      "date", "time",    "timestamp", "zoned_timestamp", "binary", "list", "struct"};
  return kFamilies;
}

bool is_family(std::string_view name) {
  const auto& all = type_families();
  return std::find(all.begin(), all.end(), name) != all.end();
}

bool is_exact_type(std::string_view name) {
  static constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static constexpr std::string_view kAll =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_ ,()[]";
  return !name.empty() && name.size() <= 1000 && kLetters.find(name[0]) != std::string_view::npos &&
         name.find_first_not_of(kAll) == std::string_view::npos && is_closed(name);
}

bool is_integer(std::string_view type) {
  static constexpr std::array<std::string_view, 10> kIntegers{
      "TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
      "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"};
  return one_of(type, kIntegers);
}

bool is_decimal(std::string_view type) {
  return type.starts_with("DECIMAL(") && !is_plain_list(type);
}

bool is_time_point(std::string_view type) {
  static constexpr std::array<std::string_view, 6> kPoints{
      "DATE",         "TIMESTAMP",    "TIMESTAMP_S",
      "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"};
  return one_of(type, kPoints);
}

bool belongs(std::string_view type, std::string_view family) {
  if (family == "any") return true;
  if (family == "integer") return is_integer(type);
  if (family == "float") return is_float(type);
  if (family == "decimal") return is_decimal(type);
  if (family == "number") return is_number(type);
  if (family == "text") return is_text(type) || (type.starts_with("ENUM(") && !is_plain_list(type));
  if (family == "boolean") return type == "BOOLEAN";
  if (family == "date") return type == "DATE";
  if (family == "time") return type == "TIME" || type == "TIME WITH TIME ZONE";
  if (family == "timestamp") return is_time_point(type) && type != "DATE" && !has_zone(type);
  if (family == "zoned_timestamp") return has_zone(type);
  if (family == "binary") return type == "BLOB";
  if (family == "list") return is_plain_list(type);
  if (family == "struct") return type.starts_with("STRUCT(") && !is_plain_list(type);
  return false;
}

std::vector<std::string> implied_types(std::string_view type) {
  std::vector<std::string> out{std::string(type)};
  const bool family = is_family(type);
  for (const auto& one : type_families()) {
    const bool numeric = type == "integer" || type == "float" || type == "decimal";
    const bool holds = family ? one == "any" || (one == "number" && numeric) : belongs(type, one);
    if (holds && one != type) out.push_back(one);
  }
  return out;
}

}  // namespace jobward::verify
