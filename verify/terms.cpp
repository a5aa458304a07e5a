#include "verify/terms.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/identity.h"
#include "profiles/paths.h"
#include "verify/sql.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

using Loosens = Bound::Loosens;

std::string number_text(double value) {
  std::array<char, 64> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

// With its kind, so that 1, "1" and true differ.
std::string scalar_text(const TomlScalar& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return sql_text(*text);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  return number_text(std::get<double>(value));
}

std::string list_text(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const auto& text : texts)
    quoted.push_back(sql_text(text));
  return joined(quoted, ", ");
}

const char* truth_text(bool value) { return value ? "true" : "false"; }

std::string place(const Contract& contract, const std::string& path) {
  return profiles::path_within(contract.project, profiles::absolute_path(contract.directory, path));
}

// All that decides what is read and how.
std::string dataset_text(const Contract& contract, const Dataset& dataset) {
  std::vector<std::string> paths;
  for (const auto& path : dataset.paths)
    paths.push_back(place(contract, path));
  const auto& text = dataset.text;
  std::string out = "path " + list_text(paths) + "; format " +
                    std::string(to_string(dataset.format)) + "; table " + sql_text(dataset.table) +
                    "; hive_partitioning " + truth_text(dataset.hive_partitioning);
  out += "; text " +
         list_text({text.delimiter, text.quote, text.escape, text.comment, truth_text(text.header),
                    std::to_string(text.skip), truth_text(text.quoted_nulls), text.encoding,
                    text.timestamp_format, text.date_format, text.decimal_separator});
  out += "; null_strings " + list_text(text.null_strings) + "; types";
  for (const auto& [name, type] : dataset.types)
    out += " " + sql_text(name) + " " + sql_text(type);
  return out;
}

Term::Set set_of(std::vector<std::string> members, bool larger_is_looser) {
  std::sort(members.begin(), members.end());
  return {std::move(members), larger_is_looser};
}

void put_choice(Term& out, const char* name, const char* strict, const char* loose, bool is_loose) {
  out.choices[name] = {{strict, loose}, is_loose ? loose : strict};
}

void put_tolerance(Term& out, const Tolerance& tolerance) {
  out.bounds["tolerance_rows"] = {static_cast<double>(tolerance.rows.value_or(0)), Loosens::up};
  out.bounds["tolerance_share"] = {tolerance.share.value_or(0), Loosens::up};
}

void put_columns(Term& out, const ColumnChoice& choice) {
  out.sets["columns"] = set_of(choice.names, false);
  out.fixed["pattern"] = choice.pattern;
}

