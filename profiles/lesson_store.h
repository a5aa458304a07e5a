// What runs taught that were not ours: others' histories, other machines'. In the same database as
// the run store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/database_file.h"
#include "profiles/learner.h"
#include "profiles/lesson.h"
#include "profiles/relearn.h"

namespace jobward::profiles {

// Lessons are staged one by one, in a temporary file, and then learned together: memory does not
// grow with their number. Not thread-safe.
class LessonStore {
 public:
  static Result<std::unique_ptr<LessonStore>> open(const std::string& directory, const Clock& clock,
                                                   Notice notice, Learner learner);

  // What another lesson with the same digest is.
  enum class Same {
    run,      // the same run
    another,  // perhaps another run that used just as much: the second one of a history is the same
              // as the second one when the history is read again
  };
  // False: it is known already (or staged). Nothing that others see.
  Result<bool> stage(Lesson lesson, Same same);

  // Learns what is staged, in the order of the runs' ends (first those without a time, in theirs),
  // each as it is stored. In several durable transactions: when it is interrupted, staging and
  // learning it all again learns the rest. How many were learned. An error if another process is
  // learning that much, too.
  Result<std::size_t> learn_staged();

  // Of each kind (masked key) the newest so many lessons, ours and others', in the order in which
  // they taught.
  Status each_newest(int of_a_kind, const std::function<Status(const Lesson&)>& tell);

 private:
  struct Staging {
    sqlite::Statement known;
    sqlite::Statement count;
    sqlite::Statement insert;
  };
  LessonStore(sqlite::Database db, std::string directory, Notice notice, Learner learner)
      : db_(std::move(db)),
        directory_(std::move(directory)),
        notice_(std::move(notice)),
        learner_(std::move(learner)) {}
  Status begin_staging();
  // The next ones behind `at`, which moves on; in one transaction.
  Result<std::size_t> learn_some(std::int64_t& at);
  Result<std::size_t> learn_rows(Learning& learning, std::int64_t& at);

  sqlite::Database db_;
  std::string directory_;
  Notice notice_;
  Learner learner_;
  std::optional<Staging> staging_;
};

}  // namespace jobward::profiles
