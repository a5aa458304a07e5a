// Quantities: what is accepted is finite and in range, what is refused is named in one clean line.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/units.h"
#include "tests/fuzz/check.h"

using namespace jobward;
using fuzz::require;

namespace {

// Nobody writes a quantity with a sign, a space or an exponent.
template <class Parser>
void check_strict(Parser parse, std::string_view text) {
  const auto parsed = parse(text);
  if (!parsed) {
    const std::string message = parsed.error().message();
    for (const char c : message)
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "a message is one clean line",
              message);
    return;
  }
  require(!text.empty() && text.front() >= '0' && text.front() <= '9',
          "a quantity begins with a digit", text);
  require(text.find_first_of(" \t\n+-\0") == std::string_view::npos,
          "a quantity is one unsigned word", text);
}

void check_bytes(std::string_view text) {
  check_strict(parse_bytes, text);
  const auto bytes = parse_bytes(text);
  if (!bytes) return;
  const auto again = parse_bytes(std::to_string(*bytes));
  const double drift =
      again ? std::abs(static_cast<double>(*again) - static_cast<double>(*bytes)) : 1;
  require(again && drift <= static_cast<double>(*bytes) * 1e-15,
          "a size survives being written out", text);
  require(!format_bytes(static_cast<double>(*bytes)).empty(), "a size can be shown");
  const auto rate = parse_bytes_per_second(std::string(text) + "/s");
  require(rate && *rate == *bytes, "a size is a rate with /s", text);
}

void check_duration(std::string_view text) {
  check_strict(parse_duration_seconds, text);
  const auto seconds = parse_duration_seconds(text);
  if (!seconds) return;
  require(std::isfinite(*seconds) && *seconds >= 0, "a duration is finite", text);
  const std::string shown = format_duration(*seconds);
  if (shown.find(' ') != std::string::npos) return;  // "42.3 s" is for people only
  const auto again = parse_duration_seconds(shown);
  require(again && std::abs(*again - *seconds) <= *seconds * 0.02,
          "a shown duration is that duration", shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_bytes(text);
  check_duration(text);
  check_strict(parse_bytes_per_second, text);
  check_strict(parse_fraction, text);
  if (const auto share = parse_fraction(text))
    require(*share >= 0 && *share <= 1, "a share is from 0 to 1", text);
  if (const auto number = parse_number(text))
    require(std::isfinite(*number), "a number is finite", text);
  return 0;
}
