#include "verify/contract_fields.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "common/text.h"
#include "common/units.h"

namespace jobward::verify {

tl::unexpected<Error> contract_error(const std::string& where, const std::string& what) {
  return error("read contract", where, what);
}

std::string hint(std::string_view word, const std::vector<std::string>& known) {
  const auto nearest = nearest_word(word, known);
  return nearest ? "; did you mean " + printable(*nearest) + "?" : std::string();
}

std::string lower_case(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

EntryTree::EntryTree(const std::vector<TomlEntry>& entries) {
  for (const auto& entry : entries) {
    entries_[entry.path] = &entry;
    children_[Path(entry.path.begin(), entry.path.end() - 1)].push_back(&entry);
  }
}

const std::vector<const TomlEntry*>& EntryTree::below(const Path& path) const {
  static const std::vector<const TomlEntry*> kNone;
  const auto found = children_.find(path);
  return found == children_.end() ? kNone : found->second;
}

const TomlEntry* EntryTree::at(const Path& path) const {
  const auto found = entries_.find(path);
  return found == entries_.end() ? nullptr : found->second;
}

Fields::Fields(const EntryTree& tree, EntryTree::Path path, std::string where)
    : tree_(tree), path_(std::move(path)), where_(std::move(where)) {}

const TomlEntry* Fields::take(const std::string& key) {
  asked_.insert(key);
  auto path = path_;
  path.push_back(key);
  return tree_.at(path);
}

bool Fields::has(const std::string& key) const {
  auto path = path_;
  path.push_back(key);
  return tree_.at(path) != nullptr;
}

std::string Fields::where_of(const std::string& key) const {
  auto path = path_;
  path.push_back(key);
  const auto* entry = tree_.at(path);
  return entry != nullptr ? entry->where : where_;
}

void Fields::fail(const std::string& key, const std::string& what) {
  if (error_) return;
  error_ = contract_error(where_of(key), (key.empty() ? "" : printable(key) + ": ") + what).value();
}

std::optional<std::string> Fields::text(const std::string& key) {
  const auto* entry = take(key);
  if (entry == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&entry->value)) return *text;
  fail(key, "expected a text");
  return std::nullopt;
}

void Fields::require(const std::string& key, const std::string& what) {
  if (has(key) || error_) return;
  fail(key, "it is missing" + (what.empty() ? "" : ": " + what));
  missing_ = true;
}

std::string Fields::required_text(const std::string& key) {
  require(key);
  auto out = text(key).value_or("");
  if (out.empty()) fail(key, "it is empty");
  return out;
}

std::optional<std::size_t> Fields::word(const std::string& key,
                                        const std::vector<std::string>& words) {
  const auto given = text(key);
  if (!given) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *given);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string known;
  for (const auto& one : words)
    known += (known.empty() ? "" : ", ") + one;
  fail(key, "unknown word \"" + printable(*given) + "\", expected one of " + known +
                hint(*given, words));
  return std::nullopt;
}

bool Fields::truth(const std::string& key, bool otherwise) {
  const auto* entry = take(key);
  if (entry == nullptr) return otherwise;
  if (const auto* value = std::get_if<bool>(&entry->value)) return *value;
  fail(key, "expected true or false");
  return otherwise;
}

std::optional<std::int64_t> Fields::count(const std::string& key) {
  const auto* entry = take(key);
  if (entry == nullptr) return std::nullopt;
  const auto* whole = std::get_if<std::int64_t>(&entry->value);
  if (whole != nullptr && *whole >= 0) return *whole;
  fail(key, "expected a whole number from 0 on");
  return std::nullopt;
}

std::optional<double> Fields::share(const std::string& key) {
  const auto* entry = take(key);
  if (entry == nullptr) return std::nullopt;
  double value = -1;
  if (const auto* text = std::get_if<std::string>(&entry->value)) {
    const auto parsed = parse_fraction(*text);
    if (!parsed) {
      fail(key, parsed.error().message());
      return std::nullopt;
    }
    value = *parsed;
  } else if (const auto* number = std::get_if<double>(&entry->value)) {
    value = *number;
  } else if (const auto* whole = std::get_if<std::int64_t>(&entry->value)) {
    value = static_cast<double>(*whole);
  }
  if (value >= 0 && value <= 1) return value;
  fail(key, "expected a share from 0 to 1, such as 0.01 or \"1%\"");
  return std::nullopt;
}

