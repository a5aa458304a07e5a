#include "verify/loading.h"

#include <algorithm>

#include "verify/sql.h"

namespace jobward::verify {
namespace {

std::vector<std::string> columns_needed(const Opened& one) {
  std::vector<std::string> out;
  if (one.whole) {
    for (const auto& column : one.source.columns)
      out.push_back(column.name);
    return out;
  }
  out = one.scan.columns();
  for (const auto& key : one.source.spec->key)
    if (std::find(out.begin(), out.end(), key) == out.end()) out.push_back(key);
  // No column at all would mean all of them.
  if (out.empty()) out.push_back(one.source.columns[0].name);
  return out;
}

// Each by itself, to know which of them have a value that does not fit; then those that do. An
// error: that was not the reason.
Status load_apart(Engine& engine, Opened& one, const std::vector<std::string>& columns) {
  const auto drop = "DROP TABLE IF EXISTS " + sql_name("jobward_" + one.source.spec->name);
  std::vector<std::string> good;
  std::map<std::string, Error> bad;
  std::optional<Error> last;
  for (const auto& column : columns) {
    Source alone = one.source;
    JOBWARD_RETURN_IF_ERROR(engine.execute(drop));
    auto loaded = load_source(engine, alone, {column});
    if (!loaded && is_interrupted(loaded.error())) return loaded;
    if (loaded)
      good.push_back(column);
    else
      bad.emplace(column, last.emplace(std::move(loaded).error()));
  }
  JOBWARD_RETURN_IF_ERROR(engine.execute(drop));
  if (good.empty() && last) return tl::unexpected(*last);
  one.misfits = std::move(bad);
  return load_source(engine, one.source, good);
}

}  // namespace

Status load_if_needed(Engine& engine, Opened& one) {
  const bool sqlite = one.source.spec->format == Format::sqlite;
  const int uses = one.queries + (one.scan.empty() ? 0 : 1);
  if (!one.whole && uses > 0) one.source.read_only(columns_needed(one));
  if (one.source.spec->format == Format::parquet || uses == 0 || (!sqlite && uses == 1)) return {};
  const auto columns = columns_needed(one);
  auto loaded = load_source(engine, one.source, columns);
  if (loaded || is_interrupted(loaded.error())) return loaded;
  // A text that cannot be kept (one bad value, no room for it) may still do for some of the checks.
  if (!sqlite) return {};
  if (columns.size() < 2 || is_out_of_memory(loaded.error())) return loaded;
  return load_apart(engine, one, columns);
}

std::optional<Error> misfit_of(const CheckContext& context, const Check& check) {
  const auto* schema = std::get_if<SchemaMatch>(&check.demand);
  if (schema == nullptr && !std::holds_alternative<CustomSql>(check.demand)) return std::nullopt;
  for (const auto& name : datasets_of(check))
    for (const auto& [column, problem] : context.at(name).misfits) {
      const auto is_it = [&, &at = column](const ExpectedColumn& one) { return one.name == at; };
      if (schema == nullptr || std::any_of(schema->columns.begin(), schema->columns.end(), is_it))
        return problem;
    }
  return std::nullopt;
}

Error misfit_behind(const Opened& dataset, const Error& error) {
  for (const auto& [column, problem] : dataset.misfits)
    if (error.detail.find(sql_name(column)) != std::string::npos) return problem;
  return error;
}

}  // namespace jobward::verify
