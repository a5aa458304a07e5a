// null_rate_ceiling, value_range, allowed_values.
#include <algorithm>
#include <cmath>

#include "common/text.h"
#include "verify/examination.h"
#include "verify/sql.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

// What is looked at in one column.
struct Watched {
  Column column;
  std::string offends;  // the condition of a bad value
  std::size_t slot = 0;
  std::size_t low = 0;  // value_range
  std::size_t high = 0;
};

struct Verdict {
  std::vector<const Watched*> bad;
  std::vector<std::string> sentences;
  std::int64_t worst = 0;
};

std::string any_of(const std::vector<const Watched*>& bad) {
  std::vector<std::string> conditions;
  for (const auto* one : bad)
    conditions.push_back("(" + one->offends + ")");
  return joined(conditions, " OR ");
}

// The sentence about all columns, and samples of the bad ones.
Status conclude(const CheckContext& context, Opened& dataset, const Verdict& verdict,
                const std::string& good, Outcome& out) {
  constexpr std::size_t kNamed = 5;
  out.passed = verdict.bad.empty();
  out.message = out.passed ? good : "";
  for (std::size_t i = 0; i < std::min(kNamed, verdict.sentences.size()); ++i)
    out.message += (i == 0 ? "" : "; ") + verdict.sentences[i];
  if (verdict.sentences.size() > kNamed)
    out.message += "; and " + std::to_string(verdict.sentences.size() - kNamed) + " columns more";
  if (out.passed) return {};
  std::vector<Column> columns;
  for (std::size_t i = 0; i < std::min(kNamed, verdict.bad.size()); ++i)
    columns.push_back(verdict.bad[i]->column);
  auto samples = offending_rows(context, dataset, columns, any_of(verdict.bad));
  if (!samples) return tl::unexpected(std::move(samples).error());
  out.samples = std::move(*samples);
  return {};
}

std::string column_words(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " column" : " columns");
}

double rate_of(std::int64_t count, std::int64_t rows) {
  return rows > 0 ? static_cast<double>(count) / static_cast<double>(rows) : 0;
}

std::string null_condition(const Column& column, const NullWords& counts) {
  std::vector<std::string> parts;
  if (counts.null) parts.push_back(column.sql + " IS NULL");
  if (counts.nan && is_float(column.type)) parts.push_back("isnan(" + column.sql + ")");
  if (is_text(column.type) && counts.blank)
    parts.push_back("regexp_full_match(" + column.sql + ", '\\s*')");
  else if (is_text(column.type) && counts.empty)
    parts.push_back(column.sql + " = ''");
  return parts.empty() ? "false" : joined(parts, " OR ");
}

std::string null_count(const Column& column, const std::string& condition) {
  // Plain NULLs need no look at the values.
  if (condition == column.sql + " IS NULL") return "count(*) - count(" + column.sql + ")";
  return "count(*) FILTER (WHERE " + condition + ")";
}

