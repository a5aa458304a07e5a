#include "trust/ssh_wire.h"

namespace jobward::trust {

std::optional<std::string_view> SshReader::bytes(std::size_t count) {
  if (left_.size() < count) {
    left_ = {};
    return std::nullopt;
  }
  const auto out = left_.substr(0, count);
  left_.remove_prefix(count);
  return out;
}

std::optional<std::uint8_t> SshReader::byte() {
  const auto got = bytes(1);
  if (!got) return std::nullopt;
  return static_cast<std::uint8_t>(got->front());
}

std::optional<std::uint32_t> SshReader::number() {
  const auto got = bytes(4);
  if (!got) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : *got)
    value = value << 8U | static_cast<std::uint8_t>(c);
  return value;
}

std::optional<std::string_view> SshReader::string() {
  const auto size = number();
  if (!size) return std::nullopt;
  return bytes(*size);
}

SshWriter& SshWriter::raw(std::string_view bytes) {
  text_ += bytes;
  return *this;
}

SshWriter& SshWriter::byte(std::uint8_t value) {
  text_ += static_cast<char>(value);
  return *this;
}

SshWriter& SshWriter::number(std::uint32_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    text_ += static_cast<char>(value >> shift & 0xFFU);
  return *this;
}

SshWriter& SshWriter::string(std::string_view bytes) {
  number(static_cast<std::uint32_t>(bytes.size()));
  return raw(bytes);
}

}  // namespace jobward::trust
