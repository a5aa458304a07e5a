#include "verify/examination.h"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>

#include "common/text.h"
#include "verify/sql.h"
#include "verify/type_names.h"

namespace jobward::verify {

std::size_t Scan::add(const std::string& aggregate) { return add_large(aggregate, {}); }

std::size_t Scan::add_large(const std::string& aggregate, Alone alone) {
  const auto [found, is_new] = known_.try_emplace(aggregate, parts_.size());
  if (is_new) parts_.push_back({aggregate, std::move(alone), std::nullopt, {}, std::nullopt});
  parts_[found->second].checks.insert(check_);
  return found->second;
}

void Scan::need(const std::string& column) {
  if (std::find(columns_.begin(), columns_.end(), column) == columns_.end())
    columns_.push_back(column);
}

std::int64_t Scan::count(std::size_t number) const {
  const auto& value = parts_[number].value;
  return value ? std::strtoll(value->c_str(), nullptr, 10) : 0;
}

Status Scan::run_together(Engine& engine, Source& source, const Parts& parts) {
  if (parts.empty()) return {};
  std::vector<std::string> list;
  for (const auto* part : parts)
    list.push_back(as_text(part->aggregate));
  auto rows = engine.query("SELECT " + joined(list, ", ") + " FROM " + source.relation);
  if (!rows) return tl::unexpected(std::move(rows).error());
  if (!source.in_memory) ++source.scans;
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i]->value = std::move(rows->front()[i]);
  return {};
}

// Aggregates over distinct values do not spill when there are several; grouping does.
Status Scan::run_with_large_alone(Engine& engine, Source& source, const Parts& parts) {
  auto done = run_together(engine, source, parts);
  if (done || !is_out_of_memory(done.error())) return done;
  Parts small;
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(small),
               [](const Part* part) { return !part->alone; });
  if (small.size() == parts.size()) return done;
  JOBWARD_RETURN_IF_ERROR(run_together(engine, source, small));
  for (auto* part : parts) {
    if (!part->alone) continue;
    auto rows = engine.query(part->alone(source.relation));
    if (!rows) return tl::unexpected(std::move(rows).error());
    if (!source.in_memory) ++source.scans;
    part->value = std::move(rows->front()[0]);
  }
  return {};
}

// Halves until those that fail are found: of many parts few do.
Status Scan::run_apart(Engine& engine, Source& source, const Parts& parts) {
  auto done = run_with_large_alone(engine, source, parts);
  if (done || is_interrupted(done.error())) return done;
  if (parts.size() == 1) {
    parts[0]->problem = std::move(done).error();
    return {};
  }
  const auto middle = parts.begin() + static_cast<std::ptrdiff_t>(parts.size() / 2);
  JOBWARD_RETURN_IF_ERROR(run_apart(engine, source, Parts(parts.begin(), middle)));
  return run_apart(engine, source, Parts(middle, parts.end()));
}

Status Scan::run(Engine& engine, Source& source) {
  const auto begin = std::chrono::steady_clock::now();
  Parts parts;
  for (auto& part : parts_)
    parts.push_back(&part);
  auto done = run_with_large_alone(engine, source, parts);
  // A file that cannot even be counted through would fail each of them.
  if (!done && !is_interrupted(done.error()) &&
      engine.query("SELECT " + as_text("count(*)") + " FROM " + source.relation)) {
    if (!source.in_memory) ++source.scans;
    done = run_apart(engine, source, parts);
  }
  seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return done;
}

std::optional<Error> Scan::problem_of(std::size_t check) const {
  for (const auto& part : parts_)
    if (part.problem && part.checks.contains(check)) return part.problem;
  return std::nullopt;
}

Result<std::vector<Column>> chosen_columns(const Source& source, const ColumnChoice& choice) {
  std::vector<Column> out;
  for (const auto& name : choice.names) {
    const auto column = source.column(name);
    if (!column) return tl::unexpected(column.error());
    out.push_back(**column);
  }
  if (choice.pattern.empty()) return out;
  for (const auto& column : source.columns)
    if (::fnmatch(choice.pattern.c_str(), column.name.c_str(), 0) == 0) out.push_back(column);
  if (out.empty())
    return error("use", "pattern " + printable(choice.pattern),
                 "no column of dataset " + source.spec->name + " matches it");
  return out;
}

Status try_expression(Engine& engine, const std::vector<Column>& columns,
                      const std::string& expression) {
  std::vector<std::string> nulls;
  for (const auto& column : columns)
    nulls.push_back("CAST(NULL AS " + column.type + ") AS " + column.sql);
  return engine.execute("SELECT " + expression + " FROM (SELECT " + joined(nulls, ", ") + ")");
}

Result<std::vector<Sample>> sample_rows(Engine& engine, const std::vector<std::string>& names,
                                        const std::string& query) {
  auto rows = engine.query(query);
  if (!rows) return tl::unexpected(std::move(rows).error());
  std::vector<Sample> out;
  for (auto& row : *rows) {
    Sample sample;
    for (std::size_t i = 0; i < row.size() && i < names.size(); ++i)
      sample.emplace_back(names[i], std::move(row[i]));
    out.push_back(std::move(sample));
  }
  return out;
}

Result<std::vector<Sample>> offending_rows(const CheckContext& context, Opened& dataset,
                                           const std::vector<Column>& columns,
                                           const std::string& condition) {
  if (context.samples == 0) return std::vector<Sample>();
  std::vector<std::string> names;
  std::vector<std::string> list;
  const auto add = [&](const Column& column) {
    if (std::find(names.begin(), names.end(), column.name) != names.end()) return;
    names.push_back(column.name);
    list.push_back(as_text(column.sql));
  };
  for (const auto& name : dataset.source.spec->key) {
    const auto column = dataset.source.column(name);
    if (!column) return tl::unexpected(column.error());
    add(**column);
  }
  for (const auto& column : columns)
    add(column);
  if (!dataset.source.in_memory) ++dataset.source.scans;
  return sample_rows(*context.engine, names,
                     "SELECT " + joined(list, ", ") + " FROM " + dataset.source.relation +
                         " WHERE " + condition + " LIMIT " + std::to_string(context.samples));
}

std::optional<Outcome> empty_outcome(const Opened& dataset, std::int64_t rows) {
  if (rows > 0) return std::nullopt;
  Outcome out;
  out.rows = 0;
  out.passed = dataset.source.spec->allow_empty;
  out.message =
      "dataset " + dataset.source.spec->name + " has no rows" +
      (out.passed ? ", which it may (allow_empty)"
                  : ": nothing can be said of its values (allow_empty = true permits it)");
  return out;
}

Result<std::string> folded(const Column& column, bool ignore_case, bool ignore_blanks) {
  if (!ignore_case && !ignore_blanks) return column.sql;
  if (!is_text(column.type))
    return error("use", "column " + printable(column.name),
                 "case and blanks are of text only, and it is " + column.type);
  std::string out = ignore_blanks ? "trim(" + column.sql + ")" : column.sql;
  return ignore_case ? "lower(" + out + ")" : out;
}

std::string tolerance_words(const Tolerance& tolerance) {
  if (tolerance.rows) return grouped(*tolerance.rows) + (*tolerance.rows == 1 ? " row" : " rows");
  return percent(tolerance.share.value_or(0));
}

}  // namespace jobward::verify
