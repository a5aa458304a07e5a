// Learning everything anew when this program learns differently (Learner::version).
//
// Theory of operation: under a lock of its own (flock on learning.lock) one process reads the
// lessons in one snapshot and learns them in memory, writes the states beside those that count, a
// few rows a transaction, and at last, in one immediate transaction, learns what has ended
// meanwhile and makes the new states those that count. Killed at any time it leaves rows that do
// not count; the next one deletes them. Runs end as ever meanwhile, see learned_rows.h.
#pragma once

#include <optional>
#include <string>

#include "common/fd.h"
#include "common/result.h"
#include "profiles/database_file.h"
#include "profiles/learned_rows.h"

namespace jobward::profiles {

// Held by who learns many lessons at once. Let go by the destructor.
class LearningLock {
 public:
  // Absent: another process has it, for longer than `patience_ms`.
  static Result<std::optional<LearningLock>> take(const std::string& directory, int patience_ms);

 private:
  explicit LearningLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// Above so many runs somebody who only wants an estimate does not wait for the other process.
inline constexpr std::int64_t kFewLessons = 5000;
inline constexpr int kPatienceMs = 2000;
// Above so many it is told that it takes a while.
inline constexpr std::int64_t kManyLessons = 10000;

// After much was written: folds the log in and cuts it off, if nobody is reading. Everyone who
// opens the database alone would have to read it.
void fold_log(sqlite::Database& db);

// Makes the states those of `learner`, if they are not. Outside of transactions. An error if
// another process is at it and takes longer than kPatienceMs (with many runs: at once).
Status make_current(sqlite::Database& db, const std::string& directory, const Learner& learner,
                    const Notice& notice);
// The same for who holds the lock.
Status make_current(sqlite::Database& db, const LearningLock& held, const Learner& learner,
                    const Notice& notice);

}  // namespace jobward::profiles
