// Starting the job's main process, born in its cgroup.
#pragma once

#include <signal.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "host/backends/backend.h"

namespace jobward::host {

struct SpawnRequest {
  std::vector<std::string> argv;         // argv[0] is looked up in PATH, as execvp(3) does
  std::vector<std::string> environment;  // "NAME=value"
  BirthPlace birth;
  std::optional<int> oom_score_adj;  // absent: inherited
  bool oom_score_must_hold = false;  // else a sandbox may forbid it: the limits hold without it
  std::string oom_score_adj_file;    // "/proc/self/oom_score_adj", as seen by the child
  std::optional<int> nice;           // setpriority(2)
  std::optional<std::uint64_t> open_files;  // RLIMIT_NOFILE, soft and hard
  bool die_with_supervisor = true;          // PR_SET_PDEATHSIG = SIGKILL
  bool ignore_children = false;             // SIGCHLD ignored in the child, as the caller had it
  sigset_t signal_mask{};  // what the child gets; the caller usually runs with signals blocked
};

struct Spawned {
  int pid = 0;
  Fd pidfd;
};

// The name (comm) of the child until it has executed its program: who dies with it was never
// loaded.
inline constexpr const char* kNameBeforeExec = "jobward:start";

// Where it failed, and the errno of it. The child is gone and reaped.
struct SpawnFailure {
  enum class Stage { clone, place, oom_score, nice, open_files, execute };
  Stage stage = Stage::clone;
  int errnum = 0;
};

// Starts the process with clone3 (into the v2 directory if there is one), lets it move itself into
// the v1 directories, and returns once exec has succeeded or failed (told through a close-on-exec
// pipe). Call from the main thread of a single-threaded process: PDEATHSIG follows the thread, and
// the child runs only async-signal-safe code.
tl::expected<Spawned, SpawnFailure> spawn(const SpawnRequest& request);

// Would execvp(3) find a file to try? (It may still fail to execute it.)
bool can_be_found(const std::string& program);

}  // namespace jobward::host
