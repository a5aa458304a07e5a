// One JSON object on one line, built in a buffer of its own: for the journal, which is written when
// there may be no memory to be had. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/fixed_text.h"

namespace jobward::watchdog {

// Members are added in order; the caller keeps brackets in balance. What does not fit makes the line
// unusable, and is_cut() says so.
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

 private:
  void key(std::string_view name);
  void string(std::string_view value);

  FixedText<kMost> text_;
  bool first_ = true;
};

// "1.50 GiB" into a fixed text, without allocation.
template <std::size_t N>
FixedText<N>& add_bytes(FixedText<N>& out, std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = std::uint64_t{1} << 20U;
  if (bytes < kMebi) return out.add_number(bytes / 1024) += " KiB";
  if (bytes < 10 * 1024 * kMebi) return out.add_number(bytes / kMebi) += " MiB";
  return out.add_number(bytes / (1024 * kMebi)) += " GiB";
}

}  // namespace jobward::watchdog
