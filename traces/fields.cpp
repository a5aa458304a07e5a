#include "traces/fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "common/text.h"

namespace jobward::traces {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<double> number_up_to(std::string_view text, double most) {
  const auto value = plain_number(text);
  if (!value || *value < 0 || *value > most) return std::nullopt;
  return std::abs(*value);  // -0 is 0
}

// Exactly `digits` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// N digits that must be within a range, after one of `before` (empty: nothing comes before).
bool take_part(std::string_view& text, std::string_view before, std::size_t digits, int low,
               int high, int& out) {
  if (!before.empty() && !take(text, before)) return false;
  const auto value = take_digits(text, digits);
  if (!value || *value < low || *value > high) return false;
  out = *value;
  return true;
}

bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_of(int year, int month) {
  constexpr std::array kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

// Of the proleptic Gregorian calendar, for years from 1970 on.
UnixMillis days_since_1970(int year, int month, int day) {
  const int before = year - 1;
  const int leap_days = before / 4 - before / 100 + before / 400 - 477;  // 477 up to 1969
  UnixMillis days = UnixMillis{365} * (year - 1970) + leap_days + day - 1;
  for (int earlier = 1; earlier < month; ++earlier)
    days += days_of(year, earlier);
  return days;
}

// ".678" in milliseconds, cut; empty is 0.
std::optional<int> fraction_millis(std::string_view text) {
  if (text.empty()) return 0;
  if (!take(text, ".") || text.empty() || text.size() > 9) return std::nullopt;
  int millis = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    if (i < 3) millis = millis * 10 + (text[i] - '0');
  }
  for (std::size_t i = text.size(); i < 3; ++i)
    millis *= 10;
  return millis;
}

}  // namespace

std::optional<double> plain_number(std::string_view text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> plain_bytes(std::string_view text) { return number_up_to(text, kMostBytes); }

std::optional<double> plain_seconds(std::string_view text) {
  return number_up_to(text, kMostSeconds);
}

std::optional<UnixMillis> plain_millis(std::string_view text) {
  const auto value = number_up_to(text, static_cast<double>(kLastMillis));
  if (!value) return std::nullopt;
  return static_cast<UnixMillis>(std::llround(*value));
}

std::optional<UnixMillis> civil_time(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  // 60: a leap second.
  if (!take_part(text, "", 4, 1970, 3000, year) || !take_part(text, "-", 2, 1, 12, month) ||
      !take_part(text, "-", 2, 1, days_of(year, month), day) ||
      !take_part(text, "T ", 2, 0, 23, hour) || !take_part(text, ":", 2, 0, 59, minute) ||
      !take_part(text, ":", 2, 0, 60, second))
    return std::nullopt;
  const auto millis = fraction_millis(text);
  if (!millis) return std::nullopt;
  const UnixMillis minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute;
  return std::min((minutes * 60 + second) * 1000 + *millis, kLastMillis);
}

std::optional<double> clock_seconds(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  double total = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = parts[i];
    const bool last = i + 1 == parts.size();
    if (part.find_first_not_of(last ? "0123456789." : "0123456789") != std::string_view::npos)
      return std::nullopt;
    const auto value = plain_number(part);
    if (!value || (i > 0 && *value >= (last ? 61 : 60))) return std::nullopt;
    total = total * 60 + *value;
  }
  if (total > kMostSeconds) return std::nullopt;
  return total;
}

std::optional<double> binary_bytes(std::string_view text) {
  constexpr std::string_view kUnits = "KMGTPE";
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto value = plain_number(text.substr(0, digits));
  auto unit = trim(text.substr(digits));
  if (!value) return std::nullopt;
  double factor = 1;
  if (!unit.empty() && unit != "B") {
    const auto power = kUnits.find(unit.front() == 'k' ? 'K' : unit.front());
    if (power == std::string_view::npos) return std::nullopt;
    unit.remove_prefix(1);
    if (!unit.empty() && unit != "B" && unit != "iB") return std::nullopt;
    factor = std::ldexp(1.0, 10 * (static_cast<int>(power) + 1));
  }
  if (*value * factor > kMostBytes) return std::nullopt;
  return *value * factor;
}

std::optional<std::vector<std::string>> split_words(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank = c == ' ' || c == '\t';
    if (quote == '\0' && blank) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    const bool in_double = quote == '"' && (next == '"' || next == '\\');
    const bool escapes = c == '\\' && next != '\0' && (quote == '\0' || in_double);
    if (c == quote)
      quote = '\0';
    else if (quote == '\0' && (c == '\'' || c == '"'))
      quote = c;
    else
      words.back() += escapes ? text[++i] : c;
  }
  if (quote != '\0') return std::nullopt;
  return words;
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> words;
  for (const auto word : split(text, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 40;
  if (text.size() <= kMost) return '"' + printable(text) + '"';
  std::size_t cut = kMost;
  while (cut > kMost - 4 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U)
    --cut;  // not within a character
  return '"' + printable(text.substr(0, cut)) + "…\"";
}

}  // namespace jobward::traces
