#include "traces/fields.h"

#include <catch2/catch.hpp>
#include <string>

using namespace jobward::traces;

TEST_CASE("fields: Times of day are the same as those of date(1)") {
  CHECK(civil_time("1970-01-01T00:00:00") == 0);
  CHECK(civil_time("2000-02-29 23:59:59") == 951868799000);
  CHECK(civil_time("2024-03-09 10:11:12.345") == 1709979072345);
  CHECK(civil_time("2024-12-31T00:00:00") == 1735603200000);
  CHECK(civil_time("2100-03-01T00:00:00") == 4107542400000);
  CHECK(civil_time("3000-12-31T23:59:59.999") == kLastMillis);
}

TEST_CASE("fields: Fractions of a second are cut to milliseconds") {
  CHECK(civil_time("1970-01-01 00:00:00.5") == 500);
  CHECK(civil_time("1970-01-01 00:00:00.0019") == 1);
  CHECK(civil_time("1970-01-01 00:00:00.123456789") == 123);
}

TEST_CASE("fields: A text that is no time of day") {
  for (const auto* text : {"",
                           "2024",
                           "2024-01-01",
                           "2024-01-01T00:00",
                           "2024-01-01T00:00:00.",
                           "2024-1-01T00:00:00",
                           "2023-02-29T00:00:00",
                           "2100-02-29T00:00:00",
                           "2024-04-31T00:00:00",
                           "2024-00-01T00:00:00",
                           "2024-01-00T00:00:00",
                           "2024-01-01T24:00:00",
                           "2024-01-01T00:60:00",
                           "2024-01-01T00:00:61",
                           "1969-12-31T23:59:59",
                           "3001-01-01T00:00:00",
                           "2024-01-01T00:00:00Z",
                           "2024/01/01T00:00:00",
                           "2024-01-01T00:00:00.x",
                           "-024-01-01T00:00:00"}) {
    CAPTURE(text);
    CHECK_FALSE(civil_time(text));
  }
}

TEST_CASE("fields: A long text is shown by its beginning, whole characters only") {
  CHECK(shown("a\nb") == "\"a\\x0ab\"");
  CHECK(shown(std::string(40, 'x')) == '"' + std::string(40, 'x') + '"');
  CHECK(shown(std::string(41, 'x')) == '"' + std::string(40, 'x') + "…\"");
  const std::string many = std::string().append(39, 'x');
  CHECK(shown(many + "żż") == "\"" + many + "…\"");
}
