// What runs that were ended before their time say: only ever "more". Pure.
#pragma once

#include "estimator/kind_state.h"

namespace jobward::estimator {

struct Floors {
  double at_least = 0;  // what one of them used before it failed, or was signalled
  double beyond = 0;    // a limit that one of them was ended at
};

// Of the runs of `state` as they bear on a run with the features of the query: a run that was
// larger along the feature that matters bears in proportion. What kRefuted later runs of about its
// size stayed below has nothing more to say.
Floors floors_of(const KindState& state, Resource resource, const profiles::Features& query,
                 const std::vector<std::string>& features);

// The most that one of the last kRecent measured runs with the very same features needed; 0 if
// there is none.
double recent_need(const KindState& state, Resource resource, const profiles::Features& query);

}  // namespace jobward::estimator
