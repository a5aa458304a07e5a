#include "traces/table.h"

#include <algorithm>

#include "common/text.h"

namespace jobward::traces {

Header::Header(const std::vector<std::string_view>& names) : names_(names.begin(), names.end()) {}

Column Header::find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names_.begin());
}

Column Header::find_any(const std::vector<std::string_view>& names) const {
  for (const auto name : names)
    if (const auto column = find(name)) return column;
  return std::nullopt;
}

std::optional<std::string> Header::repeated() const {
  auto sorted = names_;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return std::nullopt;
  return *twice;
}

std::string_view Row::text(Column column) const {
  if (!column || *column >= fields_.size()) return {};
  const auto field = fields_[*column];
  return field == nothing_ ? std::string_view{} : field;
}

void Row::reject(Column column, const std::string& expected) {
  if (!problem_.empty() || !column) return;
  problem_ = "column " + printable(header_.names()[*column]) + ": " + shown(text(column)) +
             "; expected " + expected;
}

std::string wrong_width(const Header& header, const std::vector<std::string_view>& fields) {
  const auto columns = header.names().size();
  if (fields.size() == columns) return {};
  return std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") +
         " where the header has " + std::to_string(columns) +
         (columns == 1 ? " column" : " columns");
}

void split_fields(std::string_view line, char separator, std::vector<std::string_view>& out) {
  out.clear();
  while (true) {
    const auto at = line.find(separator);
    out.push_back(trim(line.substr(0, at)));
    if (at == std::string_view::npos) return;
    line.remove_prefix(at + 1);
  }
}

}  // namespace jobward::traces
