// What one finished run teaches: its features, and what it used. Data only; the estimator learns
// from it.
#pragma once

#include <map>
#include <string>

#include "common/job_types.h"
#include "common/resource.h"

namespace jobward::profiles {

// Numbers that make one run larger than another, by name: "size:--data", "num:--epochs",
// "feature:rows".
using Features = std::map<std::string, double>;

// A measured value, or, when censored, only a bound: the run was ended before it had used all it
// needed, so its need is more than `value`.
struct Observed {
  double value = 0;  // >= 0
  bool censored = false;
  // Of a censored one: it ended by itself before its time (it failed, or was signalled), not at a
  // limit on this resource. It needed at least `value`; nothing says that it needed more.
  bool ended_early = false;
};

struct Observation {
  Features features;
  ResourceMap<Observed> used;
};

// What was learned about one kind of job: opaque to the store; the estimator encodes and decodes
// it.
struct LearnedState {
  Level level = Level::none;
  std::string blob;  // empty: nothing learned yet
};

}  // namespace jobward::profiles
