#include "common/units.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

using namespace jobward;

namespace {

std::uint64_t bytes(std::string_view text) {
  const auto parsed = parse_bytes(text);
  INFO(text);
  REQUIRE(parsed);
  return *parsed;
}

double seconds(std::string_view text) {
  const auto parsed = parse_duration_seconds(text);
  INFO(text);
  REQUIRE(parsed);
  return *parsed;
}

// A parser must refuse the text and name it.
template <class Parser>
void check_refused(Parser parse, const std::string& text) {
  CAPTURE(text);
  const auto parsed = parse(text);
  REQUIRE_FALSE(parsed);
  CHECK_THAT(parsed.error().message(), Catch::Contains(text));
}

}  // namespace

TEST_CASE("units: A size without a suffix counts bytes") {
  CHECK(bytes("0") == 0);
  CHECK(bytes("4096") == 4096);
  CHECK(bytes("17B") == 17);
}

TEST_CASE("units: A bare letter and its iB form count in 1024") {
  CHECK(bytes("1K") == 1024);
  CHECK(bytes("1k") == 1024);
  CHECK(bytes("1KiB") == 1024);
  CHECK(bytes("3M") == 3ULL << 20U);
  CHECK(bytes("8G") == 8ULL << 30U);
  CHECK(bytes("2TiB") == 2ULL << 40U);
  CHECK(bytes("1P") == 1ULL << 50U);
}

