// freshness, file_digest, custom_sql.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "common/text.h"
#include "common/units.h"
#include "profiles/paths.h"
#include "verify/examination.h"
#include "verify/sql.h"
#include "verify/sql_guard.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

tl::unexpected<Error> column_error(const Column& column, const std::string& what) {
  return error("use", "column " + printable(column.name), what);
}

// The newest time as microseconds since the epoch.
Result<std::string> newest_micros(const Column& column, const Freshness& demand) {
  const std::string newest = "max(" + column.sql + ")";
  if (is_integer(column.type)) {
    if (demand.unit == Freshness::Unit::none)
      return column_error(column,
                          "it is a number: say which unit (unit = \"s\", \"ms\", \"us\", "
                          "\"ns\" since the epoch)");
    if (!demand.timezone.empty()) return column_error(column, "a number has no timezone");
    static constexpr const char* kScale[] = {"", " * 1000000.0", " * 1000.0", "", " / 1000.0"};
    // Too large for a time: NULL, and the unit is wrong perhaps.
    return "TRY_CAST(CAST(" + newest + " AS DOUBLE)" + kScale[static_cast<int>(demand.unit)] +
           " AS BIGINT)";
  }
  if (!is_time_point(column.type))
    return column_error(column, "it is " + column.type +
                                    ", and no time (for text formats the "
                                    "dataset's types say how a column is read)");
  if (demand.unit != Freshness::Unit::none)
    return column_error(column, "unit is for numbers, and it is " + column.type);
  if (has_zone(column.type)) {
    if (!demand.timezone.empty())
      return column_error(column, "its times have a zone already: leave timezone out");
    return "epoch_us(" + newest + ")";
  }
  if (demand.timezone.empty())
    return column_error(column,
                        "its times have no zone: say which is meant (timezone = \"UTC\", "
                        "\"Europe/Berlin\")");
  return "epoch_us(CAST(" + newest + " AS TIMESTAMP) AT TIME ZONE " + sql_text(demand.timezone) +
         ")";
}

struct FreshnessSlots {
  std::size_t rows = 0;
  std::size_t shown = 0;
  std::size_t micros = 0;
};

Outcome judge_freshness(const CheckContext& context, const Opened& dataset,
                        const FreshnessSlots& slots, const Freshness& demand) {
  const auto& scan = dataset.scan;
  const std::int64_t rows = scan.count(slots.rows);
  if (rows == 0) return *empty_outcome(dataset, rows);
  Outcome out;
  out.rows = rows;
  out.threshold = demand.max_age_seconds;
  const std::string name = printable(demand.column);
  const auto& newest = scan.value(slots.shown);
  if (!newest) {
    out.message = name + " is NULL in all rows: nothing tells how old the data are";
    return out;
  }
  out.details.put("newest", *newest);
  if (!scan.value(slots.micros)) {
    out.message = "the newest " + name + " is " + printable(*newest) + ", which is no moment" +
                  (demand.unit == Freshness::Unit::none ? "" : " in this unit; is unit right?");
    return out;
  }
  const double micros = std::strtod(scan.value(slots.micros)->c_str(), nullptr);
  const double age = static_cast<double>(context.now) / 1000 - micros / 1e6;
  out.observed = age;
  out.details.put("age_seconds", age);
  if (age < -demand.max_future_seconds) {
    out.message = "the newest " + name + ", " + printable(*newest) + ", is " +
                  format_duration(-age) + " in the future; " +
                  format_duration(demand.max_future_seconds) + " are allowed";
    return out;
  }
  out.passed = age <= demand.max_age_seconds;
  out.message = "the newest " + name + ", " + printable(*newest) + ", is " +
                format_duration(std::max(age, 0.0)) + " old, " +
                format_duration(demand.max_age_seconds) + (out.passed ? " are" : " were") +
                " allowed";
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check, const Freshness& demand) {
  auto& dataset = context.at(check.dataset);
  const auto column = dataset.source.column(demand.column);
  if (!column) return tl::unexpected(column.error());
  auto micros = newest_micros(**column, demand);
  if (!micros) return tl::unexpected(std::move(micros).error());
  JOBWARD_RETURN_IF_ERROR(try_expression(*context.engine, {**column}, *micros));
  if (!demand.timezone.empty())  // an unknown zone shows only with a value
    JOBWARD_RETURN_IF_ERROR(context.engine->execute("SELECT TIMESTAMP '2000-01-01' AT TIME ZONE " +
                                                    sql_text(demand.timezone)));
  FreshnessSlots slots;
  slots.rows = dataset.scan.add("count(*)");
  slots.shown = dataset.scan.add("max(" + (*column)->sql + ")");
  slots.micros = dataset.scan.add(*micros);
  dataset.scan.need((*column)->name);
  return [&dataset, slots, demand](const CheckContext& at) -> Result<Outcome> {
    return judge_freshness(at, dataset, slots, demand);
  };
}

