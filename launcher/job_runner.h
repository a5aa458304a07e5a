// The whole life of a run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/job_types.h"
#include "host/backends/backend.h"
#include "host/observe/host_snapshot.h"
#include "launcher/limit_plan.h"
#include "launcher/reaper.h"
#include "launcher/supervisor.h"
#include "profiles/features.h"
#include "profiles/run_record.h"
#include "profiles/run_store.h"

namespace jobward::launcher {

// What the front end asks for.
struct RunOrder {
  std::string id;  // of the run: new_run_id(); may be announced to the backend already
  Job job;
  std::vector<std::string> environment;  // of the job, "NAME=value"
  std::string name;
  std::string kind;  // what the command is to count as; empty: what it looks like
  profiles::Actor actor;
  profiles::Features declared;
  std::vector<std::string> inputs;  // files whose digests go into the record
  std::vector<std::string> outputs;
  LimitWishes wishes;
  JobSettings settings;
  bool best_effort = false;            // run even if a limit that was asked for cannot be enforced
  bool wait = true;                    // for room
  std::optional<double> wait_seconds;  // at most; absent: as long as it takes
  // How often it is started again with more memory, or time.
  int retry_oom = 0;
  int retry_time = 0;
  bool detached = false;
  std::vector<int> log_files;          // of a detached run, to be kept short; borrowed
  bool keep_on_loss = false;           // the job may go on without its supervisor
  std::string request_id;              // empty: none
  std::optional<std::string> refusal;  // a guard's: it is on record, and not started
  bool restart_lost = false;
  std::vector<Finding> findings;  // of checks that were made before it
};

// What there is to work with; borrowed for the run. `store` is null when it could not be opened,
// and `store_problem` says why.
struct Workshop {
  const host::KernelRoots& roots;
  const host::CgroupTree& tree;
  const host::HostSnapshot& snapshot;
  host::Backend& backend;
  const host::MachineIdentity& identity;
  const Clock& clock;
  const LimitSettings& settings;
  const Policy& policy;
  const profiles::FileProbe& files;
  profiles::RunStore* store = nullptr;
  std::string store_problem;
  std::string lock_directory;  // where the run's lock file is held; empty: none

  [[nodiscard]] Reaping reaping() const {
    return {store, lock_directory, roots, tree, identity, clock};
  }
};

struct RunResult {
  profiles::RunRequest request;
  profiles::Timestamps at;
  profiles::RunEnding ending;  // always filled, also when nothing started
  bool planned = false;        // its limits are known; else it has ended already
  bool started = false;
  bool recorded = false;
  std::optional<int> die_of;          // the signal by which the supervisor should end itself
  std::vector<std::string> remarks;   // about its limits, told when it started
  std::vector<std::string> untold;    // of those, what has still to be told
  std::vector<std::string> problems;  // what a user must know beside the ending
  // An earlier run answers for this one (--request-id): nothing was started.
  std::optional<profiles::RunRecord> earlier;
};

// What a run tells, and does, on its way.
struct RunHooks {
  // While it begins: that it waits, that a limit is a guess, polled, or not enforced.
  std::function<void(const std::string& line)> tell;
  // It is recorded and waits. May be empty, as those below.
  std::function<void()> queued;
  // All is ready for its first start, whatever it had to wait for: a reason to refuse it after all;
  // absent: none.
  std::function<std::optional<std::string>()> last_word;
  // The job is about to be spawned, with the standard streams as they are then.
  std::function<void()> starting;
  // The job has been spawned.
  std::function<void()> started;
  // It has ended well, and nothing of it is left: checks what it has produced.
  std::function<std::vector<Finding>()> check_product;
};

// Runs the job to its end, in the calling thread, which must be the main one of a single-threaded
// process. Never fails: what goes wrong before the start is an ending with outcome launch_failed or
// refused and the exit status of DESIGN's contract.
// `gate` was closed by the caller, who opens it again when the result is written.
RunResult run_job(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                  const RunHooks& hooks);

// The estimate for a job, without running it: what run_job would start from. Shared with
// `estimate`.
struct Preview {
  profiles::RunRequest request;  // id empty
  LimitPlan plan;
  // Why the run would not start: a limit that nobody would hold, or that names what is not there.
  // Absent: it would, unless plan.refusal says no.
  std::optional<std::string> obstacle;
  std::vector<std::string> remarks;  // to be told when it starts
};
Preview preview(const RunOrder& order, const Workshop& shop);

// The cap on all jobs below one parent together, in bytes; absent: none.
std::optional<std::uint64_t> aggregate_bytes(const Workshop& shop);

// Digests of those of the files that are there, for the record: secrets in their names are masked.
std::vector<profiles::FileDigest> digest_files(const char* role,
                                               const std::vector<std::string>& paths);

}  // namespace jobward::launcher
