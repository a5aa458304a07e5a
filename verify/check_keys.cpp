// unique and key_alignment.
#include <algorithm>
#include <cmath>

#include "common/text.h"
#include "verify/examination.h"
#include "verify/key_types.h"
#include "verify/sql.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

struct Key {
  std::vector<std::string> names;
  std::vector<std::string> parts;  // SQL
};

Result<Key> key_of(Opened& dataset, const std::vector<std::string>& names, bool ignore_case,
                   bool ignore_blanks) {
  Key out;
  for (const auto& name : names) {
    const auto column = dataset.source.column(name);
    if (!column) return tl::unexpected(column.error());
    auto part = folded(**column, ignore_case, ignore_blanks);
    if (!part) return tl::unexpected(std::move(part).error());
    out.names.push_back(name);
    out.parts.push_back(std::move(*part));
    dataset.scan.need(name);
  }
  return out;
}

std::string all_there(const Key& key) {
  std::vector<std::string> out;
  for (const auto& part : key.parts)
    out.push_back(part + " IS NOT NULL");
  return joined(out, " AND ");
}

std::string key_words(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& name : names)
    out.push_back(printable(name));
  return joined(out, ", ");
}

// A name for a count in a sample, where a column of the key may have it.
std::string count_name(const std::vector<std::string>& names, std::string wanted) {
  while (std::find(names.begin(), names.end(), wanted) != names.end())
    wanted += "_";
  return wanted;
}

struct UniqueSlots {
  std::size_t rows = 0;
  std::size_t present = 0;   // rows that count
  std::size_t distinct = 0;  // their different keys
};

UniqueSlots put_unique(Scan& scan, const Key& key, bool nulls_are_equal) {
  UniqueSlots out;
  out.rows = scan.add("count(*)");
  const bool one = key.parts.size() == 1;
  const std::string list = joined(key.parts, ", ");
  const std::string there = nulls_are_equal ? "" : " WHERE " + all_there(key);
  const std::string filter = nulls_are_equal ? "" : " FILTER (" + there.substr(1) + ")";
  const auto alone = [there, list](const std::string& relation) {
    return "SELECT CAST(count(*) AS VARCHAR) FROM (SELECT 1 FROM " + relation + there +
           " GROUP BY " + list + ")";
  };
  if (one && !nulls_are_equal) {
    out.present = scan.add("count(" + list + ")");
    out.distinct = scan.add_large("count(DISTINCT " + list + ")", alone);
  } else if (one) {
    out.present = out.rows;
    out.distinct = scan.add_large(
        "count(DISTINCT " + list + ") + CAST(count(*) > count(" + list + ") AS BIGINT)", alone);
  } else {
    out.present = nulls_are_equal ? out.rows : scan.add("count(*)" + filter);
    out.distinct = scan.add_large("count(DISTINCT (" + list + "))" + filter, alone);
  }
  return out;
}

Result<std::vector<Sample>> duplicated(const CheckContext& context, Opened& dataset, const Key& key,
                                       bool nulls_are_equal) {
  if (context.samples == 0) return std::vector<Sample>();
  std::vector<std::string> list;
  for (const auto& part : key.parts)
    list.push_back(as_text(part));
  auto names = key.names;
  names.push_back(count_name(names, "rows"));
  if (!dataset.source.in_memory) ++dataset.source.scans;
  const std::string keys = joined(key.parts, ", ");
  return sample_rows(*context.engine, names,
                     "SELECT " + joined(list, ", ") + ", " + as_text("count(*)") + " FROM " +
                         dataset.source.relation +
                         (nulls_are_equal ? "" : " WHERE " + all_there(key)) + " GROUP BY " + keys +
                         " HAVING count(*) > 1 ORDER BY count(*) DESC, " + keys + " LIMIT " +
                         std::to_string(context.samples));
}

