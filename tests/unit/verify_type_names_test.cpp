#include <catch2/catch.hpp>

#include "verify/type_names.h"

using namespace jobward::verify;

namespace {

// The families that a type of the engine belongs to, but for "any", to which all do.
std::string families_of(const char* type) {
  CHECK(belongs(type, "any"));
  std::string out;
  for (const auto& family : type_families())
    if (family != "any" && belongs(type, family)) out += (out.empty() ? "" : " ") + family;
  return out;
}

}  // namespace

TEST_CASE("type names: Each type of the engine belongs to the families that the manual names") {
  for (const char* type : {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT",
                           "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"})
    CHECK(families_of(type) == "integer number");
  CHECK(families_of("FLOAT") == "float number");
  CHECK(families_of("DOUBLE") == "float number");
  CHECK(families_of("DECIMAL(18,3)") == "decimal number");
  CHECK(families_of("VARCHAR") == "text");
  CHECK(families_of("BOOLEAN") == "boolean");
  CHECK(families_of("DATE") == "date");
  CHECK(families_of("TIME") == "time");
  for (const char* type : {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
    CHECK(families_of(type) == "timestamp");
  CHECK(families_of("TIMESTAMP WITH TIME ZONE") == "zoned_timestamp");
  CHECK(families_of("BLOB") == "binary");
  CHECK(families_of("VARCHAR[]") == "list");
  CHECK(families_of("DECIMAL(18,3)[]") == "list");
  CHECK(families_of("STRUCT(a INTEGER)") == "struct");
  CHECK(families_of("STRUCT(a INTEGER)[]") == "list");
  CHECK(families_of("UUID").empty());
}

TEST_CASE("type names: What is no family has no members") {
  CHECK_FALSE(belongs("BIGINT", "BIGINT"));
  CHECK_FALSE(belongs("BIGINT", "Integer"));
  CHECK_FALSE(belongs("BIGINT", ""));
  for (const auto& family : type_families())
    CHECK(is_family(family));
  CHECK_FALSE(is_family("int"));
  CHECK_FALSE(is_family("INTEGER"));
  CHECK_FALSE(is_family(""));
}

TEST_CASE("type names: An exact type begins with a capital letter") {
  for (const char* type : {"BIGINT", "DECIMAL(18,3)", "DECIMAL(18, 3)", "VARCHAR[]", "INTEGER[3]",
                           "TIMESTAMP WITH TIME ZONE", "STRUCT(a INTEGER, b VARCHAR[])"})
    CHECK(is_exact_type(type));
  for (const auto& family : type_families())
    CHECK_FALSE(is_exact_type(family));
  CHECK_FALSE(is_exact_type(""));
  CHECK_FALSE(is_exact_type(" BIGINT"));
  CHECK_FALSE(is_exact_type("(BIGINT)"));
}

TEST_CASE("type names: Nothing in an exact type ends the expression that it is put into") {
  for (const char* type : {"BIGINT)", "BIGINT) FROM t --", "BIGINT; DROP TABLE t", "A'", "A\"",
                           "A--", "A/*", "A\n", "A\\", "A$$", "A\xc3\xa4", "DECIMAL(18", "A = B"})
    CHECK_FALSE(is_exact_type(type));
  CHECK_FALSE(is_exact_type(std::string("A\0B", 3)));
  CHECK_FALSE(is_exact_type("A" + std::string(1000, ' ')));
}

TEST_CASE("type names: Numbers and points in time are told apart from lists of them") {
  CHECK(is_number("BIGINT"));
  CHECK(is_number("DOUBLE"));
  CHECK(is_number("DECIMAL(4,1)"));
  CHECK_FALSE(is_number("DECIMAL(4,1)[]"));
  CHECK_FALSE(is_number("BIGINT[]"));
  CHECK_FALSE(is_number("VARCHAR"));
  CHECK(is_time_point("DATE"));
  CHECK(is_time_point("TIMESTAMP_NS"));
  CHECK(is_time_point("TIMESTAMP WITH TIME ZONE"));
  CHECK_FALSE(is_time_point("TIME"));
  CHECK_FALSE(is_time_point("INTERVAL"));
  CHECK(has_zone("TIMESTAMP WITH TIME ZONE"));
  CHECK_FALSE(has_zone("TIMESTAMP"));
}
