// JSON as the entries that a TOML file gives.
#include <nlohmann/json.hpp>
#include <set>

#include "common/text.h"
#include "verify/contract_fields.h"

namespace jobward::verify {
namespace {

using Json = nlohmann::ordered_json;

// JSON is read twice: the parser keeps the last of two equal names, so the names are counted here.
class NameWatch final : public nlohmann::json_sax<Json> {
 public:
  std::string twice;  // the pointer of a name that stands there twice
  std::string broken;
  int depth = 0;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    auto& top = levels_.back();
    top.word = name;
    if (top.names.insert(name).second) return true;
    twice = pointer();
    return false;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& failure) override {
    broken = failure.what();
    return false;
  }

 private:
  // A contract has four levels; a text that is all brackets must not cost a stack.
  static constexpr std::size_t kDeepest = 16;
  struct Level {
    bool array = false;
    std::size_t index = 0;
    std::string word;
    std::set<std::string> names;
  };
  bool open(bool array) {
    if (levels_.size() >= kDeepest) {
      broken = "it is nested too deeply";
      return false;
    }
    levels_.push_back({array, 0, {}, {}});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return value();
  }
  bool value() {
    if (!levels_.empty() && levels_.back().array) ++levels_.back().index;
    return true;
  }
  [[nodiscard]] std::string pointer() const {
    std::string out;
    for (const auto& level : levels_)
      out += "/" + (level.array ? std::to_string(level.index) : level.word);
    return out;
  }

  std::vector<Level> levels_;
};

bool scalar_of(const Json& json, TomlScalar& out) {
  const bool is_large = json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX;
  if (json.is_string())
    out = json.get<std::string>();
  else if (json.is_boolean())
    out = json.get<bool>();
  else if (json.is_number_integer() && !is_large)
    out = json.get<std::int64_t>();
  else if (json.is_number_float() || is_large)
    out = json.get<double>();
  else
    return false;
  return true;
}

class Flattening {
 public:
  explicit Flattening(std::string file) : file_(std::move(file)) {}
  std::vector<TomlEntry> entries;

  void table(const Json& json, const std::vector<std::string>& path) {
    for (const auto& [name, value] : json.items())
      entry(value, extended(path, name));
  }

 private:
  static std::vector<std::string> extended(std::vector<std::string> path, std::string word) {
    path.push_back(std::move(word));
    return path;
  }
  static bool is_tables(const Json& json) {
    return json.is_array() && !json.empty() &&
           std::all_of(json.begin(), json.end(), [](const Json& one) { return one.is_object(); });
  }
  static decltype(TomlEntry::value) list_of(const Json& json) {
    std::vector<TomlScalar> scalars;
    std::vector<std::string> texts;
    for (const auto& element : json) {
      TomlScalar scalar;
      if (!scalar_of(element, scalar)) return TomlEntry::Other{};
      if (const auto* text = std::get_if<std::string>(&scalar)) texts.push_back(*text);
      scalars.push_back(std::move(scalar));
    }
    if (texts.size() == scalars.size()) return texts;
    return scalars;
  }
  void entry(const Json& json, const std::vector<std::string>& path) {
    TomlEntry out{path, file_ + "#", TomlEntry::Other{}};
    for (const auto& word : path)
      out.where += "/" + printable(word);
    TomlScalar scalar;
    if (json.is_object())
      out.value = TomlEntry::Table{json.empty()};
    else if (is_tables(json))
      out.value = TomlEntry::Tables{json.size()};
    else if (json.is_array())
      out.value = list_of(json);
    else if (scalar_of(json, scalar))
      std::visit([&](auto&& value) { out.value = std::forward<decltype(value)>(value); }, scalar);
    entries.push_back(std::move(out));
    if (json.is_object()) table(json, path);
    if (!is_tables(json)) return;
    for (std::size_t i = 0; i < json.size(); ++i)
      entry(json[i], extended(path, std::to_string(i)));
  }

  std::string file_;
};

}  // namespace

Result<std::vector<TomlEntry>> read_json_entries(std::string_view text, const std::string& file) {
  const std::string shown = printable(file);
  NameWatch watch;
  if (!Json::sax_parse(text, &watch)) {
    if (!watch.twice.empty())
      return contract_error(shown + "#" + printable(watch.twice), "it stands there twice");
    return contract_error(shown + "#", printable(watch.broken));
  }
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return contract_error(shown + "#", "expected an object");
  Flattening flat(shown);
  flat.table(json, {});
  return std::move(flat.entries);
}

}  // namespace jobward::verify
