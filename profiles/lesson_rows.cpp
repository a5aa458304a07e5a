#include "profiles/lesson_rows.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "profiles/run_codec.h"

namespace jobward::profiles {
namespace {

using sqlite::Database;
using sqlite::Statement;

// Of a run without a number: it was started, and it was closed by its own supervisor.
constexpr const char* kUncounted =
    "seq<=?1 AND learned_order IS NULL AND state='ended' AND spawned_ms IS NOT NULL"
    " AND outcome<>'supervisor_lost'";

std::string all_keys() {
  return std::string(
             "SELECT 1 AS ours, seq, COALESCE(learned_order, 0) AS number, ended_ms AS finished,"
             " fp_masked FROM runs WHERE learned_order IS NOT NULL OR (") +
         kUncounted +
         ") UNION ALL SELECT 0, seq, COALESCE(learned_order, 0), finished_ms, fp_masked"
         " FROM imported";
}

}  // namespace

Result<Lesson> read_lesson(const Statement& row) {
  Lesson out{row.text(0), row.text(1), row.text(2), {row.text(3), row.text(4), row.text(5)},
             {},          {}};
  auto observation = decode_observation(row.text(6));
  if (!observation) return tl::unexpected(std::move(observation).error());
  out.observation = std::move(*observation);
  out.finished = row.maybe_integer(7);
  return out;
}

Result<LessonRows> LessonRows::make(Database& db, const std::string& keys, const std::string& job) {
  auto select = db.prepare(keys);
  if (!select) return tl::unexpected(std::move(select).error());
  // SQLite takes the part out of the ending several times faster than we could read all of it.
  auto run =
      db.prepare("SELECT id, '', " + job +
                 ", fp_exact, fp_masked, fp_program,"
                 " iif(json_valid(ending), json_extract(ending, '$.observation'), ''), ended_ms"
                 " FROM runs WHERE seq=?");
  if (!run) return tl::unexpected(std::move(run).error());
  auto imported = db.prepare(
      "SELECT digest, source, job, fp_exact, fp_masked, fp_program, observation, finished_ms"
      " FROM imported WHERE seq=?");
  if (!imported) return tl::unexpected(std::move(imported).error());
  return LessonRows(std::move(*select), std::move(*run), std::move(*imported));
}

Result<LessonRows> LessonRows::after(Database& db, std::int64_t number) {
  auto rows = make(db,
                   "SELECT 1 AS ours, seq, learned_order AS number FROM runs WHERE learned_order>?1"
                   " UNION ALL SELECT 0, seq, learned_order FROM imported WHERE learned_order>?1"
                   " ORDER BY number");
  if (rows) rows->keys_.bind(number);
  return rows;
}

Result<LessonRows> LessonRows::all(Database& db, std::int64_t uncounted) {
  auto rows = make(db, std::string("SELECT 1 AS ours, seq, ended_ms AS finished FROM runs WHERE ") +
                           kUncounted +
                           " UNION ALL SELECT 0, seq, finished_ms FROM imported"
                           " WHERE learned_order IS NULL ORDER BY finished, ours, seq");
  if (!rows) return rows;
  rows->keys_.bind(uncounted);
  auto counted = after(db, 0);
  if (!counted) return counted;
  rows->then_ = std::move(counted->keys_);
  return rows;
}

Result<LessonRows> LessonRows::newest(Database& db, std::int64_t uncounted, int of_a_kind) {
  auto rows = make(db,
                   "SELECT ours, seq FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY fp_masked"
                   " ORDER BY number DESC, finished DESC, ours DESC, seq DESC) AS age FROM (" +
                       all_keys() + ")) WHERE age<=?2 ORDER BY number, finished, ours, seq",
                   "COALESCE(iif(json_valid(request), json_extract(request, '$.kind'), NULL),"
                   " program)");
  if (rows) rows->keys_.bind(uncounted).bind(of_a_kind);
  return rows;
}

Result<std::optional<Lesson>> LessonRows::next() {
  while (true) {
    auto key = keys_.step();
    if (!key) return tl::unexpected(std::move(key).error());
    if (!*key && !then_) return std::nullopt;
    if (!*key) {
      keys_ = std::move(*then_);
      then_.reset();
      continue;
    }
    const bool ours = keys_.integer(0) != 0;
    auto& row = ours ? run_ : imported_;
    auto found = row.reset().bind(keys_.integer(1)).step();
    if (!found) return tl::unexpected(std::move(found).error());
    auto lesson = read_lesson(row);
    if (!lesson) {
      ++unreadable_;
      continue;
    }
    if (ours) lesson->digest = run_digest(lesson->digest);
    return std::move(*lesson);
  }
}

Result<LessonWriter> LessonWriter::make(Database& db) {
  auto insert = db.prepare(
      "INSERT OR IGNORE INTO imported(digest, source, job, fp_exact, fp_masked, fp_program,"
      " observation, finished_ms, learned_order) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING 1");
  if (!insert) return tl::unexpected(std::move(insert).error());
  return LessonWriter(std::move(*insert));
}

Result<bool> LessonWriter::add(const Lesson& lesson, std::int64_t number) {
  const auto& keys = lesson.fingerprint;
  insert_.reset().bind(lesson.digest).bind(lesson.source).bind(lesson.job);
  insert_.bind(keys.exact).bind(keys.masked).bind(keys.program);
  insert_.bind(encode_observation(lesson.observation)).bind(lesson.finished).bind(number);
  auto added = insert_.step();
  insert_.reset();
  return added;
}

Result<LessonKeeper> LessonKeeper::make(Database& db) {
  auto copy = db.prepare(
      std::string("INSERT OR IGNORE INTO imported(digest, source, job, fp_exact, fp_masked,"
                  " fp_program, observation, finished_ms, learned_order)"
                  " SELECT '") +
      kRunDigest +
      "' || id, 'pruned', CAST(program AS TEXT), fp_exact, fp_masked, fp_program,"
      " json_extract(ending, '$.observation'), ended_ms, learned_order FROM runs WHERE seq=?2"
      " AND json_valid(ending) AND json_extract(ending, '$.observation') IS NOT NULL"
      " AND (learned_order IS NOT NULL OR (" +
      kUncounted + ")) RETURNING fp_masked");
  if (!copy) return tl::unexpected(std::move(copy).error());
  auto drop = db.prepare(
      "DELETE FROM imported WHERE seq IN (SELECT seq FROM imported WHERE fp_masked=?1"
      " AND source='pruned' ORDER BY learned_order DESC, finished_ms DESC, seq DESC"
      " LIMIT -1 OFFSET ?2)");
  if (!drop) return tl::unexpected(std::move(drop).error());
  return LessonKeeper(std::move(*copy), std::move(*drop));
}

Status LessonKeeper::keep(std::int64_t run) {
  // Any run may be without a number here.
  auto kept = copy_.reset().bind(run).bind(run).step();
  if (!kept) return tl::unexpected(std::move(kept).error());
  if (*kept) kinds_.push_back(copy_.text(0));
  copy_.reset();
  return {};
}

Status LessonKeeper::trim() {
  std::sort(kinds_.begin(), kinds_.end());
  kinds_.erase(std::unique(kinds_.begin(), kinds_.end()), kinds_.end());
  for (const auto& kind : kinds_)
    JOBWARD_RETURN_IF_ERROR(drop_.reset().bind(kind).bind(kKeptLessons).run());
  drop_.reset();
  kinds_.clear();
  return {};
}

}  // namespace jobward::profiles