namespace {

Result<Outcome> judge_one_digest(const CheckContext& context, const Source& source,
                                 const FileDigestCheck& demand) {
  auto digest = sha256_of_file(source.files[0].path, context.tick);
  if (!digest) return tl::unexpected(std::move(digest).error());
  Outcome out;
  out.passed = *digest == demand.sha256;
  out.observed = *digest;
  out.threshold = demand.sha256;
  out.failing = out.passed ? 0 : 1;
  out.message = source.files[0].shown + (out.passed ? " has the demanded content"
                                                    : " has another content: SHA-256 " + *digest +
                                                          ", not " + demand.sha256);
  return out;
}

Result<Outcome> judge_manifest(const CheckContext& context, const Source& source,
                               const FileDigestCheck& demand) {
  const auto& contract = *context.contract;
  std::map<std::string, std::string> listed;  // by absolute path
  const std::string manifest = profiles::absolute_path(contract.directory, demand.manifest);
  const std::string directory = manifest.substr(0, manifest.rfind('/') + 1);
  for (const auto& [name, digest] : demand.listed)
    listed[profiles::absolute_path(directory, name)] = digest;
  std::vector<std::string> wrong;
  for (const auto& file : source.files) {
    const auto expected = listed.find(file.path);
    if (expected == listed.end()) {
      wrong.push_back(file.shown + " is not in the manifest");
      continue;
    }
    auto digest = sha256_of_file(file.path, context.tick);
    if (!digest) return tl::unexpected(std::move(digest).error());
    if (*digest != expected->second) wrong.push_back(file.shown + " has another content");
    listed.erase(expected);
  }
  for (const auto& [path, digest] : listed)
    wrong.push_back(printable(profiles::path_within(contract.directory, path)) +
                    " is in the manifest, and not in the dataset");
  Outcome out;
  out.passed = wrong.empty();
  out.failing = static_cast<std::int64_t>(wrong.size());
  out.observed = static_cast<std::int64_t>(source.files.size());
  out.threshold = static_cast<std::int64_t>(demand.listed.size());
  out.message =
      wrong.empty()
          ? std::to_string(source.files.size()) + " files are as listed"
          : wrong[0] +
                (wrong.size() > 1 ? "; and " + std::to_string(wrong.size() - 1) + " more" : "");
  out.details.put("wrong", wrong);
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check,
                      const FileDigestCheck& demand) {
  auto& dataset = context.at(check.dataset);
  if (!demand.sha256.empty() && dataset.source.files.size() != 1)
    return error("use", "sha256",
                 "it is of one file, and dataset " + check.dataset + " has " +
                     std::to_string(dataset.source.files.size()) + "; give a manifest");
  if (!dataset.logs.empty())
    return error("use", "the digest of " + dataset.source.files[0].shown,
                 dataset.logs[0].shown +
                     " has content that the file alone does not have; close the database where it "
                     "is written, or run PRAGMA wal_checkpoint(TRUNCATE) there");
  return [&dataset, demand](const CheckContext& at) {
    return demand.manifest.empty() ? judge_one_digest(at, dataset.source, demand)
                                   : judge_manifest(at, dataset.source, demand);
  };
}

namespace {

// Without the semicolon at the end, which may stand there.
std::string without_end(std::string query) {
  while (!query.empty() && std::string_view(" \t\r\n;").find(query.back()) != std::string::npos)
    query.pop_back();
  return query;
}

// A query over no rows returns none, whatever is wrong. Only the first row is looked for: a count
// would read a text once more. Absent: all have rows, or may be empty.
Result<std::optional<Outcome>> empty_dataset(const CheckContext& context,
                                             const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto& dataset = context.at(name);
    if (dataset.source.spec->allow_empty) continue;
    auto first = context.engine->query("SELECT 'row' FROM " + dataset.source.relation + " LIMIT 1");
    if (!first) return tl::unexpected(std::move(first).error());
    if (first->empty()) return empty_outcome(dataset, 0);
  }
  return std::nullopt;
}

// What the query has returned, which is in this table.
Result<Outcome> judge_returned(const CheckContext& at, const std::string& table,
                               const CustomSql& demand) {
  auto& engine = *at.engine;
  auto count = engine.query("SELECT " + as_text("count(*)") + " FROM " + table);
  if (!count) return tl::unexpected(std::move(count).error());
  auto columns =
      engine.query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " + table + ")");
  if (!columns) return tl::unexpected(std::move(columns).error());
  Outcome out;
  out.failing = std::strtoll(count->front()[0].value_or("0").c_str(), nullptr, 10);
  out.observed = *out.failing;
  out.threshold = demand.max_rows;
  out.passed = *out.failing <= demand.max_rows;
  out.message = "the query returns " + grouped(*out.failing) +
                (*out.failing == 1 ? " row" : " rows") + ", " + grouped(demand.max_rows) +
                (out.passed ? " are" : " would be") + " allowed";
  if (*out.failing == 0 || at.samples == 0) return out;
  std::vector<std::string> names;
  std::vector<std::string> list;
  for (const auto& column : *columns) {
    names.push_back(column[0].value_or(""));
    list.push_back(as_text(sql_name(names.back())));
  }
  auto samples = sample_rows(
      engine, names,
      "SELECT " + joined(list, ", ") + " FROM " + table + " LIMIT " + std::to_string(at.samples));
  if (!samples) return tl::unexpected(std::move(samples).error());
  out.samples = std::move(*samples);
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check, const CustomSql& demand) {
  for (const auto& name : demand.datasets) {
    auto& dataset = context.at(name);
    ++dataset.queries;
    dataset.whole = true;
  }
  return [demand, table = sql_name("jobward_rows_of_" + check.id)](
             const CheckContext& at) -> Result<Outcome> {
    auto& engine = *at.engine;
    JOBWARD_RETURN_IF_ERROR(expect_reading_query(engine, demand.query, demand.datasets));
    auto empty = empty_dataset(at, demand.datasets);
    if (!empty) return tl::unexpected(std::move(empty).error());
    if (*empty) return std::move(**empty);
    JOBWARD_RETURN_IF_ERROR(engine.expect_select(demand.query));
    JOBWARD_RETURN_IF_ERROR(
        engine.execute("CREATE TEMP TABLE " + table + " AS (" + without_end(demand.query) + "\n)"));
    for (const auto& name : demand.datasets)
      if (auto& source = at.at(name).source; !source.in_memory) ++source.scans;
    auto out = judge_returned(at, table, demand);
    JOBWARD_RETURN_IF_ERROR(engine.execute("DROP TABLE " + table));
    return out;
  };
}

}  // namespace jobward::verify
