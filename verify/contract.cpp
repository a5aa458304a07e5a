#include "verify/contract.h"

#include <algorithm>
#include <array>

namespace jobward::verify {

std::string_view to_string(Format format) {
  static constexpr std::array<std::string_view, 5> kNames{"csv", "tsv", "parquet", "jsonl",
                                                          "sqlite"};
  return kNames[static_cast<std::size_t>(format)];
}

std::string_view primitive_name(const Demand& demand) {
  static constexpr std::array<std::string_view, std::variant_size_v<Demand>> kNames{
      "schema_match", "row_count_parity", "key_alignment", "null_rate_ceiling", "unique",
      "value_range",  "allowed_values",   "freshness",     "file_digest",       "stubs",
      "custom_sql"};
  return kNames[demand.index()];
}

const Dataset* Contract::dataset(const std::string& name) const {
  const auto found = std::find_if(datasets.begin(), datasets.end(),
                                  [&](const Dataset& one) { return one.name == name; });
  return found == datasets.end() ? nullptr : &*found;
}

std::vector<std::string> datasets_of(const Check& check) {
  std::vector<std::string> out;
  if (!check.dataset.empty()) out.push_back(check.dataset);
  if (const auto* rows = std::get_if<RowCountParity>(&check.demand); rows && rows->other)
    out.push_back(*rows->other);
  if (const auto* keys = std::get_if<KeyAlignment>(&check.demand)) out.push_back(keys->other);
  if (const auto* sql = std::get_if<CustomSql>(&check.demand))
    out.insert(out.end(), sql->datasets.begin(), sql->datasets.end());
  return out;
}

bool needs_engine(const Check& check) {
  return !std::holds_alternative<FileDigestCheck>(check.demand) &&
         !std::holds_alternative<Stubs>(check.demand);
}

}  // namespace jobward::verify
