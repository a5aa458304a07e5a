// The store of runs and of what was learned from them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/memory_curve.h"
#include "profiles/observation.h"
#include "profiles/past_run.h"
#include "profiles/run_record.h"

namespace jobward::profiles {

// Is a run that ends something to learn from? Not if it never started, or nobody saw its end.
enum class Teaches { yes, no };

struct HistoryQuery {
  int limit = 20;
  std::string project;     // empty: all
  std::string program;     // empty: all
  bool open_only = false;  // only runs that are not ended
};

// A run that has not ended, as far as admission has to know it.
struct OpenRun {
  std::int64_t sequence = 0;
  std::string id;
  RunState state = RunState::admitted;
  std::string parent;                   // the run around it; empty: none
  std::optional<double> reserved;       // bytes of memory
  std::optional<double> lasts_seconds;  // predicted
  std::optional<UnixMillis> started;    // spawned, else admitted
  std::string memory_cgroup;            // empty: none
  std::string exact;                    // the key of its fingerprint
};

// Decides with the open runs at hand, oldest first, whether a run is `queued` or `admitted`;
// absent: neither, its row is not written (or stays as it is).
using Gate = std::function<std::optional<RunState>(const std::vector<OpenRun>& open)>;

// Decides, with the open runs at hand, how many bytes of memory a run has reserved from now on;
// absent: nothing changes.
using Reserve = std::function<std::optional<double>(const std::vector<OpenRun>& open)>;

// Of how many runs curves() reads: what is learned from more changes little, and each costs about
// 20 µs.
inline constexpr int kCurvesRead = 10;

using Removing = std::function<void(const std::string& id)>;

// Did a call fail because others held the database for too long? Then it may be tried again.
bool is_busy(const Error& error);

// Not thread-safe; several processes may use one database at once.
class RunStore {
 public:
  virtual ~RunStore() = default;
  // Durable when it returns. The run is then `admitted`.
  virtual Status begin(const RunRequest& request, const Timestamps& at) = 0;
  // The same, in one immediate transaction with the decision of the gate, which it returns.
  virtual Result<std::optional<RunState>> begin(const RunRequest& request, const Timestamps& at,
                                                const Gate& gate) = 0;
  // A queued run asks again. `at.admitted` is written if it is let in.
  virtual Result<std::optional<RunState>> admit(const std::string& id, const Timestamps& at,
                                                const Gate& gate) = 0;
  // Changes what an open run has reserved to what `decide` says, in one immediate transaction. Seen
  // by others when it returns, durable with the next commit that is.
  virtual Result<std::optional<double>> reserve(const std::string& id, const Reserve& decide) = 0;
  // All runs that have not ended, oldest first.
  virtual Result<std::vector<OpenRun>> open_runs() = 0;
  // The run that holds this request key, if one does.
  virtual Result<std::optional<RunRecord>> requested(const std::string& key) = 0;
  // Lets go of request keys: of this run, or of all that ended before a moment.
  virtual Status forget_request(const std::string& id) = 0;
  virtual Status forget_requests_before(UnixMillis moment) = 0;
  // Replaces what begin() wrote of how the run is held (limits, enforcement, place): the truth has
  // turned out to be another.
  virtual Status amend(const RunRequest& request) = 0;
  // Closes the run, and learns from it, in one durable transaction. Where what was learned is of
  // another version, or is just being learned anew, it is learned with that.
  virtual Status end(const std::string& id, const RunEnding& ending, const Timestamps& at,
                     Teaches teaches) = 0;
  // The learned states for a fingerprint, nearest level first; always one entry a level of kLevels.
  // If they were made by another version (Learner), everything is learned anew first, which may
  // take its time and is then told as a notice; if another process is at it: an error that says so.
  virtual Result<std::vector<LearnedState>> learned(const Fingerprint& fingerprint) = 0;
  // The memory curves of the last kCurvesRead runs of this masked key that ended well and have one,
  // newest first. One that cannot be read is left out.
  virtual Result<std::vector<MemoryCurve>> curves(const std::string& masked) = 0;
  // Runs that match `reference`: exact id, else exact name (newest first), else id prefix (2
  // characters or more). Empty if none; several if it is ambiguous.
  virtual Result<std::vector<RunRecord>> find(const std::string& reference) = 0;
  // Runs that went on at some time between these two, newest first, at most 20; not `id` itself.
  virtual Result<std::vector<RunRecord>> beside(const std::string& id, UnixMillis from,
                                                UnixMillis to) = 0;
  // Deletes ended runs, oldest first: those that ended before `moment`, but never one of the newest
  // `keep` of a kind (masked fingerprint), nor one whose request id is still known. What was
  // learned from them stays, and of each kind the newest kKeptLessons lessons (lesson_rows.h) for
  // when everything is learned anew. Not in one transaction: others get their turn. Returns their
  // ids. `removing` is called with each before the rows are gone for good: what else there is of a
  // run goes first, or nobody would know of it after a crash.
  virtual Result<std::vector<std::string>> prune(UnixMillis moment, int keep,
                                                 const Removing& removing) = 0;
  // Those ended runs that taught something, in the order in which they ended: read as they are
  // asked for, a few hundred at a time. `job` is the program's name, `requested_bytes` the memory
  // limit if a user, a preset or a configuration set it. Must not outlive the store.
  virtual Result<PastRuns> past_runs() = 0;
  // Newest first.
  virtual Result<std::vector<RunRecord>> history(const HistoryQuery& query) = 0;
};

}  // namespace jobward::profiles
