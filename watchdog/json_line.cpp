#include "watchdog/json_line.h"

#include <array>
#include <cmath>

namespace jobward::watchdog {
namespace {

// How many bytes the UTF-8 sequence at the front has; 0: it is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xC0U) != 0x80) return 0;
  const unsigned second = at(1);
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

}  // namespace

void JsonLine::clear() {
  text_.clear();
  first_ = true;
}

void JsonLine::back_to(const Mark& mark) {
  text_.resize(mark.size);
  text_.forget_cut();
  first_ = mark.first;
}

void JsonLine::key(std::string_view name) {
  if (!first_) text_ += ',';
  first_ = false;
  if (name.empty()) return;
  string(name);
  text_ += ':';
}

void JsonLine::string(std::string_view value) {
  text_ += '"';
  while (!value.empty()) {
    const auto byte = static_cast<unsigned char>(value[0]);
    const std::size_t length = utf8_length(value);
    if (length == 0) {
      text_ += "\xEF\xBF\xBD";
    } else if (byte == '"' || byte == '\\') {
      text_ += '\\';
      text_ += value[0];
    } else if (byte < 0x20 || byte == 0x7F) {
      constexpr std::string_view kHex = "0123456789abcdef";
      text_ += "\\u00";
      text_ += kHex[byte >> 4U];
      text_ += kHex[byte & 15U];
    } else {
      text_ += value.substr(0, length);
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
}

JsonLine& JsonLine::open(std::string_view name, char bracket) {
  key(name);
  text_ += bracket;
  first_ = true;
  return *this;
}

JsonLine& JsonLine::close(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonLine& JsonLine::text(std::string_view name, std::string_view value) {
  key(name);
  string(value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view name, std::uint64_t value) {
  key(name);
  text_.add_number(value);
  return *this;
}

JsonLine& JsonLine::signed_number(std::string_view name, std::int64_t value) {
  key(name);
  text_.add_number(value);
  return *this;
}

JsonLine& JsonLine::percent(std::string_view name, const std::optional<double>& share) {
  if (!share) return *this;
  key(name);
  const auto hundredths = static_cast<std::uint64_t>(std::lround(*share * 10000));
  text_.add_number(hundredths / 100);
  text_ += '.';
  if (hundredths % 100 < 10) text_ += '0';
  text_.add_number(hundredths % 100);
  return *this;
}

JsonLine& JsonLine::boolean(std::string_view name, bool value) {
  key(name);
  text_ += value ? std::string_view("true") : std::string_view("false");
  return *this;
}

}  // namespace jobward::watchdog
