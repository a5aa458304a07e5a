// The record of one run, as it is kept for ever. Data only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/finding.h"
#include "common/job_types.h"
#include "common/kill_mark.h"
#include "profiles/fingerprint.h"
#include "profiles/observation.h"

namespace jobward::profiles {

// Who asked. The uid is the kernel's word (verified); the claims come from JOBWARD_ACTOR and are
// only claimed.
struct Actor {
  std::uint32_t uid = 0;
  std::map<std::string, std::string> claims;  // agent, conversation, role, model, …
};

enum class RunState { queued, admitted, spawned, ended };
constexpr std::string_view to_string(RunState state) {
  return state == RunState::queued     ? "queued"
         : state == RunState::admitted ? "admitted"
         : state == RunState::spawned  ? "spawned"
                                       : "ended";
}

// A file as it was: its digest where the content was read, else size and time only, and said to be
// that.
struct FileDigest {
  std::string role;  // "script", "input", "output"
  std::string path;
  std::uint64_t bytes = 0;
  std::int64_t mtime_ms = 0;
  std::string sha256;  // empty: not read (too large, or unreadable)
};

// Where a run lives: what a reaper needs in order not to touch another machine's or container's
// runs.
struct Whereabouts {
  std::string machine_id;
  std::string boot_id;
  std::string pid_namespace;
  int supervisor_pid = 0;
  std::string backend;
  std::string cgroup;         // the job's directory, for people and reapers; empty without cgroups
  std::string memory_cgroup;  // where its memory is counted; the same but on hybrid hosts
};

// Milliseconds since the epoch; absent = that transition did not happen.
struct Timestamps {
  UnixMillis created = 0;
  std::optional<UnixMillis> admitted;
  std::optional<UnixMillis> spawned;
  std::optional<UnixMillis> ended;
};

// Everything known when the run is let in. Written, and durable, before the job starts.
struct RunRequest {
  std::string id;
  std::string name;               // --name; may be empty
  std::string kind;               // --kind; may be empty
  std::vector<std::string> argv;  // secrets masked
  std::string cwd;
  std::string project;  // identity, see project.h
  std::string program;  // for people
  Actor actor;
  std::optional<std::string> parent_run;
  std::optional<std::string> step_key;
  int attempt = 1;
  Fingerprint fingerprint;
  Features features;
  Limits limits;
  Enforcements enforcement;
  ResourceMap<double> reservation;
  Estimate estimate;
  std::vector<FileDigest> digests;
  Whereabouts where;
  std::optional<double> lasts_seconds;   // predicted, rather too long; absent: nobody knows
  std::string request_key;               // what --request-id comes to; may be empty
  std::string request_digest;            // of the command and its script, for request_key
  std::string policy;                    // "FILE sha256:DIGEST" of the one in force; empty: none
  bool kept_on_loss = false;             // the job may go on without its supervisor
  std::optional<bool> survives_session;  // of a detached run; absent: it is not detached
};

// One start of the job within a run.
struct Attempt {
  int number = 1;
  std::optional<double> memory_limit;  // bytes
  std::optional<double> wall_limit;    // seconds
  Outcome outcome = Outcome::ok;
  std::string cause;
  std::optional<double> memory_peak;  // bytes
  std::optional<double> wall;         // seconds
};

// The memory limit was raised while the job ran (--elastic).
struct Raise {
  double seconds = 0;  // since the spawn
  double from = 0;     // bytes
  double to = 0;
};

// How it ended. Written in one transaction with what the run teaches.
struct RunEnding {
  Outcome outcome = Outcome::ok;
  std::string cause;
  std::optional<int> exit_code;  // what jobward exits with
  std::string exit_source;       // "job" or "jobward"
  std::optional<int> signal;     // that ended the main process
  Usage usage;
  Observation observation;
  std::vector<Attempt> attempts;     // all of them, the last one too; empty if nothing started
  std::vector<Raise> raises;         // of the last attempt
  std::optional<KillMark> watchdog;  // it had chosen the job, see Outcome::watchdog_killed
  std::vector<CurvePoint> curve;     // at most 256 points
  std::vector<FileDigest> digests;   // declared outputs
  std::vector<Finding> findings;     // of checks before and after it, and Jobward's own
};

struct RunRecord {
  std::int64_t sequence = 0;
  RunRequest request;
  RunState state = RunState::admitted;
  Timestamps at;
  std::optional<RunEnding> ending;
};

}  // namespace jobward::profiles