std::optional<double> number(const std::optional<std::int64_t>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

// One overload a primitive.
struct Describe {
  const Contract& contract;
  Term& out;

  void operator()(const SchemaMatch& demand) const {
    std::vector<std::string> columns;
    std::vector<std::string> names;
    std::vector<std::string> filled;
    for (const auto& column : demand.columns) {
      for (const auto& type : implied_types(column.type))
        columns.push_back(column.name + " " + type);
      if (column.nullable == std::optional(false)) filled.push_back(column.name);
      names.push_back(column.name);
    }
    put_choice(out, "order", "exact", "any", !demand.exact_order);
    out.sets["columns in order"] = set_of(
        demand.exact_order ? std::vector{list_text(names)} : std::vector<std::string>(), false);
    out.sets["columns"] = set_of(std::move(columns), false);
    out.sets["not_nullable"] = set_of(std::move(filled), false);
    put_choice(out, "extra", "forbid", "allow", demand.allow_extra);
    // Where others are forbidden, one more is one that was forbidden before.
    if (!demand.allow_extra) out.sets["columns that may be there"] = set_of(std::move(names), true);
  }

  void operator()(const RowCountParity& demand) const {
    const bool range = demand.minimum || demand.maximum;
    out.fixed["against"] = demand.other           ? "dataset"
                           : demand.equal         ? "number"
                           : demand.last_accepted ? "last_accepted"
                                                  : "range";
    if (demand.other) put_dataset("other", *demand.other);
    if (demand.equal) out.fixed["equal"] = std::to_string(*demand.equal);
    if (range) {
      out.bounds["min"] = {number(demand.minimum), Loosens::down};
      out.bounds["max"] = {number(demand.maximum), Loosens::up};
    }
    if (demand.last_accepted) put_choice(out, "first", "fail", "accept", demand.accept_first);
    put_tolerance(out, demand.tolerance);
  }

  void operator()(const KeyAlignment& demand) const {
    put_dataset("other", demand.other);
    out.fixed["keys"] = list_text(demand.left);
    out.fixed["other_keys"] = list_text(demand.right);
    // The two subsets are both looser than equal, and neither than the other.
    static constexpr std::array<const char*, 3> kModes{"equal", "left_subset", "right_subset"};
    const char* mode = kModes[static_cast<std::size_t>(demand.mode)];
    const bool right = demand.mode == KeyAlignment::Mode::right_subset;
    put_choice(out, "mode", "equal", right ? "right_subset" : "left_subset",
               demand.mode != KeyAlignment::Mode::equal);
    out.choices["mode"].value = mode;
    put_choice(out, "duplicates", "forbid", "allow", demand.allow_duplicates);
    put_choice(out, "null_keys", "forbid", "equal", demand.allow_null_keys);
    // Folded keys differ less, but repeat more: neither is the stricter one.
    out.fixed["ignore_case"] = truth_text(demand.ignore_case);
    out.fixed["ignore_blanks"] = truth_text(demand.ignore_blanks);
    put_tolerance(out, demand.tolerance);
  }

  void operator()(const NullRateCeiling& demand) const {
    put_columns(out, demand.columns);
    out.bounds["ceiling"] = {demand.ceiling, Loosens::up};
    std::vector<std::string> counts;
    if (demand.counts.null) counts.emplace_back("NULL");
    if (demand.counts.nan) counts.emplace_back("NaN");
    if (demand.counts.empty || demand.counts.blank) counts.emplace_back("empty");
    if (demand.counts.blank) counts.emplace_back("blank");
    out.sets["counts"] = set_of(std::move(counts), false);
  }

  void operator()(const Unique& demand) const {
    // More columns make more keys differ.
    out.sets["columns"] = set_of(demand.columns, true);
    static constexpr std::array<const char*, 3> kNulls{"ignore", "equal", "fail"};
    out.choices["nulls"] = {{"fail", "equal", "ignore"},
                            kNulls[static_cast<std::size_t>(demand.nulls)]};
    put_choice(out, "ignore_case", "true", "false", !demand.ignore_case);
    put_choice(out, "ignore_blanks", "true", "false", !demand.ignore_blanks);
    put_tolerance(out, demand.tolerance);
  }

  void operator()(const ValueRange& demand) const {
    put_columns(out, demand.columns);
    put_limit("min", demand.minimum, Loosens::down);
    put_limit("max", demand.maximum, Loosens::up);
    put_choice(out, "exclusive", "true", "false", !demand.exclusive);
    put_choice(out, "nan", "fail", "ignore", demand.allow_nan);
    put_tolerance(out, demand.tolerance);
  }

  void operator()(const AllowedValues& demand) const {
    put_columns(out, demand.columns);
    std::vector<std::string> values;
    for (const auto& value : demand.values)
      values.push_back(scalar_text(value));
    out.sets["values"] = set_of(std::move(values), true);
    put_choice(out, "nulls", "fail", "ignore", demand.allow_null);
    put_choice(out, "ignore_case", "false", "true", demand.ignore_case);
    put_tolerance(out, demand.tolerance);
  }

  void operator()(const Freshness& demand) const {
    out.fixed["column"] = demand.column;
    out.bounds["max_age"] = {demand.max_age_seconds, Loosens::up};
    out.bounds["max_future"] = {demand.max_future_seconds, Loosens::up};
    out.fixed["timezone"] = demand.timezone;
    static constexpr std::array<const char*, 5> kUnits{"", "s", "ms", "us", "ns"};
    out.fixed["unit"] = kUnits[static_cast<std::size_t>(demand.unit)];
  }

  void operator()(const FileDigestCheck& demand) const {
    out.fixed["sha256"] = demand.sha256;
    out.fixed["manifest"] = demand.manifest.empty() ? "" : place(contract, demand.manifest);
    std::string listed;
    for (const auto& [name, digest] : demand.listed)
      listed += digest + "  " + name + "\n";
    out.fixed["listed"] = listed.empty() ? "" : sha256_hex(listed);
  }

  void operator()(const Stubs& demand) const {
    out.sets["markers"] = set_of(demand.markers, false);
    std::vector<std::string> paths;
    for (const auto& path : demand.paths)
      paths.push_back(place(contract, path));
    out.sets["paths"] = set_of(std::move(paths), false);
    out.sets["require"] = set_of(demand.required, false);
    out.sets["trust_decorators"] = set_of(demand.trusted_decorators, true);
    std::vector<std::string> known;
    for (std::size_t i = 0; i < demand.known_stubs.size(); ++i)
      known.push_back(place(contract, demand.known_stubs[i]) + " " + demand.known_digests[i]);
    out.sets["known_stubs"] = set_of(std::move(known), false);
    // Who could put another record there could put any body into it.
    out.fixed["against"] = demand.against.empty()
                               ? ""
                               : place(contract, demand.against) + " " + sha256_hex(demand.record);
  }

  void operator()(const CustomSql& demand) const {
    out.fixed["query"] = demand.query;
    for (const auto& name : demand.datasets)
      put_dataset("dataset " + name, name);
    out.bounds["max_rows"] = {static_cast<double>(demand.max_rows), Loosens::up};
  }

  void put_dataset(const std::string& key, const std::string& name) const {
    const auto* dataset = contract.dataset(name);
    if (dataset == nullptr) return;
    out.fixed[key] = dataset_text(contract, *dataset);
    put_choice(out, ("allow_empty of " + key).c_str(), "false", "true", dataset->allow_empty);
  }

 private:
  // A date is no number: any change of it may loosen.
  void put_limit(const char* name, const std::optional<TomlScalar>& value, Loosens loosens) const {
    const auto* exact = value ? std::get_if<std::int64_t>(&*value) : nullptr;
    const bool is_date = value && std::holds_alternative<std::string>(*value);
    constexpr std::int64_t kExact = std::int64_t{1} << 53;  // a double has them all up to here
    const bool is_large = exact != nullptr && (*exact > kExact || *exact < -kExact);
    // No number to be compared: another one may be less. That there is one is more than none.
    out.sets[std::string(name) + " is"] = set_of(
        is_date || is_large ? std::vector{scalar_text(*value)} : std::vector<std::string>(), false);
    if (is_date) return;
    Bound bound{std::nullopt, loosens};
    if (value) {
      const auto* whole = std::get_if<std::int64_t>(&*value);
      bound.value = whole != nullptr ? static_cast<double>(*whole) : std::get<double>(*value);
    }
    out.bounds[name] = bound;
  }
};

}  // namespace

ContractTerms terms_of(const Contract& contract) {
  ContractTerms out;
  out.id = contract.id;
  for (const auto& check : contract.checks) {
    Term term;
    term.check = check.id;
    term.primitive = primitive_name(check.demand);
    term.severity = check.severity;
    const Describe describe{contract, term};
    if (!check.dataset.empty()) describe.put_dataset("dataset", check.dataset);
    std::visit(describe, check.demand);
    out.terms.push_back(std::move(term));
  }
  std::sort(out.terms.begin(), out.terms.end(),
            [](const Term& a, const Term& b) { return a.check < b.check; });
  return out;
}

}  // namespace jobward::verify
