// One JSON object on one line, built in a buffer of its own: for the journal, which is written when
// there may be no memory to be had. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/fixed_text.h"

namespace jobward::watchdog {

// Members are added in order; the caller keeps brackets in balance. What does not fit makes the
// line unusable, and is_cut() says so.
class JsonLine {
 public:
  static constexpr std::size_t kMost = 32768;

  void clear();
  JsonLine& open(std::string_view key = {}, char bracket = '{');
  JsonLine& close(char bracket = '}');
  // Bytes that are not UTF-8 become U+FFFD.
  JsonLine& text(std::string_view key, std::string_view value);
  JsonLine& number(std::string_view key, std::uint64_t value);
  JsonLine& signed_number(std::string_view key, std::int64_t value);
  JsonLine& percent(std::string_view key, const std::optional<double>& share);  // absent: nothing
  JsonLine& boolean(std::string_view key, bool value);

  [[nodiscard]] std::string_view view() const { return text_; }
  [[nodiscard]] bool is_cut() const { return text_.is_cut(); }

  // Back to where it was, if that is what still fits: for members that a line can do without.
  struct Mark {
    std::size_t size;
    bool first;
  };
  [[nodiscard]] Mark mark() const { return {text_.size(), first_}; }
  void back_to(const Mark& mark);
  [[nodiscard]] std::size_t room() const { return kMost - text_.size(); }

 private:
  void key(std::string_view name);
  void string(std::string_view value);

  FixedText<kMost> text_;
  bool first_ = true;
};

// "1.50 GiB", "312 MiB" into a fixed text, three digits, rounded down, without allocation.
template <std::size_t N>
FixedText<N>& add_bytes(FixedText<N>& out, std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{" B", " KiB", " MiB", " GiB", " TiB"};
  std::size_t unit = 0;
  std::uint64_t thousandths = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    thousandths = bytes % 1024 * 1000 / 1024;
    bytes /= 1024;
    ++unit;
  }
  out.add_number(bytes);
  if (unit > 0 && bytes < 100) {
    const std::uint64_t digits = bytes < 10 ? thousandths / 10 : thousandths / 100;
    out += '.';
    if (bytes < 10 && digits < 10) out += '0';
    out.add_number(digits);
  }
  return out += kUnits[unit];
}

}  // namespace jobward::watchdog