Result<Outcome> judge_unique(const CheckContext& context, Opened& dataset, const Key& key,
                             const UniqueSlots& slots, const Unique& demand) {
  const auto& scan = dataset.scan;
  const std::int64_t rows = scan.count(slots.rows);
  if (auto empty = empty_outcome(dataset, rows)) return std::move(*empty);
  const std::int64_t present = scan.count(slots.present);
  const std::int64_t repeated = present - scan.count(slots.distinct);
  const bool nulls_fail = demand.nulls == Unique::Nulls::fail;
  const std::int64_t nulls = rows - present;
  Outcome out;
  out.rows = rows;
  out.failing = repeated + (nulls_fail ? nulls : 0);
  out.observed = *out.failing;
  const double allowed = demand.tolerance.of(static_cast<double>(rows));
  out.threshold = static_cast<std::int64_t>(std::floor(allowed));
  out.passed = static_cast<double>(*out.failing) <= allowed;
  out.message = *out.failing == 0
                    ? key_words(key.names) + " is unique in " + grouped(rows) + " rows"
                    : key_words(key.names) + " repeats a key in " + grouped(repeated) + " of " +
                          grouped(rows) + " rows";
  if (nulls > 0 && demand.nulls != Unique::Nulls::equal)
    out.message += (nulls_fail ? ", and is NULL in " : " (NULL, and not counted, in ") +
                   grouped(nulls) + (nulls_fail ? " rows" : ")");
  out.details.put("repeated", repeated);
  if (demand.nulls != Unique::Nulls::equal) out.details.put("null_keys", nulls);
  if (repeated == 0) return out;
  auto samples = duplicated(context, dataset, key, demand.nulls == Unique::Nulls::equal);
  if (!samples) return tl::unexpected(std::move(samples).error());
  out.samples = std::move(*samples);
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check, const Unique& demand) {
  auto& dataset = context.at(check.dataset);
  auto key = key_of(dataset, demand.columns, demand.ignore_case, demand.ignore_blanks);
  if (!key) return tl::unexpected(std::move(key).error());
  const auto slots = put_unique(dataset.scan, *key, demand.nulls == Unique::Nulls::equal);
  return [&dataset, key = std::move(*key), slots, demand](const CheckContext& at) {
    return judge_unique(at, dataset, key, slots, demand);
  };
}

namespace {

Status expect_comparable(Engine& engine, const Opened& left, const Opened& right,
                         const KeyAlignment& demand) {
  for (std::size_t i = 0; i < demand.left.size(); ++i) {
    const auto a = left.source.column(demand.left[i]);
    const auto b = right.source.column(demand.right[i]);
    if (!a) return tl::unexpected(a.error());
    if (!b) return tl::unexpected(b.error());
    const auto fits = comparable(engine, (*a)->type, (*b)->type);
    if (!fits) return tl::unexpected(fits.error());
    if (!*fits)
      return error("compare", "keys",
                   printable((*a)->name) + " is " + (*a)->type + ", and " + printable((*b)->name) +
                       " of " + right.source.spec->name + " is " + (*b)->type +
                       "; no type holds the values of both, and nothing is converted (for text "
                       "formats the dataset's types say how a column is read)");
  }
  return {};
}

struct Alignment {
  Key left;
  Key right;
  KeyAlignment demand;
};

// One row for each key, with how often it is on each side.
std::string grouped_keys(const Opened& left, const Opened& right, const Alignment& what) {
  std::vector<std::string> first;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < what.left.parts.size(); ++i) {
    names.push_back("k" + std::to_string(i));
    first.push_back(what.left.parts[i] + " AS " + names.back());
  }
  const std::string keys = joined(names, ", ");
  return "(SELECT " + keys + ", count(a) AS l, count(b) AS r FROM (SELECT " + joined(first, ", ") +
         ", 1 AS a, CAST(NULL AS INTEGER) AS b FROM " + left.source.relation +
         " UNION ALL SELECT " + joined(what.right.parts, ", ") + ", NULL, 1 FROM " +
         right.source.relation + ") GROUP BY " + keys + ")";
}

std::string null_key(const Alignment& what) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < what.left.parts.size(); ++i)
    out.push_back("k" + std::to_string(i) + " IS NULL");
  return "(" + joined(out, " OR ") + ")";
}

struct Counts {
  std::int64_t left_only = 0;
  std::int64_t right_only = 0;
  std::int64_t left_repeated = 0;
  std::int64_t right_repeated = 0;
  std::int64_t left_rows = 0;
  std::int64_t right_rows = 0;
  std::int64_t left_null = 0;
  std::int64_t right_null = 0;
};

