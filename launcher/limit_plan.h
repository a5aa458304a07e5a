// Which limits a run gets, and why. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/job_types.h"

namespace jobward::launcher {

// What the caller asked for.
struct LimitWishes {
  bool no_memory_limit = false;               // --no-limit
  std::optional<std::uint64_t> memory_bytes;  // --mem 8G; absent: --mem auto
  std::optional<double> wall_seconds;         // --time
  // Explicit limits must hold, or the run does not start; `--mem auto` never stops a run.
  [[nodiscard]] bool explicit_memory() const { return memory_bytes.has_value(); }
};

// What the configuration may change.
struct LimitSettings {
  // With nothing known, a run may have this share of what is free: two unknown jobs fit side by
  // side.
  double guess_share = 0.5;
  // On top of the predicted p99: a killed ten-hour job costs more than a tenth of slack.
  double margin = 0.1;
  // No automatic limit is below this: a few megabytes decide nothing for the machine, but
  // everything for a small job that was a little larger than last time.
  std::uint64_t minimum_bytes = 64U << 20U;
  // Between TERM and KILL at the wall limit.
  double grace_seconds = 10;
};

struct LimitPlan {
  Limits limits;
  ResourceMap<double> reservation;  // what the run counts for in admission while it goes on
  bool guessed = false;             // the memory limit rests on no measured run of this kind
  std::string explanation;          // of the memory limit, in words
};

// `available` and `capacity`: bytes free now, and bytes there at most, in the tightest enclosing
// limit.
LimitPlan plan_limits(const LimitWishes& wishes, const Estimate& estimate, std::uint64_t available,
                      std::uint64_t capacity, const LimitSettings& settings);

}  // namespace jobward::launcher