TEST_CASE("units: A letter with a bare B counts in 1000") {
  CHECK(bytes("1KB") == 1000);
  CHECK(bytes("500MB") == 500'000'000);
  CHECK(bytes("2GB") == 2'000'000'000);
  CHECK(bytes("1TB") == 1'000'000'000'000);
}

TEST_CASE("units: A size may have a fraction") {
  CHECK(bytes("1.5GiB") == 3ULL << 29U);
  CHECK(bytes("0.5K") == 512);
}

TEST_CASE("units: A text that is no size is refused and named") {
  for (const auto* text : {"-1", "+1", "abc", "1X", "1 K", " 1", "1 ", "1KK", "1KiBs", "1e3",
                           "0x10", "1G2", "1,5G", "nan", "inf", ".", "-", "1iB", "MB"})
    check_refused(parse_bytes, text);
  CHECK_FALSE(parse_bytes(""));
  CHECK_FALSE(parse_bytes("8G\n"));
  CHECK_FALSE(parse_bytes(std::string_view("1\0", 2)));
}

TEST_CASE("units: A size that overflows is refused") {
  for (const std::string text :
       {"18446744073709551616", "16777216P", "99999999999999999999999T", "9223372036854775808"})
    check_refused(parse_bytes, text);
  check_refused(parse_bytes, std::string(400, '9'));
}

TEST_CASE("units: Durations in each unit") {
  CHECK(seconds("90") == Approx(90));
  CHECK(seconds("90s") == Approx(90));
  CHECK(seconds("250ms") == Approx(0.25));
  CHECK(seconds("2m") == Approx(120));
  CHECK(seconds("2min") == Approx(120));
  CHECK(seconds("1.5h") == Approx(5400));
  CHECK(seconds("3d") == Approx(259200));
  CHECK(seconds("0") == 0);
}

TEST_CASE("units: Durations in sequence add up") {
  CHECK(seconds("2h30m") == Approx(9000));
  CHECK(seconds("1d2h3m4s5ms") == Approx(93784.005));
}

TEST_CASE("units: A text that is no duration is refused and named") {
  for (const auto* text : {"-1s", "+1s", "1x", "s", "1h 30m", "2h30q", "1m2h", "1h1h", "1e3s",
                           "nan", "inf", "1S", "2h30m!", " 1s", "1s ", "1w"})
    check_refused(parse_duration_seconds, text);
  CHECK_FALSE(parse_duration_seconds(""));
}

TEST_CASE("units: A duration that overflows is refused") {
  check_refused(parse_duration_seconds, "99999999999999d");
  check_refused(parse_duration_seconds, std::string(400, '9'));
}

TEST_CASE("units: A rate needs its /s") {
  const auto rate = parse_bytes_per_second("100M/s");
  REQUIRE(rate);
  CHECK(*rate == 100ULL << 20U);
  for (const auto* text : {"100M", "/s", "-1M/s", "100M/m", "100M/s/s", "100Q/s", "100M/s "})
    check_refused(parse_bytes_per_second, text);
  CHECK_FALSE(parse_bytes_per_second(""));
}

TEST_CASE("units: A share is a percentage or a number from 0 to 1") {
  CHECK(parse_fraction("50%").value() == Approx(0.5));
  CHECK(parse_fraction("0.5").value() == Approx(0.5));
  CHECK(parse_fraction("0").value() == 0);
  CHECK(parse_fraction("1").value() == 1);
  CHECK(parse_fraction("100%").value() == 1);
  // As if it had been written as a fraction: 0.7 / 100 is less than 0.007.
  CHECK(parse_fraction("0.7%").value() == 0.007);
  CHECK(parse_fraction("29%").value() == 0.29);
  for (const auto* text :
       {"101%", "1.01", "-0.1", "-1%", "+1%", "%", "50%%", "50 %", "nan", "inf", "half"})
    check_refused(parse_fraction, text);
  CHECK_FALSE(parse_fraction(""));
}

TEST_CASE("units: A part of a whole is exact at its edge") {
  CHECK(part_of(0.007, 1000) == 7);
  CHECK(part_of(0.29, 100) == 29);  // the product is a little less
  CHECK(part_of(0.07, 100) == 7);   // and here a little more
  CHECK(part_of(0.0699, 100) == 6);
  CHECK(part_of(1, 3) == 3);
  CHECK(part_of(0, 3) == 0);
  CHECK(part_of(0.5, 0) == 0);
}

TEST_CASE("units: A number is finite and stands alone") {
  CHECK(parse_number("42").value() == 42);
  CHECK(parse_number("0.25").value() == Approx(0.25));
  for (const auto* text : {"nan", "inf", "-inf", "1e999", "12x", " 12", "12 ", "0x10", "+1", "--1"})
    check_refused(parse_number, text);
  CHECK_FALSE(parse_number(""));
}

TEST_CASE("units: Sizes are shown with three digits and the fitting unit") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(17) == "17 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.00 KiB");
  CHECK(format_bytes(312.0 * 1048576) == "312 MiB");
  CHECK(format_bytes(1.46 * 1073741824) == "1.46 GiB");
  CHECK(format_bytes(-1024) == "-1.00 KiB");
}

TEST_CASE("units: A size that rounds up to the next unit is shown in that unit") {
  CHECK(format_bytes(1048575) == "1.00 MiB");
  CHECK(format_bytes(9.996 * 1024) == "10.0 KiB");
  CHECK(format_bytes(99.96 * 1024) == "100 KiB");
}

TEST_CASE("units: Durations are shown as people say them") {
  CHECK(format_duration(0.21) == "0.21 s");
  CHECK(format_duration(42.3) == "42.3 s");
  CHECK(format_duration(125) == "2m05s");
  CHECK(format_duration(3 * 3600 + 12 * 60) == "3h12m");
  CHECK(format_duration(52 * 3600) == "2d04h");
}

TEST_CASE("units: A duration that rounds up carries over") {
  CHECK(format_duration(9.996) == "10.0 s");
  CHECK(format_duration(99.96) == "1m40s");
  CHECK(format_duration(3599.7) == "1h00m");
  CHECK(format_duration(48 * 3600 - 1) == "2d00h");
}

TEST_CASE("units: A message about a hostile text stays one line without control characters") {
  const std::string message = parse_bytes("1\n\x1b[2J").error().message();
  CHECK(message.find_first_of("\n\x1b") == std::string::npos);
}