Result<Counts> count_keys(const CheckContext& context, Opened& left, Opened& right,
                          const Alignment& what) {
  // Rows with a NULL in their key are counted apart, unless NULL is a key like any other.
  const std::string null = what.demand.allow_null_keys ? "false" : null_key(what);
  const std::vector<std::string> list{"count(*) FILTER (WHERE r = 0 AND NOT " + null + ")",
                                      "count(*) FILTER (WHERE l = 0 AND NOT " + null + ")",
                                      "sum(l - 1) FILTER (WHERE l > 1 AND NOT " + null + ")",
                                      "sum(r - 1) FILTER (WHERE r > 1 AND NOT " + null + ")",
                                      "sum(l)",
                                      "sum(r)",
                                      "sum(l) FILTER (WHERE " + null + ")",
                                      "sum(r) FILTER (WHERE " + null + ")"};
  std::vector<std::string> texts;
  for (const auto& one : list)
    texts.push_back(as_text(one));
  auto rows = context.engine->query("SELECT " + joined(texts, ", ") + " FROM " +
                                    grouped_keys(left, right, what));
  if (!rows) return tl::unexpected(std::move(rows).error());
  for (auto* side : {&left, &right})
    if (!side->source.in_memory) ++side->source.scans;
  const auto number = [&](std::size_t i) {
    const auto& cell = rows->front()[i];
    return cell ? static_cast<std::int64_t>(std::strtoll(cell->c_str(), nullptr, 10)) : 0;
  };
  return Counts{number(0), number(1), number(2), number(3),
                number(4), number(5), number(6), number(7)};
}

// What is an offence under the mode: a condition on l, r and the key.
std::string offence(const Alignment& what) {
  const auto& demand = what.demand;
  std::vector<std::string> out;
  if (demand.mode != KeyAlignment::Mode::right_subset) out.emplace_back("(r = 0 AND l > 0)");
  if (demand.mode != KeyAlignment::Mode::left_subset) out.emplace_back("(l = 0 AND r > 0)");
  if (!demand.allow_duplicates) out.emplace_back("l > 1 OR r > 1");
  if (!demand.allow_null_keys) out.push_back(null_key(what));
  return joined(out, " OR ");
}

std::int64_t offences(const KeyAlignment& demand, const Counts& counts) {
  std::int64_t out = 0;
  if (demand.mode != KeyAlignment::Mode::right_subset) out += counts.left_only;
  if (demand.mode != KeyAlignment::Mode::left_subset) out += counts.right_only;
  if (!demand.allow_duplicates) out += counts.left_repeated + counts.right_repeated;
  if (!demand.allow_null_keys) out += counts.left_null + counts.right_null;
  return out;
}

Result<std::vector<Sample>> offending_keys(const CheckContext& context, Opened& left, Opened& right,
                                           const Alignment& what) {
  if (context.samples == 0) return std::vector<Sample>();
  auto names = what.left.names;
  std::vector<std::string> list;
  for (std::size_t i = 0; i < names.size(); ++i)
    list.push_back(as_text("k" + std::to_string(i)));
  const std::string order = joined(list, ", ");
  list.push_back(as_text("l"));
  list.push_back(as_text("r"));
  names.push_back(count_name(names, "left_rows"));
  names.push_back(count_name(names, "right_rows"));
  for (auto* side : {&left, &right})
    if (!side->source.in_memory) ++side->source.scans;
  return sample_rows(*context.engine, names,
                     "SELECT " + joined(list, ", ") + " FROM " + grouped_keys(left, right, what) +
                         " WHERE " + offence(what) + " ORDER BY " + order + " LIMIT " +
                         std::to_string(context.samples));
}

// Keys that would find each other if case and blanks were no matter: the usual cause, and hard to
// see. Only of one text column.
std::int64_t near_misses(const CheckContext& context, Opened& left, Opened& right,
                         const Alignment& what) {
  if (what.left.parts.size() != 1 || what.demand.ignore_case || what.demand.ignore_blanks) return 0;
  const auto column = left.source.column(what.left.names[0]);
  if (!column || !is_text((*column)->type)) return 0;
  const auto rows = context.engine->query(
      "SELECT " + as_text("count(*)") + " FROM (SELECT lower(trim(k0)) FROM " +
      grouped_keys(left, right, what) +
      " WHERE l = 0 OR r = 0 GROUP BY 1 HAVING sum(l) > 0 AND sum(r) > 0)");
  for (auto* side : {&left, &right})
    if (!side->source.in_memory) ++side->source.scans;
  if (!rows || !rows->front()[0]) return 0;
  return std::strtoll(rows->front()[0]->c_str(), nullptr, 10);
}

