#include "verify/key_types.h"

#include <cstdio>
#include <map>

#include "verify/type_names.h"

namespace jobward::verify {
namespace {

// Digits before and after the point.
struct Digits {
  int whole = 0;
  int fraction = 0;
};

Digits digits_of(const std::string& type) {
  if (is_decimal(type)) {
    int width = 0;
    int scale = 0;
    std::sscanf(type.c_str(), "DECIMAL(%d,%d)", &width, &scale);
    return {width - scale, scale};
  }
  static const std::map<std::string, int> kDigits{
      {"TINYINT", 3},  {"SMALLINT", 5},  {"INTEGER", 10},  {"BIGINT", 19},  {"HUGEINT", 39},
      {"UTINYINT", 3}, {"USMALLINT", 5}, {"UINTEGER", 10}, {"UBIGINT", 20}, {"UHUGEINT", 39}};
  const auto found = kDigits.find(type);
  return {found == kDigits.end() ? 0 : found->second, 0};
}

bool is_exact_number(const std::string& type) { return is_integer(type) || is_decimal(type); }

}  // namespace

Result<bool> comparable(Engine& engine, const std::string& a, const std::string& b) {
  if (a == b || (is_float(a) && is_float(b))) return true;
  if (!is_exact_number(a) || !is_exact_number(b)) return false;
  auto rows = engine.query("SELECT DISTINCT typeof(x) FROM (SELECT CAST(NULL AS " + a +
                           ") AS x UNION ALL SELECT CAST(NULL AS " + b + "))");
  if (!rows) return tl::unexpected(std::move(rows).error());
  const std::string common = rows->front()[0].value_or("");
  if (!is_exact_number(common)) return false;
  const auto room = digits_of(common);
  for (const auto& type : {a, b}) {
    const auto needed = digits_of(type);
    if (needed.whole > room.whole || needed.fraction > room.fraction) return false;
  }
  return true;
}

}  // namespace jobward::verify
