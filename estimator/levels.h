// The levels of one fingerprint, read and joined: what they say together of each resource. Pure.
#pragma once

#include <optional>
#include <vector>

#include "estimator/estimator.h"
#include "estimator/forecast.h"
#include "estimator/kind_state.h"

namespace jobward::estimator {

struct LevelRuns {
  Level level = Level::none;
  KindState state;
  std::size_t measured = 0;  // runs whose memory need is known
  std::size_t censored = 0;  // that were ended before
};

std::vector<LevelRuns> read_levels(const std::vector<profiles::LearnedState>& nearest_first);

// What the levels say together of a resource.
struct Joined {
  Forecast forecast;
  const LevelRuns* own = nullptr;    // the nearest level that knows something
  const LevelRuns* above = nullptr;  // that it borrowed from, or null
  double own_share = 1;
};

// Absent: no level but, at most, that of everything has measured it.
std::optional<Joined> join(const std::vector<LevelRuns>& levels, Resource resource,
                           const profiles::Features& query);

// The level that all jobs share, or null.
const LevelRuns* everything(const std::vector<LevelRuns>& levels);

}  // namespace jobward::estimator
