// The store of runs and of what was learned from them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/observation.h"
#include "profiles/run_record.h"

namespace jobward::profiles {

// Turns the old state of a level into the new one; called inside the closing transaction, once a
// level.
using Learn = std::function<std::string(const LearnedState& old)>;

struct HistoryQuery {
  int limit = 20;
  std::string project;     // empty: all
  std::string program;     // empty: all
  bool open_only = false;  // only runs that are not ended
};

// Not thread-safe; several processes may use one database at once.
class RunStore {
 public:
  virtual ~RunStore() = default;
  // Durable when it returns. The run is then `admitted`.
  virtual Status begin(const RunRequest& request, const Timestamps& at) = 0;
  // Replaces what begin() wrote of how the run is held (limits, enforcement, place): the truth has
  // turned out to be another.
  virtual Status amend(const RunRequest& request) = 0;
  // Closes the run, and learns from it, in one durable transaction.
  virtual Status end(const std::string& id, const RunEnding& ending, const Timestamps& at,
                     const Learn& learn) = 0;
  // The learned states for a fingerprint, nearest level first; always one entry a level of kLevels.
  virtual Result<std::vector<LearnedState>> learned(const Fingerprint& fingerprint) = 0;
  // Runs that match `reference`: exact id, else exact name (newest first), else id prefix (2
  // characters or more). Empty if none; several if it is ambiguous.
  virtual Result<std::vector<RunRecord>> find(const std::string& reference) = 0;
  // Newest first.
  virtual Result<std::vector<RunRecord>> history(const HistoryQuery& query) = 0;
};

}  // namespace jobward::profiles
