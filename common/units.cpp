#include "common/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "common/text.h"

namespace jobward {
namespace {

constexpr double kKibi = 1024.0;
constexpr double kKilo = 1000.0;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string quoted(std::string_view text) { return "\"" + printable(text) + "\""; }

// Takes a non-negative decimal ("12", "1.5", ".5" is not one) off the front of text.
std::optional<double> take_decimal(std::string_view& text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  double value = 0;
  const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (ec != std::errc{} || !std::isfinite(value)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// The double nearest to a hundredth of a decimal: 0.7 / 100 is less than 0.007.
double hundredth(std::string_view decimal) {
  const auto shifted = std::string(decimal) + "e-2";
  double value = 0;
  std::from_chars(shifted.data(), shifted.data() + shifted.size(), value);
  return value;
}

std::optional<double> byte_unit(std::string_view unit) {
  if (unit.empty() || unit == "B") return 1.0;
  static constexpr std::string_view kPrefixes = "KMGTPE";
  const char first = unit.front() == 'k' ? 'K' : unit.front();
  const auto index = kPrefixes.find(first);
  if (index == std::string_view::npos) return std::nullopt;
  const auto power = static_cast<double>(index + 1);
  const auto rest = unit.substr(1);
  if (rest.empty() || rest == "iB" || rest == "i") return std::pow(kKibi, power);
  if (rest == "B") return std::pow(kKilo, power);
  return std::nullopt;
}

std::optional<double> duration_unit(std::string_view unit) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  static constexpr std::array kUnits{Unit{"ms", 0.001}, Unit{"s", 1},    Unit{"sec", 1},
                                     Unit{"m", 60},     Unit{"min", 60}, Unit{"h", 3600},
                                     Unit{"d", 86400},  Unit{"", 1}};
  for (const auto& candidate : kUnits)
    if (candidate.name == unit) return candidate.seconds;
  return std::nullopt;
}

std::string print(const char* format, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

std::string print(const char* format, long a, long b) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, a, b);
  return buffer.data();
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const std::string_view whole = text;
  const auto number = take_decimal(text);
  if (!number)
    return error("read size", quoted(whole), "expected a number such as 8G, 1.5GiB or 500MB");
  const auto unit = byte_unit(text);
  if (!unit)
    return error("read size", quoted(whole),
                 "unknown unit " + quoted(text) + "; use K, M, G, T (1024), KiB … or KB … (1000)");
  const double bytes = *number * *unit;
  // 2^63: what a cgroup file can hold; above it the value would wrap somewhere below us.
  if (bytes >= 9223372036854775808.0) return error("read size", quoted(whole), "too large");
  return static_cast<std::uint64_t>(std::llround(bytes));
}

Result<double> parse_duration_seconds(std::string_view text) {
  const std::string_view whole = text;
  double total = 0;
  double previous_unit = std::numeric_limits<double>::infinity();
  do {
    const auto number = take_decimal(text);
    if (!number)
      return error("read duration", quoted(whole), "expected a number such as 90s, 2h30m or 1.5h");
    std::size_t length = 0;
    while (length < text.size() && !is_digit(text[length]))
      ++length;
    const auto name = text.substr(0, length);
    const auto unit = duration_unit(name);
    if (!unit)
      return error("read duration", quoted(whole),
                   "unknown unit " + quoted(name) + "; use ms, s, m, h or d");
    if (*unit >= previous_unit)
      return error("read duration", quoted(whole), "units must go from large to small");
    previous_unit = *unit;
    total += *number * *unit;
    text.remove_prefix(length);
  } while (!text.empty());
  // 292 years: what a signed 64-bit count of nanoseconds holds.
  if (total > 9.2e9) return error("read duration", quoted(whole), "too long");
  return total;
}

Result<std::uint64_t> parse_bytes_per_second(std::string_view text) {
  static constexpr std::string_view kSuffix = "/s";
  if (text.size() <= kSuffix.size() || text.substr(text.size() - kSuffix.size()) != kSuffix)
    return error("read rate", quoted(text), "expected bytes a second, such as 100M/s");
  auto bytes = parse_bytes(text.substr(0, text.size() - kSuffix.size()));
  if (!bytes) return rethrow(std::move(bytes).error(), "rate " + quoted(text));
  return *bytes;
}

Result<double> parse_fraction(std::string_view text) {
  const std::string_view whole = text;
  const auto number = take_decimal(text);
  const bool percent = text == "%";
  if (!number || (!percent && !text.empty()))
    return error("read share", quoted(whole), "expected a share such as 50% or 0.5");
  const double share = percent ? hundredth(whole.substr(0, whole.size() - 1)) : *number;
  if (share > 1) return error("read share", quoted(whole), "more than 100%");
  return share;
}

double part_of(double share, double whole) {
  if (whole <= 0) return 0;
  // A division is rounded once, as the share was when it was read; the product may be off by one.
  double part = std::floor(share * whole);
  if ((part + 1) / whole <= share) ++part;
  if (part > 0 && part / whole > share) --part;
  return part;
}

Result<double> parse_number(std::string_view text) {
  double value = 0;
  const auto* begin = text.data();
  const auto* end = begin + text.size();
  const auto [stop, ec] = std::from_chars(begin, end, value, std::chars_format::general);
  if (ec != std::errc{} || stop != end || !std::isfinite(value))
    return error("read number", quoted(text), "expected a decimal number");
  return value;
}

double whole_pages(double bytes) { return std::floor(bytes / 4096) * 4096; }

std::string format_bytes(double bytes) {
  static constexpr std::array kNames{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 0) return "-" + format_bytes(-bytes);
  std::size_t unit = 0;
  while (bytes >= 1023.5 && unit + 1 < kNames.size()) {
    bytes /= kKibi;
    ++unit;
  }
  const char* format = unit == 0 || bytes >= 99.95 ? "%.0f " : bytes >= 9.995 ? "%.1f " : "%.2f ";
  return print(format, bytes) + kNames[unit];
}

std::string format_duration(double seconds) {
  if (seconds < 0) return "-" + format_duration(-seconds);
  if (seconds < 9.995) return print("%.2f s", seconds);
  if (seconds < 99.95) return print("%.1f s", seconds);
  const long whole = std::lround(seconds);
  if (whole < 3600) return print("%ldm%02lds", whole / 60, whole % 60);
  const long minutes = std::lround(seconds / 60);
  if (minutes < 48L * 60) return print("%ldh%02ldm", minutes / 60, minutes % 60);
  const long hours = std::lround(seconds / 3600);
  return print("%ldd%02ldh", hours / 24, hours % 24);
}

std::string format_quantity(Unit unit, double value) {
  switch (unit) {
    case Unit::bytes:
      return format_bytes(value);
    case Unit::bytes_per_second:
      return format_bytes(value) + "/s";
    case Unit::seconds:
      return format_duration(value);
    case Unit::count:
    case Unit::weight:
      return print("%.10g", value);
  }
  return print("%.10g", value);
}

}  // namespace jobward
