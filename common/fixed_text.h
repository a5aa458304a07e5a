// Text in a buffer of its own, for code that may not allocate. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace jobward {

// At most N - 1 bytes and a closing NUL. What does not fit is left out and `is_cut` says so: a cut
// path must not be opened, a cut name must not be matched.
template <std::size_t N>
class FixedText {
 public:
  FixedText() = default;
  FixedText(std::string_view text) { *this += text; }

  FixedText& operator=(std::string_view text) {
    clear();
    *this += text;
    return *this;
  }
  FixedText& operator+=(std::string_view text) {
    const std::size_t fits = std::min(text.size(), N - 1 - size_);
    if (fits > 0) std::memcpy(data_.data() + size_, text.data(), fits);
    resize(size_ + fits);
    cut_ = cut_ || fits < text.size();
    return *this;
  }
  FixedText& operator+=(char c) { return *this += std::string_view(&c, 1); }
  FixedText& add_number(std::int64_t value) { return add_digits(value); }
  FixedText& add_number(std::uint64_t value) { return add_digits(value); }
  FixedText& add_number(int value) { return add_digits(std::int64_t{value}); }

  void clear() {
    resize(0);
    cut_ = false;
  }
  // To fewer bytes.
  void resize(std::size_t size) {
    size_ = static_cast<std::uint32_t>(size);
    data_[size_] = '\0';
  }

  // After resize() to where it was still whole.
  void forget_cut() { cut_ = false; }

  [[nodiscard]] std::string_view view() const { return {data_.data(), size_}; }
  operator std::string_view() const { return view(); }
  [[nodiscard]] const char* c_str() const { return data_.data(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool is_cut() const { return cut_; }
  bool operator==(std::string_view other) const { return view() == other; }

 private:
  template <class T>
  FixedText& add_digits(T value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    const auto size = static_cast<std::size_t>(end - digits.data());
    return *this += std::string_view(digits.data(), std::min(size, digits.size()));
  }

  std::uint32_t size_ = 0;
  bool cut_ = false;
  std::array<char, N> data_{};
};

}  // namespace jobward
