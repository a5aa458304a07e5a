// What was learned, in the tables `states` and `learning`, and the order in which runs taught.
//
// Each run that teaches gets a number in its closing transaction, 1 + the largest so far, in
// runs.learned_order or, if it was not ours, imported.learned_order. `learning`, one row, has
//  version    of the states that count; NULL: nothing was learned yet; 0: of a program that did not
//             count versions. Rows of `states` with another version are being made (relearn.h), or
//             left over.
//  last       the largest number given
//  learned    the states have the lessons up to this one. Behind `last` after a run was closed by a
//             program whose states have another version: it gives its number and touches no state.
//             The next one of this version learns what is missing, in order.
//  uncounted  the newest run (seq) when the numbers were introduced: older ones may have taught
//             without one.
//
// A program that does not know these tables refuses the database (PRAGMA user_version). One that
// had opened it before it was migrated goes on to write its own table `learned`; a run that it ends
// has no number, and counts when everything is learned anew, before all that have one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/job_types.h"
#include "profiles/learner.h"
#include "profiles/lesson.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {

struct Learning {
  std::optional<std::int64_t> version;
  std::int64_t last = 0;
  std::int64_t learned = 0;
  std::int64_t uncounted = 0;

  // Do the states count for this learner?
  [[nodiscard]] bool is_of(const Learner& learner) const {
    return !version || *version == static_cast<std::int64_t>(learner.version);
  }
};
Result<Learning> read_learning(sqlite::Database& db);
// All but `uncounted`.
Status write_learning(sqlite::Database& db, const Learning& learning);

// The states of a fingerprint's levels, one entry a level of kLevels; empty where the key is.
Result<std::vector<LearnedState>> read_states(sqlite::Database& db, std::int64_t version,
                                              const Fingerprint& fingerprint);

// States while several lessons are learned. Inside one transaction, or of rows that nobody else
// writes.
class StateCache {
 public:
  // `stored`: where a state is looked for that is not here yet; null: it is new. Both are borrowed.
  StateCache(const Learner& learner, sqlite::Database* stored)
      : learner_(learner), stored_(stored) {}
  Status learn(const Fingerprint& fingerprint, const Observation& observation);
  // Writes up to `most` of them, which are then not here any more. How many there were.
  Result<std::size_t> write(sqlite::Database& db, std::size_t most = SIZE_MAX);

 private:
  Result<std::string> state(Level level, const std::string& key);
  const Learner& learner_;
  sqlite::Database* stored_;
  std::optional<sqlite::Statement> select_;
  std::optional<sqlite::Statement> insert_;
  std::unordered_map<Level, std::unordered_map<std::string, std::string>> states_;
};

// Gives the run its number and learns from it, in the transaction that closes it.
Status teach(sqlite::Database& db, const Learner& learner, const std::string& id,
             const Observation& observation);

// Learns, in this transaction, what has a number above learning.learned.
Status catch_up(sqlite::Database& db, const Learner& learner, Learning& learning);

}  // namespace jobward::profiles
