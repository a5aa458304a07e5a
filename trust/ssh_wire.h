// The data types of the SSH protocol (RFC 4251, section 5). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jobward::trust {

class SshReader {
 public:
  explicit SshReader(std::string_view bytes) : left_(bytes) {}
  // Absent: there is not so much left. What was read is gone either way.
  std::optional<std::string_view> bytes(std::size_t count);
  std::optional<std::uint8_t> byte();
  std::optional<std::uint32_t> number();
  std::optional<std::string_view> string();
  [[nodiscard]] bool at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
};

class SshWriter {
 public:
  SshWriter& raw(std::string_view bytes);
  SshWriter& byte(std::uint8_t value);
  SshWriter& number(std::uint32_t value);
  SshWriter& string(std::string_view bytes);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace jobward::trust
