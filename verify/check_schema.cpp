// schema_match.
#include <algorithm>
#include <map>
#include <set>

#include "common/text.h"
#include "verify/contract_fields.h"
#include "verify/examination.h"
#include "verify/sql.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

struct Compared {
  std::vector<std::string> missing;
  std::vector<std::string> extra;
  std::vector<std::string> mismatched;  // sentences
  std::vector<std::string> wrong;       // missing, mismatched and nullable ones, by name

  void mismatch(const std::string& column, const std::string& sentence) {
    mismatched.push_back(sentence);
    wrong.push_back(column);
  }
};

bool type_fits(const Column& column, const ExpectedColumn& expected,
               const std::string& exact_type) {
  return is_family(expected.type) ? belongs(column.type, expected.type) : column.type == exact_type;
}

// The engine's own spelling of an exact type: INT is INTEGER. An error: there is no such type.
Result<std::string> exact_type(Engine& engine, const ExpectedColumn& expected) {
  if (is_family(expected.type)) return expected.type;
  auto rows = engine.query("SELECT typeof(CAST(NULL AS " + expected.type + "))");
  if (!rows)
    return error("use", "type " + printable(expected.type),
                 "the engine has no such type (column " + printable(expected.name) + ")");
  return rows->front()[0].value_or("");
}

bool has_no_rows(const CheckContext& context, const Source& source) {
  const auto rows = context.engine->query("SELECT '1' FROM " + source.relation + " LIMIT 1");
  return rows && rows->empty();
}

bool is_text_format(const Dataset& dataset) {
  return dataset.format == Format::csv || dataset.format == Format::tsv ||
         dataset.format == Format::jsonl;
}

void compare_order(const SchemaMatch& demand, const Source& source, Compared& out) {
  std::vector<std::string> expected;
  for (const auto& column : demand.columns)
    expected.push_back(column.name);
  const std::set<std::string> wanted(expected.begin(), expected.end());
  std::vector<std::string> found;
  for (const auto& column : source.columns)
    if (wanted.contains(column.name)) found.push_back(column.name);
  for (const auto& sentence : source.other_order)
    out.mismatch("", sentence + " (order = \"exact\")");
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    if (found[i] == expected[i]) continue;
    return out.mismatch(expected[i], "in the place of " + printable(expected[i]) + " stands " +
                                         printable(found[i]) + " (order = \"exact\")");
  }
}

std::map<std::string, int> counted(const std::vector<Column>& columns) {
  std::map<std::string, int> out;
  for (const auto& column : columns)
    ++out[column.name];
  return out;
}

void compare_names(const SchemaMatch& demand, const Source& source, Compared& out) {
  const auto there = counted(source.columns);
  std::set<std::string> expected;
  for (const auto& one : demand.columns) {
    expected.insert(one.name);
    const auto found = there.find(one.name);
    if (found == there.end()) {
      out.missing.push_back(one.name);
      out.wrong.push_back(one.name);
    } else if (found->second > 1) {
      out.mismatch(one.name, "column " + printable(one.name) + " is there " +
                                 std::to_string(found->second) + " times");
    }
  }
  if (demand.allow_extra) return;
  for (const auto& column : source.columns)
    if (!expected.contains(column.name)) out.extra.push_back(column.name);
}

// Of JSON the columns are those of the first lines; a key may come later.
Status compare_later_keys(Engine& engine, const SchemaMatch& demand, const Source& source,
                          Compared& out) {
  if (source.spec->format != Format::jsonl) return {};
  if (demand.allow_extra && out.missing.empty()) return {};
  const auto keys = json_keys(engine, source);
  if (!keys) return tl::unexpected(keys.error());
  const auto known = counted(source.columns);
  std::set<std::string> expected;
  for (const auto& one : demand.columns)
    expected.insert(one.name);
  for (const auto& key : *keys) {
    if (known.contains(key)) continue;
    if (!expected.contains(key)) {
      if (!demand.allow_extra) out.extra.push_back(key);
      continue;
    }
    std::erase(out.missing, key);
    out.mismatch(key, printable(key) +
                          " is in none of the first lines, which tell the types: give it one in "
                          "the dataset's types");
  }
  return {};
}