std::string alignment_words(const Counts& counts, const KeyAlignment& demand,
                            const std::string& left, const std::string& right) {
  std::vector<std::string> parts;
  const auto add = [&](std::int64_t count, const std::string& what, bool tolerated) {
    if (count > 0) parts.push_back(grouped(count) + what + (tolerated ? " (allowed)" : ""));
  };
  add(counts.left_only, " keys only in " + left, demand.mode == KeyAlignment::Mode::right_subset);
  add(counts.right_only, " keys only in " + right, demand.mode == KeyAlignment::Mode::left_subset);
  add(counts.left_repeated, " rows of " + left + " repeat a key", demand.allow_duplicates);
  add(counts.right_repeated, " rows of " + right + " repeat a key", demand.allow_duplicates);
  add(counts.left_null, " rows of " + left + " have a NULL key", false);
  add(counts.right_null, " rows of " + right + " have a NULL key", false);
  return joined(parts, ", ");
}

Result<Outcome> judge_alignment(const CheckContext& context, Opened& left, Opened& right,
                                const Alignment& what) {
  const auto counts = count_keys(context, left, right, what);
  if (!counts) return tl::unexpected(counts.error());
  const auto& demand = what.demand;
  left.source.rows = counts->left_rows;
  right.source.rows = counts->right_rows;
  for (auto* side : {&left, &right})
    if (auto empty = empty_outcome(*side, *side->source.rows); empty && !empty->passed)
      return std::move(*empty);
  Outcome out;
  out.rows = counts->left_rows + counts->right_rows;
  out.failing = offences(demand, *counts);
  const double allowed = demand.tolerance.of(static_cast<double>(counts->left_rows));
  out.observed = *out.failing;
  out.threshold = static_cast<std::int64_t>(std::floor(allowed));
  out.passed = static_cast<double>(*out.failing) <= allowed;
  out.message = alignment_words(*counts, demand, left.source.spec->name, right.source.spec->name);
  if (out.message.empty()) out.message = "the keys are the same on both sides";
  out.details.put("left_rows", counts->left_rows);
  out.details.put("right_rows", counts->right_rows);
  out.details.put("left_only", counts->left_only);
  out.details.put("right_only", counts->right_only);
  out.details.put("left_repeated", counts->left_repeated);
  out.details.put("right_repeated", counts->right_repeated);
  if (!demand.allow_null_keys) {
    out.details.put("left_null_keys", counts->left_null);
    out.details.put("right_null_keys", counts->right_null);
  }
  if (*out.failing == 0) return out;
  auto samples = offending_keys(context, left, right, what);
  if (!samples) return tl::unexpected(std::move(samples).error());
  out.samples = std::move(*samples);
  if (counts->left_only == 0 || counts->right_only == 0) return out;
  if (const auto near = near_misses(context, left, right, what); near > 0) {
    out.details.put("differ_only_in_case_or_blanks", near);
    out.message += "; " + grouped(near) + " of them differ only in case or blanks";
  }
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check, const KeyAlignment& demand) {
  auto& left = context.at(check.dataset);
  auto& right = context.at(demand.other);
  JOBWARD_RETURN_IF_ERROR(expect_comparable(*context.engine, left, right, demand));
  Alignment what;
  what.demand = demand;
  auto first = key_of(left, demand.left, demand.ignore_case, demand.ignore_blanks);
  if (!first) return tl::unexpected(std::move(first).error());
  auto second = key_of(right, demand.right, demand.ignore_case, demand.ignore_blanks);
  if (!second) return tl::unexpected(std::move(second).error());
  what.left = std::move(*first);
  what.right = std::move(*second);
  ++left.queries;
  if (&left != &right) ++right.queries;
  return [&left, &right, what = std::move(what)](const CheckContext& at) {
    return judge_alignment(at, left, right, what);
  };
}

}  // namespace jobward::verify
