// Which limits a run gets, and why. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/job_types.h"

namespace jobward::launcher {

// What the caller asked for, by flags, presets and configurations: all of origin `asked`, with
// where each comes from. Without a memory limit among them: --mem auto.
struct LimitWishes {
  Limits limits;
  bool no_memory_limit = false;  // --no-limit
  // What an automatic memory limit is for, and of a safe one, how sure it is.
  Objective objective = Objective::safe;
  double confidence = 0.99;
};

// All jobs below one parent together may have this share of what there is, so that many small ones
// cannot take the machine.
struct AggregateCap {
  double share = 0.9;
  std::optional<double> bytes;  // instead of a share
  std::string source = "default";
};

// What keeps a run from being started, each with the file and line as its source.
struct Blocks {
  Limits above;                         // one that is predicted (p95) to use more of it
  std::optional<std::string> no_limit;  // one without a memory limit
  // One that is predicted to grow the disk by more than is free where it works.
  std::optional<std::string> beyond_free_disk;
};

// What the system's policy says, each with the file and line as its source.
struct Policy {
  Limits caps;  // no run may have more
  Blocks blocks;
  // A user's own cap on all jobs together may be smaller, not larger.
  std::optional<AggregateCap> aggregate;
  std::string name;  // "FILE sha256:DIGEST", for the record; empty: none is in force
};

struct AdmissionSettings {
  // Kept back from all runs: bytes, else a share of what there is.
  double reserve_share = 0;
  std::optional<double> reserve_bytes;
  bool wait = true;                    // for room; else a run that does not fit now is not started
  std::optional<double> wait_seconds;  // at most; absent: as long as it takes
  double request_ids_seconds = 30.0 * 24 * 3600;  // so long after the end of a run its id is known
};

// What the configuration may change.
struct LimitSettings {
  // With nothing known, a run may have this share of what is free: two unknown jobs fit side by
  // side.
  double guess_share = 0.5;
  // On top of a safe bound: a killed ten-hour job costs more than a tenth of slack. A lean size has
  // its price for being too small within it.
  double margin = 0.1;
  // No automatic limit is below this: a few megabytes decide nothing for the machine, but
  // everything for a small job that was a little larger than last time.
  std::uint64_t minimum_bytes = 64U << 20U;
  // Between TERM and KILL at the wall limit.
  double grace_seconds = 10;
  // Absent: no aggregate cap.
  std::optional<AggregateCap> aggregate = AggregateCap();
  AdmissionSettings admission;
  Blocks blocks;  // of all files together
  std::uint64_t log_bytes =
      16U << 20U;                   // kept of each stream of a detached run, half of it its end
  std::vector<std::string> on_end;  // run after the end of each run; empty: nothing
};

// The source of a memory limit that rests on no measured run.
inline constexpr const char* kGuess = "guess";

struct LimitPlan {
  Limits limits;
  ResourceMap<double> reservation;     // what the run counts for in admission while it goes on
  bool guessed = false;                // the memory limit rests on no measured run of this kind
  std::string explanation;             // of the memory limit, in words
  std::vector<std::string> remarks;    // limits that were changed, and what will not work as meant
  std::optional<std::string> refusal;  // policy or configuration do not allow this run, and why
};

// Bytes. Of memory: in the tightest enclosing limit.
struct Bounds {
  std::uint64_t available = 0;      // free now
  std::uint64_t capacity = 0;       // there at most
  std::optional<double> free_disk;  // on the file system of the working directory
};

// An automatic limit above a cap is held to it, and a remark says so; one that was asked for is
// refused.
LimitPlan plan_limits(const LimitWishes& wishes, const Estimate& estimate, const Bounds& bounds,
                      const LimitSettings& settings, const Policy& policy);

// What was asked for beyond the policy's caps, in words: a guard (trust/guard.h) may let it pass.
// Not the rates of disks, which are no numbers alone.
struct BeyondCap {
  Resource resource = Resource::memory;
  std::string asked;  // "memory limit of 16 GiB (--mem)"
  std::string cap;    // "8 GiB (/etc/jobward/policy.toml:2)"
};
std::vector<BeyondCap> beyond_caps(const Limits& asked, const Policy& policy);

// "memory limit of 512 MiB", "CPUs limit of 1.5"
std::string limit_words(Resource resource, const Limit& limit);

}  // namespace jobward::launcher