std::string words_of(const Compared& compared, const Source& source) {
  std::vector<std::string> parts;
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    constexpr std::size_t kNamed = 10;
    if (names.empty()) return;
    std::vector<std::string> printed;
    for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i)
      printed.push_back(printable(names[i]));
    parts.push_back(
        std::string(what) + joined(printed, ", ") +
        (names.size() > kNamed ? " and " + std::to_string(names.size() - kNamed) + " more" : ""));
  };
  add("missing: ", compared.missing);
  add("extra: ", compared.extra);
  add("", compared.mismatched);
  std::string out = joined(parts, "; ");
  if (compared.missing.size() == 1 && !source.columns.empty()) {
    std::vector<std::string> names;
    for (const auto& column : source.columns)
      names.push_back(column.name);
    out += hint(compared.missing[0], names);
  }
  return out;
}

struct NullCount {
  ExpectedColumn expected;
  std::size_t slot = 0;
};

// What is demanded, and where the scan has counted.
struct Prepared {
  SchemaMatch demand;
  std::vector<std::string> types;  // as the engine spells them
  std::vector<NullCount> nulls;
};

void compare_types(const CheckContext& context, const Source& source, const Prepared& what,
                   Compared& out) {
  for (std::size_t i = 0; i < what.demand.columns.size(); ++i) {
    const auto& expected = what.demand.columns[i];
    if (!source.has(expected.name)) continue;
    const auto column = source.column(expected.name);
    if (!column || type_fits(**column, expected, what.types[i])) continue;
    const bool unknown = is_text_format(*source.spec) && has_no_rows(context, source);
    out.mismatch(
        expected.name,
        printable(expected.name) + " is " + (*column)->type + ", not " + what.types[i] +
            (unknown ? " (a text file without rows does not tell; give the dataset types)" : ""));
  }
}

Outcome schema_outcome(const Source& source, const SchemaMatch& demand, const Compared& compared) {
  Outcome out;
  const auto wrong = compared.missing.size() + compared.extra.size() + compared.mismatched.size();
  out.passed = wrong == 0;
  out.observed = static_cast<std::int64_t>(source.columns.size());
  out.threshold = static_cast<std::int64_t>(demand.columns.size());
  out.failing = static_cast<std::int64_t>(wrong);
  out.message = out.passed ? std::to_string(source.columns.size()) + " columns are as demanded"
                           : words_of(compared, source);
  out.details.put("missing", compared.missing);
  out.details.put("extra", compared.extra);
  out.details.put("mismatched", compared.mismatched);
  std::vector<Facts> columns;
  constexpr std::size_t kListed = 1000;
  for (std::size_t i = 0; i < std::min(source.columns.size(), kListed); ++i) {
    columns.emplace_back().put("name", source.columns[i].name);
    columns.back().put("type", source.columns[i].type);
  }
  out.details.put("columns", std::move(columns));
  return out;
}

Result<Outcome> judge_schema(const CheckContext& context, const Opened& dataset,
                             const Prepared& what) {
  const auto& source = dataset.source;
  Compared compared;
  compare_names(what.demand, source, compared);
  compare_types(context, source, what, compared);
  for (const auto& [expected, slot] : what.nulls)
    if (const auto count = dataset.scan.count(slot); count > 0)
      compared.mismatch(expected.name,
                        printable(expected.name) + " is NULL in " + grouped(count) + " rows");
  JOBWARD_RETURN_IF_ERROR(compare_later_keys(*context.engine, what.demand, source, compared));
  if (what.demand.exact_order && compared.missing.empty())
    compare_order(what.demand, source, compared);
  for (const auto& difference : source.differences)
    compared.mismatch("", difference);
  return schema_outcome(source, what.demand, compared);
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check, const SchemaMatch& demand) {
  auto& dataset = context.at(check.dataset);
  Prepared what{demand, {}, {}};
  std::map<std::string, std::string> spelled;
  for (const auto& expected : demand.columns) {
    auto& type = spelled[expected.type];
    if (type.empty()) {
      auto known = exact_type(*context.engine, expected);
      if (!known) return tl::unexpected(std::move(known).error());
      type = std::move(*known);
    }
    what.types.push_back(type);
    if (!dataset.source.has(expected.name) || !dataset.source.differences.empty()) continue;
    const auto column = dataset.source.column(expected.name);
    if (!column) continue;
    const bool typed = is_text_format(*dataset.source.spec) && expected.type != "any";
    const bool filled = expected.nullable == std::optional(false);
    // What a text file has is known when all of it was read: the value is thrown away, the
    // conversion is not.
    if (typed) dataset.scan.add("count(" + (*column)->sql + ")");
    if (filled)
      what.nulls.push_back(
          {expected, dataset.scan.add("count(*) - count(" + (*column)->sql + ")")});
    if (typed || filled) dataset.scan.need((*column)->name);
  }
  return [&dataset, what = std::move(what)](const CheckContext& at) {
    return judge_schema(at, dataset, what);
  };
}

}  // namespace jobward::verify
