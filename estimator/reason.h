// Why an estimate is what it is, in words, for people and agents. Pure.
#pragma once

#include <optional>
#include <string>

#include "estimator/levels.h"

namespace jobward::estimator {

struct Grounds {
  const Joined* memory = nullptr;    // null: only other kinds of jobs are known
  const LevelRuns* level = nullptr;  // that the estimate is of
  bool raised_by_censored = false;   // bounds, by runs that were ended before their time
  std::string beyond;                // the feature in which the query is larger than all runs
  double beyond_times = 1;           // by how much
  FailureShare failure;              // that the sizes count with
};

std::string reason_for(const Grounds& grounds);

}  // namespace jobward::estimator
