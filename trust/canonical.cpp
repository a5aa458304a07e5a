#include "trust/canonical.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/text.h"
#include "trust/encoding.h"

namespace jobward::trust {
namespace {

constexpr std::int64_t kLargest = (std::int64_t{1} << 53) - 1;

bool is_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

void check(const nlohmann::json& value) {
  if (value.is_number_float()) throw std::logic_error("canonical JSON has no fractions");
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{kLargest})
    throw std::logic_error("canonical JSON has no integers beyond 2^53");
  if (value.is_number_integer() && !value.is_number_unsigned() &&
      value.get<std::int64_t>() < -kLargest)
    throw std::logic_error("canonical JSON has no integers beyond 2^53");
  if (value.is_object())
    for (const auto& [key, inner] : value.items()) {
      if (!is_ascii(key)) throw std::logic_error("canonical JSON has ASCII keys");
      check(inner);
    }
  if (value.is_array())
    for (const auto& inner : value)
      check(inner);
}

}  // namespace

std::string canonical(const nlohmann::json& value) {
  check(value);
  return value.dump();
}

std::string json_text(std::string_view bytes) {
  return is_utf8(bytes) ? std::string(bytes) : printable(bytes);
}

std::string json_key(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    out += static_cast<unsigned char>(c) < 0x80 ? std::string(1, c)
                                                : "\\x" + hex(std::string_view(&c, 1));
  return out;
}

std::string text_member(const nlohmann::json& from, const char* name) {
  if (!from.is_object()) return {};
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> text_list(const nlohmann::json& from, const char* name) {
  std::vector<std::string> out;
  if (!from.is_object() || !from.contains(name) || !from[name].is_array()) return out;
  for (const auto& one : from[name])
    if (one.is_string()) out.push_back(one.get<std::string>());
  return out;
}

std::string number_text(double value) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace jobward::trust
