// Who learns: passed in from above, as the store does not know the estimator.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "profiles/observation.h"

namespace jobward::profiles {

// Turns the old states of a fingerprint's levels, nearest first, into the new ones, in the same
// order. Called inside transactions.
using Learn = std::function<std::vector<std::string>(const std::vector<LearnedState>& nearest_first,
                                                     const Observation& observation)>;

struct Learner {
  // Of what `learn` makes; > 0. States of another version are made anew from the stored runs.
  std::uint32_t version = 0;
  // Empty: a store that only tells, and learns nothing. What ends through it is learned later.
  Learn learn;
};

}  // namespace jobward::profiles
