#include "common/toml.h"

#include <algorithm>

// The library asserts on some broken headers ("[!x") that it then reports; releases are built
// without asserts.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include "common/text.h"

namespace jobward {
namespace {

using Value = decltype(TomlEntry::value);

struct Line {
  std::uint32_t number = 1;
  TomlEntry entry;
};

bool is_scalar(const toml::node& node, TomlScalar& out) {
  if (auto text = node.value_exact<std::string>())
    out = *std::move(text);
  else if (const auto whole = node.value_exact<std::int64_t>())
    out = *whole;
  else if (const auto number = node.value_exact<double>())
    out = *number;
  else if (const auto truth = node.value_exact<bool>())
    out = *truth;
  else
    return false;
  return true;
}

Value value_of(const toml::array& array) {
  if (!array.empty() && array.is_array_of_tables()) return TomlEntry::Tables{array.size()};
  std::vector<std::string> texts;
  std::vector<TomlScalar> scalars;
  for (const auto& element : array) {
    TomlScalar scalar;
    if (!is_scalar(element, scalar)) return TomlEntry::Other{};
    if (const auto* text = std::get_if<std::string>(&scalar)) texts.push_back(*text);
    scalars.push_back(std::move(scalar));
  }
  if (texts.size() == scalars.size()) return texts;
  return scalars;
}

Value value_of(const toml::node& node) {
  if (const auto* table = node.as_table()) return TomlEntry::Table{table->empty()};
  if (const auto* array = node.as_array()) return value_of(*array);
  TomlScalar scalar;
  if (!is_scalar(node, scalar)) return TomlEntry::Other{};
  return std::visit([](auto&& value) -> Value { return std::forward<decltype(value)>(value); },
                    std::move(scalar));
}

class Flattening {
 public:
  explicit Flattening(const std::string& file) : file_(file) {}

  void table(const toml::table& table, const std::vector<std::string>& path) {
    for (const auto& [name, node] : table)
      entry(node, extended(path, std::string(name.str())));
  }

  std::vector<Line> lines;

 private:
  static std::vector<std::string> extended(std::vector<std::string> path, std::string word) {
    path.push_back(std::move(word));
    return path;
  }

  void entry(const toml::node& node, const std::vector<std::string>& path) {
    const auto line = std::max<std::uint32_t>(node.source().begin.line, 1);
    const auto& added =
        lines.emplace_back(Line{line, {path, file_ + ":" + std::to_string(line), value_of(node)}});
    const bool tables = std::holds_alternative<TomlEntry::Tables>(added.entry.value);
    if (const auto* deeper = node.as_table()) table(*deeper, path);
    if (!tables) return;
    std::size_t number = 0;
    for (const auto& element : *node.as_array())
      entry(element, extended(path, std::to_string(number++)));
  }

  const std::string& file_;
};

}  // namespace

std::string TomlEntry::name() const {
  std::string out;
  for (const auto& part : path)
    out += (out.empty() ? "" : ".") + printable(part);
  return out;
}

Result<std::vector<TomlEntry>> read_toml(std::string_view text, const std::string& file,
                                         std::string_view what) {
  const std::string shown = printable(file);
  Flattening flat(shown);
  try {
    flat.table(toml::parse(text, file), {});
  } catch (const toml::parse_error& broken) {  // the library's only way to say so
    const auto line = std::max<std::uint32_t>(broken.source().begin.line, 1);
    return error("read " + std::string(what), shown + ":" + std::to_string(line),
                 printable(broken.description()));
  }
  std::stable_sort(flat.lines.begin(), flat.lines.end(),
                   [](const Line& a, const Line& b) { return a.number < b.number; });
  std::vector<TomlEntry> out;
  out.reserve(flat.lines.size());
  for (auto& line : flat.lines)
    out.push_back(std::move(line.entry));
  return out;
}

}  // namespace jobward