std::optional<double> Fields::duration(const std::string& key) {
  const auto given = text(key);
  if (!given) return std::nullopt;
  const auto parsed = parse_duration_seconds(*given);
  if (parsed) return *parsed;
  fail(key, parsed.error().message());
  return std::nullopt;
}

std::vector<std::string> Fields::texts(const std::string& key) {
  const auto* entry = take(key);
  if (entry == nullptr) return {};
  std::vector<std::string> out;
  if (const auto* text = std::get_if<std::string>(&entry->value))
    out = {*text};
  else if (const auto* many = std::get_if<std::vector<std::string>>(&entry->value))
    out = *many;
  else
    fail(key, "expected a text or a list of texts");
  if (std::get_if<std::vector<std::string>>(&entry->value) != nullptr && out.empty())
    fail(key, "the list is empty");
  if (std::find(out.begin(), out.end(), "") != out.end()) fail(key, "there is an empty text in it");
  return out;
}

std::vector<TomlScalar> Fields::scalars(const std::string& key) {
  const auto* entry = take(key);
  if (entry == nullptr) return {};
  if (const auto* many = std::get_if<std::vector<std::string>>(&entry->value)) {
    if (many->empty()) fail(key, "the list is empty");
    return {many->begin(), many->end()};
  }
  if (const auto* mixed = std::get_if<std::vector<TomlScalar>>(&entry->value)) return *mixed;
  fail(key, "expected a list of texts, numbers or truths");
  return {};
}

std::optional<TomlScalar> Fields::scalar(const std::string& key) {
  const auto* entry = take(key);
  if (entry == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&entry->value)) return *text;
  if (const auto* whole = std::get_if<std::int64_t>(&entry->value)) return *whole;
  if (const auto* number = std::get_if<double>(&entry->value); number && std::isfinite(*number))
    return *number;
  fail(key, "expected a finite number, or a date or time in quotes");
  return std::nullopt;
}

Tolerance Fields::tolerance() {
  static const std::string kKey = "tolerance";
  Tolerance out;
  const auto* entry = take(kKey);
  if (entry == nullptr) return out;
  if (const auto* whole = std::get_if<std::int64_t>(&entry->value); whole && *whole >= 0) {
    out.rows = *whole;
  } else if (const auto* text = std::get_if<std::string>(&entry->value);
             text && !text->empty() && text->back() == '%') {
    out.share = share(kKey);
  } else {
    // 0.5 could be half a row or half of them.
    fail(kKey,
         "expected a whole number of rows, such as 10, or a share in per cent, such as \"1%\"");
  }
  return out;
}

std::vector<Fields> Fields::tables(const std::string& key) {
  const auto* entry = take(key);
  std::vector<Fields> out;
  if (entry == nullptr) return out;
  auto path = path_;
  path.push_back(key);
  for (const auto* child : tree_.below(path)) {
    if (std::holds_alternative<TomlEntry::Table>(child->value))
      out.emplace_back(tree_, child->path, child->where);
    else if (!error_)
      error_ = contract_error(child->where, child->name() + " is no table").value();
  }
  const bool several = std::holds_alternative<TomlEntry::Table>(entry->value) ||
                       std::holds_alternative<TomlEntry::Tables>(entry->value);
  if (!several) fail(key, "expected tables");
  return out;
}

Status Fields::first_error() const {
  if (error_) return tl::unexpected(*error_);
  return {};
}

Status Fields::finish() {
  if (error_ && !missing_) return tl::unexpected(*error_);
  for (const auto* entry : tree_.below(path_)) {
    const auto& key = entry->path.back();
    if (asked_.contains(key)) continue;
    const std::vector<std::string> known(asked_.begin(), asked_.end());
    return contract_error(entry->where, "unknown key " + entry->name() + hint(key, known));
  }
  if (error_) return tl::unexpected(*error_);
  return {};
}

}  // namespace jobward::verify
