#include "profiles/value_shape.h"

#include <algorithm>
#include <array>

#include "profiles/option_scan.h"

namespace jobward::profiles {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_lower(c) || is_upper(c); }
bool is_alnum(char c) { return is_digit(c) || is_letter(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Does text begin with `pattern`? '#' stands for a digit, 'H' for a hexadecimal one, others for
// themselves.
bool begins_like(std::string_view text, std::string_view pattern) {
  if (text.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool fits = pattern[i] == '#'   ? is_digit(text[i])
                      : pattern[i] == 'H' ? is_hex(text[i])
                                          : text[i] == pattern[i];
    if (!fits) return false;
  }
  return true;
}

// The length of `pattern` where text begins like it, else 0.
std::size_t length_of(std::string_view text, std::string_view pattern) {
  return begins_like(text, pattern) ? pattern.size() : 0;
}

bool in_range(std::string_view two_digits, int low, int high) {
  const int value = (two_digits[0] - '0') * 10 + (two_digits[1] - '0');
  return value >= low && value <= high;
}

std::size_t day_length(std::string_view text) {
  const bool dashed = begins_like(text, "####-##-##") || begins_like(text, "####/##/##") ||
                      begins_like(text, "####_##_##") || begins_like(text, "####.##.##");
  if (dashed) return in_range(text.substr(5), 1, 12) && in_range(text.substr(8), 1, 31) ? 10 : 0;
  if (!begins_like(text, "########") || !in_range(text, 19, 21)) return 0;
  return in_range(text.substr(4), 1, 12) && in_range(text.substr(6), 1, 31) ? 8 : 0;
}

// "T12:30:00.5Z", " 12:30", "_123000", "-12-30-00": what may follow a day.
std::size_t time_length(std::string_view text) {
  if (text.empty() || std::string_view("T _-").find(text.front()) == std::string_view::npos)
    return 0;
  static constexpr std::array<std::string_view, 6> kTimes{"##:##:##", "##-##-##", "##_##_##",
                                                          "######",   "##:##",    "####"};
  const auto clock = text.substr(1);
  std::size_t length = 0;
  for (const auto pattern : kTimes)
    if (length == 0) length = length_of(clock, pattern);
  if (length == 0) return 0;
  if (begins_like(clock.substr(length), ".#"))
    for (++length; length < clock.size() && is_digit(clock[length]);)
      ++length;
  auto zone = clock.substr(length);
  if (zone.starts_with('Z')) return length + 2;
  if (zone.starts_with('+') || zone.starts_with('-')) {
    zone.remove_prefix(1);
    if (const auto found = std::max(length_of(zone, "##:##"), length_of(zone, "####")); found != 0)
      length += 1 + found;
  }
  return length + 1;
}

bool ends_word(std::string_view text, std::size_t at) {
  return at >= text.size() || !is_alnum(text[at]);
}

std::size_t digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) -
                                  text.begin());
}

std::size_t exponent_length(std::string_view text) {
  if (text.empty() || (text[0] != 'e' && text[0] != 'E')) return 0;
  const std::size_t sign = text.size() > 1 && (text[1] == '+' || text[1] == '-') ? 1 : 0;
  const auto count = digits(text.substr(1 + sign));
  return count == 0 ? 0 : 1 + sign + count;
}

bool is_unit(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  return text.empty() ||
         lists(
             "B KB MB GB TB PB kB KiB MiB GiB TiB PiB K M G T P E k m g t p Ki Mi Gi Ti kb mb gb "
             "tb ns us ms s sec secs min mins h hr hrs d days w % Hz kHz MHz GHz",
             text);
}

// One number with at most one unit; durations in sequence (2h30m) are several.
bool take_quantity(std::string_view& text) {
  const auto whole = digits(text);
  auto rest = text.substr(whole);
  std::size_t fraction = 0;
  while (rest.size() > 1 && rest[0] == '.' && is_digit(rest[1])) {
    fraction += digits(rest.substr(1));
    rest.remove_prefix(1 + digits(rest.substr(1)));
  }
  if (rest.starts_with('.') && whole > 0) rest.remove_prefix(1);
  if (whole + fraction == 0) return false;
  rest.remove_prefix(exponent_length(rest));
  const auto unit_end = std::find_if(rest.begin(), rest.end(),
                                     [](char c) { return !is_letter(c) && c != '%' && c != '/'; });
  const auto unit = rest.substr(0, static_cast<std::size_t>(unit_end - rest.begin()));
  if (is_unit(unit))
    rest.remove_prefix(unit.size());
  else if (!unit.starts_with('x') && !unit.starts_with('X'))
    return false;
  text = rest;
  return true;
}

bool is_hexadecimal_number(std::string_view text) {
  return text.size() > 2 && (text.starts_with("0x") || text.starts_with("0X")) &&
         std::all_of(text.begin() + 2, text.end(), is_hex);
}

}  // namespace

std::size_t uuid_length(std::string_view text) {
  const auto length = length_of(text, "HHHHHHHH-HHHH-HHHH-HHHH-HHHHHHHHHHHH");
  return ends_word(text, length) ? length : 0;
}

std::size_t date_length(std::string_view text) {
  const auto day = day_length(text);
  if (day == 0) return 0;
  const auto time = time_length(text.substr(day));
  if (ends_word(text, day + time)) return day + time;
  return ends_word(text, day) ? day : 0;
}

bool is_number(std::string_view text) {
  if (is_hexadecimal_number(text)) return true;
  while (!text.empty()) {
    if (text.front() == '-' || text.front() == '+') text.remove_prefix(1);
    if (!take_quantity(text)) return false;
    if (text.empty()) return true;
    if (is_digit(text.front())) continue;
    if (std::string_view(",:x-").find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
  }
  return false;
}

bool is_hash(std::string_view text) {
  for (const std::string_view prefix : {"sha256:", "sha1:", "md5:", "sha512:"})
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  static constexpr std::size_t kShortest = 7;      // of a git commit
  static constexpr std::size_t kLongestWord = 16;  // no English word of a-f alone is longer
  if (text.size() < kShortest || !std::all_of(text.begin(), text.end(), is_hex)) return false;
  const bool letters = std::any_of(text.begin(), text.end(), is_letter);
  const bool numerals = std::any_of(text.begin(), text.end(), is_digit);
  return (letters && numerals) || text.size() >= kLongestWord;
}

bool is_path(std::string_view text) {
  if (text.empty()) return false;
  if (text.front() == '~' || text.front() == '.' || text.find('/') != std::string_view::npos)
    return true;
  const auto dot = text.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  const auto extension = text.substr(dot + 1);
  if (extension.empty() || !std::all_of(extension.begin(), extension.end(), is_alnum)) return false;
  if (lists("feather geojson parquet pickle safetensors sqlite sqlite3 Rmd RData Rdata", extension))
    return true;
  // What is longer or in mixed case is seldom an extension: torch.float32, torch.optim.Adam.
  static constexpr std::size_t kUsual = 5;
  const bool lower = std::any_of(extension.begin(), extension.end(), is_lower);
  const bool upper = std::any_of(extension.begin(), extension.end(), is_upper);
  return extension.size() <= kUsual && lower != upper;
}

}  // namespace jobward::profiles
