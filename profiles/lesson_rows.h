// Lessons as they are stored: those of our own runs in their endings, the others in `imported`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "profiles/lesson.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {

// Of a row with digest, source, job, fp_exact, fp_masked, fp_program, observation and finished_ms.
Result<Lesson> read_lesson(const sqlite::Statement& row);

// Lessons one at a time, in the order in which they taught. Those that cannot be read are counted
// and passed over. Use inside one transaction.
class LessonRows {
 public:
  // All of them. First those without a number, by the time of their end.
  static Result<LessonRows> all(sqlite::Database& db, std::int64_t uncounted);
  // Those with a number above this one.
  static Result<LessonRows> after(sqlite::Database& db, std::int64_t number);
  // Of each kind (masked key) the newest so many.
  static Result<LessonRows> newest(sqlite::Database& db, std::int64_t uncounted, int of_a_kind);

  // Absent: there is no other.
  Result<std::optional<Lesson>> next();
  [[nodiscard]] std::size_t unreadable() const { return unreadable_; }

 private:
  LessonRows(sqlite::Statement keys, sqlite::Statement run, sqlite::Statement imported)
      : keys_(std::move(keys)), run_(std::move(run)), imported_(std::move(imported)) {}
  static Result<LessonRows> make(sqlite::Database& db, const std::string& keys,
                                 const std::string& job = "program");

  sqlite::Statement keys_;  // whose it is (0 not ours, 1 ours), seq
  std::optional<sqlite::Statement> then_;
  sqlite::Statement run_;
  sqlite::Statement imported_;
  std::size_t unreadable_ = 0;
};

// Puts lessons into `imported`.
class LessonWriter {
 public:
  static Result<LessonWriter> make(sqlite::Database& db);
  // False: it is there already.
  Result<bool> add(const Lesson& lesson, std::int64_t number);

 private:
  explicit LessonWriter(sqlite::Statement insert) : insert_(std::move(insert)) {}
  sqlite::Statement insert_;
};

// So many of the lessons of pruned runs are kept of each kind.
inline constexpr int kKeptLessons = 256;

// Keeps the lesson of a run that is about to be deleted (`imported`, source "pruned"), for when
// everything is learned anew.
class LessonKeeper {
 public:
  static Result<LessonKeeper> make(sqlite::Database& db);
  Status keep(std::int64_t run);
  // Drops all but the newest kKeptLessons of a kind, of the kinds that were kept since the last
  // call.
  Status trim();

 private:
  LessonKeeper(sqlite::Statement copy, sqlite::Statement drop)
      : copy_(std::move(copy)), drop_(std::move(drop)) {}
  sqlite::Statement copy_;
  sqlite::Statement drop_;
  std::vector<std::string> kinds_;
};

}  // namespace jobward::profiles
