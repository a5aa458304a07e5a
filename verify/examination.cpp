#include "verify/examination.h"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "common/text.h"
#include "verify/sql.h"
#include "verify/type_names.h"

namespace jobward::verify {

std::size_t Scan::add(const std::string& aggregate) { return add_large(aggregate, {}); }

std::size_t Scan::add_large(const std::string& aggregate, Alone alone) {
  const auto [found, is_new] = known_.try_emplace(aggregate, parts_.size());
  if (is_new) parts_.push_back({aggregate, std::move(alone), std::nullopt});
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

Status Scan::run_together(Engine& engine, Source& source, bool large) {
  std::vector<std::string> list;
  std::vector<Part*> parts;
  for (auto& part : parts_) {
    if (!large && part.alone) continue;
    list.push_back(as_text(part.aggregate));
    parts.push_back(&part);
  }
  if (list.empty()) return {};
  auto rows = engine.query("SELECT " + joined(list, ", ") + " FROM " + source.relation);
  if (!rows) return tl::unexpected(std::move(rows).error());
  if (!source.in_memory) ++source.scans;
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i]->value = std::move(rows->front()[i]);
  return {};
}

Status Scan::run(Engine& engine, Source& source) {
  const auto begin = std::chrono::steady_clock::now();
  auto done = run_together(engine, source, true);
  // Aggregates over distinct values do not spill when there are several; grouping does.
  if (!done && is_out_of_memory(done.error())) {
    done = run_together(engine, source, false);
    for (auto& part : parts_) {
      if (!done) break;
      if (!part.alone) continue;
      auto rows = engine.query(part.alone(source.relation));
      if (!rows) {
        done = tl::unexpected(std::move(rows).error());
        break;
      }
      if (!source.in_memory) ++source.scans;
      part.value = std::move(rows->front()[0]);
    }
  }
  seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return done;
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
