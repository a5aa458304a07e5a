#include "cli/toml_reader.h"

#include <array>
#include <charconv>

#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

template <class Number>
std::string number_text(Number number) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

tl::unexpected<Error> expected(const std::string& what) {
  return error("read", "the value", "expected " + what);
}

}  // namespace

Result<std::vector<TomlEntry>> read_toml(std::string_view text, const std::string& file) {
  return jobward::read_toml(text, file, "configuration");
}

Result<std::string> text_value(const TomlEntry& entry, BareNumber bare, std::string_view example) {
  if (const auto* text = std::get_if<std::string>(&entry.value)) return *text;
  const auto* whole = std::get_if<std::int64_t>(&entry.value);
  const auto* number = std::get_if<double>(&entry.value);
  if (whole != nullptr && (bare == BareNumber::yes || (bare == BareNumber::zero && *whole == 0)))
    return number_text(*whole);
  if (number != nullptr && bare == BareNumber::yes) return number_text(*number);
  return expected("a text such as \"" + std::string(example) + "\"");
}

Result<bool> bool_value(const TomlEntry& entry) {
  if (const auto* truth = std::get_if<bool>(&entry.value)) return *truth;
  return expected("true or false");
}

Result<std::vector<std::string>> list_value(const TomlEntry& entry, std::string_view example) {
  if (const auto* text = std::get_if<std::string>(&entry.value))
    return std::vector<std::string>{*text};
  if (const auto* texts = std::get_if<std::vector<std::string>>(&entry.value)) return *texts;
  return expected("a text such as \"" + std::string(example) + "\", or an array of them");
}

Result<double> share_value(const TomlEntry& entry) {
  if (const auto* text = std::get_if<std::string>(&entry.value)) return parse_fraction(*text);
  double share = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&entry.value))
    share = static_cast<double>(*whole);
  else if (const auto* number = std::get_if<double>(&entry.value))
    share = *number;
  else
    return expected("a share such as 0.5 or \"50%\"");
  if (share >= 0 && share <= 1) return share;
  return error("read", "a share", "it must be between 0 and 1");
}

tl::unexpected<Error> config_error(const std::string& where, const std::string& what) {
  return error("read configuration", where, what);
}

tl::unexpected<Error> value_error(const TomlEntry& entry, const Error& reason) {
  return config_error(entry.where, entry.name() + ": " + reason.message());
}

tl::unexpected<Error> unknown_key(const TomlEntry& entry, const std::vector<std::string>& known) {
  std::string text = "unknown key " + entry.name();
  if (const auto nearest = nearest_word(entry.name(), known))
    text += "; did you mean " + *nearest + "?";
  return config_error(entry.where, text);
}

}  // namespace jobward::cli