Result<Outcome> judge_nulls(const CheckContext& context, Opened& dataset,
                            const std::vector<Watched>& watched, std::size_t rows_slot,
                            double ceiling) {
  const std::int64_t rows = dataset.scan.count(rows_slot);
  if (auto empty = empty_outcome(dataset, rows)) return std::move(*empty);
  Outcome out;
  Verdict verdict;
  std::vector<Facts> columns;
  for (const auto& one : watched) {
    const auto count = dataset.scan.count(one.slot);
    const double rate = rate_of(count, rows);
    verdict.worst = std::max(verdict.worst, count);
    if (count > 0 || watched.size() <= 100) {
      columns.emplace_back().put("column", one.column.name);
      columns.back().put("nulls", count);
      columns.back().put("rate", rate);
    }
    if (rate <= ceiling) continue;
    verdict.bad.push_back(&one);
    verdict.sentences.push_back("null rate of " + printable(one.column.name) + " is " +
                                percent(rate) + ", above the ceiling of " + percent(ceiling) +
                                " (" + grouped(count) + " of " + grouped(rows) + " rows)");
  }
  const double worst = rate_of(verdict.worst, rows);
  out.rows = rows;
  out.observed = worst;
  out.threshold = ceiling;
  out.failing = verdict.worst;
  out.details.put("columns", std::move(columns));
  JOBWARD_RETURN_IF_ERROR(conclude(context, dataset, verdict,
                                   column_words(watched.size()) + ", at most " + percent(worst) +
                                       " null, the ceiling is " + percent(ceiling),
                                   out));
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check,
                      const NullRateCeiling& demand) {
  auto& dataset = context.at(check.dataset);
  auto columns = chosen_columns(dataset.source, demand.columns);
  if (!columns) return tl::unexpected(std::move(columns).error());
  std::vector<Watched> watched;
  for (auto& column : *columns) {
    Watched one;
    one.offends = null_condition(column, demand.counts);
    one.slot = dataset.scan.add(null_count(column, one.offends));
    dataset.scan.need(column.name);
    one.column = std::move(column);
    watched.push_back(std::move(one));
  }
  const auto rows = dataset.scan.add("count(*)");
  return [&dataset, watched, rows, ceiling = demand.ceiling](const CheckContext& at) {
    return judge_nulls(at, dataset, watched, rows, ceiling);
  };
}

