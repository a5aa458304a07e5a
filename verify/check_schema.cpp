// schema_match.
#include <algorithm>

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
  std::vector<std::string> found;
  for (const auto& column : source.columns)
    if (std::find(expected.begin(), expected.end(), column.name) != expected.end())
      found.push_back(column.name);
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    if (found[i] == expected[i]) continue;
    return out.mismatch(expected[i], "in the place of " + printable(expected[i]) + " stands " +
                                         printable(found[i]) + " (order = \"exact\")");
  }
}

void compare_names(const SchemaMatch& demand, const Source& source, Compared& out) {
  for (const auto& expected : demand.columns) {
    const auto same = std::count_if(source.columns.begin(), source.columns.end(),
                                    [&](const Column& one) { return one.name == expected.name; });
    if (same == 0) {
      out.missing.push_back(expected.name);
      out.wrong.push_back(expected.name);
    }
    if (same > 1)
      out.mismatch(expected.name, "column " + printable(expected.name) + " is there " +
                                      std::to_string(same) + " times");
  }
  if (demand.allow_extra) return;
  for (const auto& column : source.columns)
    if (std::none_of(demand.columns.begin(), demand.columns.end(),
                     [&](const ExpectedColumn& one) { return one.name == column.name; }))
      out.extra.push_back(column.name);
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

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check, const SchemaMatch& demand) {
  auto& dataset = context.at(check.dataset);
  std::vector<NullCount> nulls;
  std::vector<std::string> types;
  for (const auto& expected : demand.columns) {
    auto type = exact_type(*context.engine, expected);
    if (!type) return tl::unexpected(std::move(type).error());
    types.push_back(std::move(*type));
    const auto column = dataset.source.column(expected.name);
    if (!column || !dataset.source.differences.empty()) continue;
    const bool typed = is_text_format(*dataset.source.spec) && expected.type != "any";
    // What a text file has is known when all of it was read: the value is thrown away, the
    // conversion is not.
    if (typed) dataset.scan.add("count(" + (*column)->sql + ")");
    if (expected.nullable == std::optional(false))
      nulls.push_back({expected, dataset.scan.add("count(*) - count(" + (*column)->sql + ")")});
    if (typed || expected.nullable == std::optional(false)) dataset.scan.need((*column)->name);
  }
  return [&dataset, demand, types, nulls](const CheckContext& at) -> Result<Outcome> {
    const auto& source = dataset.source;
    Compared compared;
    compare_names(demand, source, compared);
    for (std::size_t i = 0; i < demand.columns.size(); ++i) {
      const auto column = source.column(demand.columns[i].name);
      if (!column || type_fits(**column, demand.columns[i], types[i])) continue;
      const bool unknown = is_text_format(*source.spec) && has_no_rows(at, source);
      compared.mismatch((*column)->name,
                        printable((*column)->name) + " is " + (*column)->type + ", not " +
                            types[i] +
                            (unknown ? " (a text file without rows does not tell; give the "
                                       "dataset types)"
                                     : ""));
    }
    for (const auto& [expected, slot] : nulls)
      if (const auto count = dataset.scan.count(slot); count > 0)
        compared.mismatch(expected.name,
                          printable(expected.name) + " is NULL in " + grouped(count) + " rows");
    if (demand.exact_order && compared.missing.empty()) compare_order(demand, source, compared);
    for (const auto& difference : source.differences)
      compared.mismatch("", difference);
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
  };
}

}  // namespace jobward::verify
