#include "profiles/lesson_store.h"

#include <utility>

#include "common/fault.h"
#include "profiles/learned_rows.h"
#include "profiles/lesson_rows.h"
#include "profiles/run_codec.h"

namespace jobward::profiles {
namespace {

using sqlite::Transaction;

// So many in one transaction: runs that begin and end meanwhile wait for one only.
constexpr int kAtOnce = 2000;
constexpr int kLockPatienceMs = 10000;

constexpr const char* kStagingTables =
    "PRAGMA temp_store=FILE;"
    // Each lesson is a transaction of its own, and none of them is ever rolled back.
    "PRAGMA temp.journal_mode=OFF;"
    "CREATE TEMP TABLE staged(seq INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, source TEXT,"
    " job TEXT, fp_exact TEXT, fp_masked TEXT, fp_program TEXT, observation TEXT,"
    " finished_ms INTEGER);"
    "CREATE TEMP TABLE repeats(digest TEXT PRIMARY KEY, n INTEGER NOT NULL);";

}  // namespace

Result<std::unique_ptr<LessonStore>> LessonStore::open(const std::string& directory,
                                                       const Clock& clock, Notice notice,
                                                       Learner learner) {
  auto db = open_database(directory, clock, notice);
  if (!db) return tl::unexpected(std::move(db).error());
  return std::unique_ptr<LessonStore>(
      new LessonStore(std::move(*db), directory, std::move(notice), std::move(learner)));
}

Status LessonStore::begin_staging() {
  if (staging_) return {};
  JOBWARD_RETURN_IF_ERROR(db_.execute(kStagingTables));
  auto known = db_.prepare(
      "SELECT EXISTS(SELECT 1 FROM imported WHERE digest=?1)"
      " OR EXISTS(SELECT 1 FROM runs WHERE id=?2)");
  if (!known) return tl::unexpected(std::move(known).error());
  auto count = db_.prepare(
      "INSERT INTO temp.repeats VALUES(?, 1) ON CONFLICT(digest) DO UPDATE SET n=n+1 RETURNING n");
  if (!count) return tl::unexpected(std::move(count).error());
  auto insert = db_.prepare(
      "INSERT OR IGNORE INTO temp.staged(digest, source, job, fp_exact, fp_masked, fp_program,"
      " observation, finished_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?) RETURNING 1");
  if (!insert) return tl::unexpected(std::move(insert).error());
  staging_.emplace(Staging{std::move(*known), std::move(*count), std::move(*insert)});
  return {};
}

Result<bool> LessonStore::stage(Lesson lesson, Same same) {
  JOBWARD_RETURN_IF_ERROR(begin_staging());
  auto& [known, count, insert] = *staging_;
  if (same == Same::another) {
    auto row = count.reset().bind(lesson.digest).step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (const auto number = count.integer(0); number > 1)
      lesson.digest += "#" + std::to_string(number);
    count.reset();
  }
  const std::string_view ours = kRunDigest;
  const bool is_run = lesson.digest.compare(0, ours.size(), ours) == 0;
  auto row =
      known.reset()
          .bind(lesson.digest)
          .bind(is_run ? std::string_view(lesson.digest).substr(ours.size()) : std::string_view())
          .step();
  if (!row) return tl::unexpected(std::move(row).error());
  const bool is_known = known.integer(0) != 0;
  known.reset();
  if (is_known) return false;
  const auto& keys = lesson.fingerprint;
  insert.reset().bind(lesson.digest).bind(lesson.source).bind(lesson.job);
  insert.bind(keys.exact).bind(keys.masked).bind(keys.program);
  auto added = insert.bind(encode_observation(lesson.observation)).bind(lesson.finished).step();
  insert.reset();
  return added;
}

Result<std::size_t> LessonStore::learn_rows(Learning& learning, std::int64_t& at) {
  // Not one statement for all batches: while it goes on SQLite cannot fold the log in.
  auto staged = db_.prepare(
      "SELECT digest, source, job, fp_exact, fp_masked, fp_program, observation, finished_ms,"
      " o.rowid FROM temp.in_order o JOIN temp.staged s ON s.seq=o.staged WHERE o.rowid>?"
      " ORDER BY o.rowid LIMIT ?");
  if (!staged) return tl::unexpected(std::move(staged).error());
  staged->bind(at).bind(kAtOnce);
  auto writer = LessonWriter::make(db_);
  if (!writer) return tl::unexpected(std::move(writer).error());
  StateCache states(learner_, &db_);
  std::size_t learned = 0;
  while (true) {
    auto row = staged->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) break;
    at = staged->integer(8);
    auto lesson = read_lesson(*staged);
    if (!lesson) return tl::unexpected(std::move(lesson).error());
    auto added = writer->add(*lesson, learning.last + 1);
    if (!added) return tl::unexpected(std::move(added).error());
    if (!*added) continue;
    JOBWARD_RETURN_IF_ERROR(states.learn(lesson->fingerprint, lesson->observation));
    ++learning.last;
    ++learned;
  }
  if (auto written = states.write(db_); !written) return tl::unexpected(std::move(written).error());
  return learned;
}

Result<std::size_t> LessonStore::learn_some(std::int64_t& at) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  auto learning = read_learning(db_);
  if (!learning) return tl::unexpected(std::move(learning).error());
  JOBWARD_RETURN_IF_ERROR(catch_up(db_, learner_, *learning));
  auto learned = learn_rows(*learning, at);
  if (!learned) return learned;
  learning->learned = learning->last;
  if (*learned > 0) learning->version = learner_.version;
  JOBWARD_RETURN_IF_ERROR(write_learning(db_, *learning));
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  JOBWARD_FAULT(importing);
  return learned;
}

Result<std::size_t> LessonStore::learn_staged() {
  JOBWARD_RETURN_IF_ERROR(begin_staging());
  auto lock = LearningLock::take(directory_, kLockPatienceMs);
  if (!lock) return tl::unexpected(std::move(lock).error());
  if (!*lock)
    return error("learn", "what was read",
                 "another process is learning many runs just now; try again when it has ended");
  JOBWARD_RETURN_IF_ERROR(make_current(db_, **lock, learner_, notice_));
  JOBWARD_RETURN_IF_ERROR(db_.execute(
      "CREATE TEMP TABLE in_order AS SELECT seq AS staged FROM staged ORDER BY finished_ms, seq"));
  std::size_t learned = 0;
  for (std::int64_t at = 0;;) {
    const auto before = at;
    auto some = learn_some(at);
    if (!some) return some;
    learned += *some;
    if (at == before) break;
  }
  JOBWARD_RETURN_IF_ERROR(db_.execute("DROP TABLE temp.in_order"));
  fold_log(db_);
  return learned;
}

Status LessonStore::each_newest(int of_a_kind, const std::function<Status(const Lesson&)>& tell) {
  // One snapshot; nothing is written, so that an error may leave it to the end of this process.
  JOBWARD_RETURN_IF_ERROR(db_.execute("BEGIN"));
  {
    auto learning = read_learning(db_);
    if (!learning) return tl::unexpected(std::move(learning).error());
    auto rows = LessonRows::newest(db_, learning->uncounted, of_a_kind);
    if (!rows) return tl::unexpected(std::move(rows).error());
    while (true) {
      auto lesson = rows->next();
      if (!lesson) return tl::unexpected(std::move(lesson).error());
      if (!*lesson) break;
      JOBWARD_RETURN_IF_ERROR(tell(**lesson));
    }
  }
  return db_.execute("COMMIT");
}

}  // namespace jobward::profiles