namespace {

struct Bounds {
  std::string low;  // SQL; empty: none
  std::string high;
};

Result<Bounds> bounds_for(const Column& column, const ValueRange& demand) {
  Bounds out;
  if (!is_number(column.type) && !is_time_point(column.type))
    return error("use", "column " + printable(column.name),
                 "it is " + column.type +
                     ", and a range is of numbers, dates and times (a text "
                     "column can be read as another type with the dataset's types)");
  if (demand.minimum) {
    auto value = sql_value(*demand.minimum, column.type);
    if (!value) return rethrow(std::move(value).error(), "min for " + printable(column.name));
    out.low = std::move(*value);
  }
  if (demand.maximum) {
    auto value = sql_value(*demand.maximum, column.type);
    if (!value) return rethrow(std::move(value).error(), "max for " + printable(column.name));
    out.high = std::move(*value);
  }
  return out;
}

// The engine takes NaN for the largest of all numbers.
std::string out_of_range(const Column& column, const ValueRange& demand, const Bounds& bounds) {
  const std::string equal = demand.exclusive ? "=" : "";
  std::vector<std::string> parts;
  if (!bounds.low.empty()) parts.push_back(column.sql + " <" + equal + " " + bounds.low);
  if (!bounds.high.empty()) parts.push_back(column.sql + " >" + equal + " " + bounds.high);
  std::string outside = joined(parts, " OR ");
  if (!is_float(column.type)) return outside;
  const std::string nan = "isnan(" + column.sql + ")";
  return demand.allow_nan ? "NOT " + nan + " AND (" + outside + ")" : nan + " OR " + outside;
}

std::string range_words(const ValueRange& demand) {
  const auto words = [](const TomlScalar& value) {
    const auto* whole = std::get_if<std::int64_t>(&value);
    const auto* number = std::get_if<double>(&value);
    if (whole != nullptr) return std::to_string(*whole);
    if (number != nullptr) return shown(*number);
    const auto* text = std::get_if<std::string>(&value);
    return text != nullptr ? printable(*text) : std::string();
  };
  const char* also = demand.exclusive ? " (exclusive)" : "";
  if (demand.minimum && demand.maximum)
    return words(*demand.minimum) + " to " + words(*demand.maximum) + also;
  return demand.minimum ? "from " + words(*demand.minimum) + also
                        : "up to " + words(*demand.maximum) + also;
}

// Only the columns whose extremes are outside are counted, with a second look.
Status count_offenders(const CheckContext& context, Opened& dataset,
                       const std::vector<const Watched*>& suspects,
                       std::vector<std::int64_t>& counts) {
  std::vector<std::string> list;
  for (const auto* one : suspects)
    list.push_back(as_text("count(*) FILTER (WHERE " + one->offends + ")"));
  if (list.empty()) return {};
  auto rows =
      context.engine->query("SELECT " + joined(list, ", ") + " FROM " + dataset.source.relation);
  if (!rows) return tl::unexpected(std::move(rows).error());
  if (!dataset.source.in_memory) ++dataset.source.scans;
  for (const auto& cell : rows->front())
    counts.push_back(cell ? std::strtoll(cell->c_str(), nullptr, 10) : 0);
  return {};
}

Result<Outcome> judge_range(const CheckContext& context, Opened& dataset,
                            const std::vector<Watched>& watched, std::size_t rows_slot,
                            const ValueRange& demand) {
  const auto& scan = dataset.scan;
  const std::int64_t rows = scan.count(rows_slot);
  if (auto empty = empty_outcome(dataset, rows)) return std::move(*empty);
  std::vector<const Watched*> suspects;
  for (const auto& one : watched)
    if (scan.value(one.slot) == Cell("true")) suspects.push_back(&one);
  std::vector<std::int64_t> counts;
  JOBWARD_RETURN_IF_ERROR(count_offenders(context, dataset, suspects, counts));
  Outcome out;
  Verdict verdict;
  for (std::size_t i = 0; i < suspects.size(); ++i) {
    verdict.worst = std::max(verdict.worst, counts[i]);
    const double allowed = demand.tolerance.of(static_cast<double>(rows));
    if (static_cast<double>(counts[i]) <= allowed) continue;
    verdict.bad.push_back(suspects[i]);
    verdict.sentences.push_back(printable(suspects[i]->column.name) + " is outside " +
                                range_words(demand) + " in " + grouped(counts[i]) + " of " +
                                grouped(rows) + " rows (it goes from " +
                                printable(scan.value(suspects[i]->low).value_or("NULL")) + " to " +
                                printable(scan.value(suspects[i]->high).value_or("NULL")) + ")");
  }
  std::vector<Facts> columns;
  for (const auto& one : watched) {
    auto& entry = columns.emplace_back();
    entry.put("column", one.column.name);
    if (const auto& low = scan.value(one.low)) entry.put("min", *low);
    if (const auto& high = scan.value(one.high)) entry.put("max", *high);
  }
  const auto& first = verdict.bad.empty() ? watched.front() : *verdict.bad.front();
  out.observed =
      scan.value(first.low).value_or("NULL") + " to " + scan.value(first.high).value_or("NULL");
  out.threshold = range_words(demand);
  out.rows = rows;
  out.failing = verdict.worst;
  out.details.put("columns", std::move(columns));
  JOBWARD_RETURN_IF_ERROR(conclude(context, dataset, verdict,
                                   column_words(watched.size()) + " within " + range_words(demand),
                                   out));
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check, const ValueRange& demand) {
  auto& dataset = context.at(check.dataset);
  auto columns = chosen_columns(dataset.source, demand.columns);
  if (!columns) return tl::unexpected(std::move(columns).error());
  std::vector<Watched> watched;
  for (auto& column : *columns) {
    const auto bounds = bounds_for(column, demand);
    if (!bounds) return tl::unexpected(bounds.error());
    Watched one;
    one.offends = out_of_range(column, demand, *bounds);
    JOBWARD_RETURN_IF_ERROR(try_expression(*context.engine, {column}, one.offends));
    // Whether anything offends is told by the extremes, which are wanted anyway. Of floats NaN is
    // the largest, and where it is no offence it must not hide one.
    const bool hide_nan = is_float(column.type) && demand.allow_nan;
    const std::string filter = hide_nan ? " FILTER (WHERE NOT isnan(" + column.sql + "))" : "";
    const std::string low = "min(" + column.sql + ")" + filter;
    const std::string high = "max(" + column.sql + ")" + filter;
    std::vector<std::string> outside;
    const std::string equal = demand.exclusive ? "=" : "";
    if (!bounds->low.empty()) outside.push_back(low + " <" + equal + " " + bounds->low);
    if (!bounds->high.empty()) outside.push_back(high + " >" + equal + " " + bounds->high);
    if (is_float(column.type) && !demand.allow_nan) outside.push_back("isnan(" + high + ")");
    one.slot = dataset.scan.add("coalesce(" + joined(outside, " OR ") + ", false)");
    one.low = dataset.scan.add(low);
    one.high = dataset.scan.add(high);
    dataset.scan.need(column.name);
    one.column = std::move(column);
    watched.push_back(std::move(one));
  }
  const auto rows = dataset.scan.add("count(*)");
  return [&dataset, watched, rows, demand](const CheckContext& at) {
    return judge_range(at, dataset, watched, rows, demand);
  };
}

namespace {

Result<std::string> not_allowed(const Column& column, const AllowedValues& demand) {
  auto value = folded(column, demand.ignore_case, false);
  if (!value) return value;
  std::vector<std::string> list;
  for (const auto& one : demand.values) {
    auto literal = sql_value(one, column.type);
    if (!literal)
      return rethrow(std::move(literal).error(), "values for " + printable(column.name));
    list.push_back(demand.ignore_case ? "lower(" + *literal + ")" : std::move(*literal));
  }
  const std::string outside = *value + " NOT IN (" + joined(list, ", ") + ")";
  return demand.allow_null ? outside : column.sql + " IS NULL OR " + outside;
}

Result<Outcome> judge_allowed(const CheckContext& context, Opened& dataset,
                              const std::vector<Watched>& watched, std::size_t rows_slot,
                              const AllowedValues& demand) {
  const std::int64_t rows = dataset.scan.count(rows_slot);
  if (auto empty = empty_outcome(dataset, rows)) return std::move(*empty);
  Outcome out;
  Verdict verdict;
  std::vector<Facts> columns;
  for (const auto& one : watched) {
    const auto count = dataset.scan.count(one.slot);
    verdict.worst = std::max(verdict.worst, count);
    columns.emplace_back().put("column", one.column.name);
    columns.back().put("not_allowed", count);
    if (static_cast<double>(count) <= demand.tolerance.of(static_cast<double>(rows))) continue;
    verdict.bad.push_back(&one);
    verdict.sentences.push_back(printable(one.column.name) +
                                " has a value that is not allowed in " + grouped(count) + " of " +
                                grouped(rows) + " rows");
  }
  out.rows = rows;
  out.observed = verdict.worst;
  out.threshold =
      static_cast<std::int64_t>(std::floor(demand.tolerance.of(static_cast<double>(rows))));
  out.failing = verdict.worst;
  out.details.put("columns", std::move(columns));
  JOBWARD_RETURN_IF_ERROR(conclude(
      context, dataset, verdict,
      column_words(watched.size()) + (verdict.worst == 0
                                          ? ", all values are allowed"
                                          : ", at most " + grouped(verdict.worst) +
                                                " rows with other values, which is tolerated"),
      out));
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check,
                      const AllowedValues& demand) {
  auto& dataset = context.at(check.dataset);
  auto columns = chosen_columns(dataset.source, demand.columns);
  if (!columns) return tl::unexpected(std::move(columns).error());
  std::vector<Watched> watched;
  for (auto& column : *columns) {
    auto condition = not_allowed(column, demand);
    if (!condition) return tl::unexpected(std::move(condition).error());
    JOBWARD_RETURN_IF_ERROR(try_expression(*context.engine, {column}, *condition));
    Watched one;
    one.offends = std::move(*condition);
    one.slot = dataset.scan.add("count(*) FILTER (WHERE " + one.offends + ")");
    dataset.scan.need(column.name);
    one.column = std::move(column);
    watched.push_back(std::move(one));
  }
  const auto rows = dataset.scan.add("count(*)");
  return [&dataset, watched, rows, demand](const CheckContext& at) {
    return judge_allowed(at, dataset, watched, rows, demand);
  };
}

}  // namespace jobward::verify
