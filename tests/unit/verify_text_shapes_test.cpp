#include <catch2/catch.hpp>
#include <cmath>
#include <initializer_list>

#include "verify/text_shapes.h"

using namespace jobward::verify;

namespace {

template <class Shape>
void check_shape(const Shape& shape, std::initializer_list<const char*> good,
                 std::initializer_list<const char*> bad) {
  for (const auto* text : good) {
    INFO(text);
    CHECK(shape(text));
  }
  for (const auto* text : bad) {
    INFO(text);
    CHECK_FALSE(shape(text));
  }
}

}  // namespace

TEST_CASE("text shapes: Whole numbers are digits with a sign at most") {
  const auto shape = [](const char* text) { return is_integer_text(text); };
  check_shape(shape, {"0", "-1", "+1", "007"},
              {"", "-", "+", "1.0", "1e3", "0x10", "1_000", " 1", "1 ", "--1"});
  std::int64_t value = 0;
  CHECK((read_integer_text("+12", value) && value == 12));
  CHECK((read_integer_text("-9223372036854775808", value) && value == INT64_MIN));
  for (const auto* text : {"", "-", "+", "+-1", "-+1", "1.0", " 1", "1 ", "9223372036854775808"})
    CHECK_FALSE(read_integer_text(text, value));
}

TEST_CASE("text shapes: A decimal has no more digits after the point than are kept") {
  const auto shape = [](const char* text) { return is_decimal_text(text, 2); };
  check_shape(shape, {"1", "1.2", "1.23", "1.2300", "-.5", "5."},
              {"", ".", "-", "1.239", "1e2", "1.2.3", " 1"});
  CHECK(is_json_decimal_text("0.1234567890", 20));
  CHECK_FALSE(is_json_decimal_text("0.12345678901234568", 20));
}

TEST_CASE("text shapes: A float is finite, or says that it is not") {
  const auto shape = [](const char* text) {
    double value = 0;
    const bool fits = is_float_text(text, 0);
    CHECK(read_float_text(text, 0, value) == fits);
    return fits;
  };
  check_shape(shape,
              {"1", "1.5", ".5", "5.", "+1", "-1e-3", "1E+3", "1e-999", "inf", "-Infinity", "NaN",
               "12345678901234567890"},
              {"", ".", "-", "e3", "1e", "1e999", "-1e999", "1_0", " 1", "1 ", "0x10", "nan(1)",
               "infinit", "+-1", "1,5"});
  CHECK_FALSE(is_float_text("1234567890123456", 1));
  CHECK(is_float_text("123456789012345", 1));
  CHECK(is_float_text("1234567890123456.5", 1));
  double value = 1;
  CHECK((read_float_text("1e-999", 0, value) && value == 0));
  CHECK((read_float_text("nan", 0, value) && std::isnan(value)));
}

TEST_CASE("text shapes: Times have a zone or none, and lose no digit") {
  check_shape([](const char* text) { return is_date_text(text); }, {"2026-01-31", "infinity"},
              {"2026-1-31", "2026-01-31 ", "2026-01-31 13:00:00", "20260131", "31/01/2026"});
  check_shape([](const char* text) { return is_timestamp_text(text, 6); },
              {"2026-01-31", "2026-01-31 13:00", "2026-01-31T13:00:00.123456000"},
              {"2026-01-31T13:00:00Z", "2026-01-31 13:00:00+10", "2026-01-31 13:00:00.1234567",
               "2026-01-31 ", "13:00:00"});
  check_shape([](const char* text) { return is_zoned_timestamp_text(text, 6); },
              {"2026-01-31T13:00:00Z", "2026-01-31 13:00:00+10:00", "2026-01-31 13:00 UTC"},
              {"2026-01-31", "2026-01-31 13:00:00", "2026-01-31 13:00:00 "});
  check_shape([](const char* text) { return is_time_text(text, 6); }, {"13:00", "13:00:00.5"},
              {"13", "13:00:00+01", "1:00", "13:00:00."});
}
