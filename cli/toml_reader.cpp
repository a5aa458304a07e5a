#include "cli/toml_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

// The library asserts on some broken headers ("[!x") that it then reports; releases are built
// without asserts.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using Value = decltype(TomlEntry::value);

struct Line {
  std::uint32_t number = 1;
  TomlEntry entry;
};

Value strings_of(const toml::array& array) {
  std::vector<std::string> texts;
  for (const auto& element : array) {
    const auto text = element.value_exact<std::string>();
    if (!text) return TomlEntry::Other{};
    texts.push_back(*text);
  }
  return texts;
}

Value value_of(const toml::node& node) {
  if (const auto* table = node.as_table()) return TomlEntry::Table{table->empty()};
  if (const auto* array = node.as_array()) return strings_of(*array);
  if (auto text = node.value_exact<std::string>()) return *std::move(text);
  if (const auto whole = node.value_exact<std::int64_t>()) return *whole;
  if (const auto number = node.value_exact<double>()) return *number;
  if (const auto truth = node.value_exact<bool>()) return *truth;
  return TomlEntry::Other{};
}

void flatten(const toml::table& table, const std::vector<std::string>& path,
             const std::string& file, std::vector<Line>& out) {
  for (const auto& [name, node] : table) {
    auto inner = path;
    inner.emplace_back(name.str());
    const auto line = std::max<std::uint32_t>(node.source().begin.line, 1);
    out.push_back({line, {inner, file + ":" + std::to_string(line), value_of(node)}});
    if (const auto* deeper = node.as_table()) flatten(*deeper, inner, file, out);
  }
}

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

std::string TomlEntry::name() const {
  std::string out;
  for (const auto& part : path)
    out += (out.empty() ? "" : ".") + printable(part);
  return out;
}

Result<std::vector<TomlEntry>> read_toml(std::string_view text, const std::string& file) {
  std::vector<Line> lines;
  const std::string shown = printable(file);
  try {
    flatten(toml::parse(text, file), {}, shown, lines);
  } catch (const toml::parse_error& broken) {  // the library's only way to say so
    const auto line = std::max<std::uint32_t>(broken.source().begin.line, 1);
    return config_error(shown + ":" + std::to_string(line), printable(broken.description()));
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.number < b.number; });
  std::vector<TomlEntry> out;
  out.reserve(lines.size());
  for (auto& line : lines)
    out.push_back(std::move(line.entry));
  return out;
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
