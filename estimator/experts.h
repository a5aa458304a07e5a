// Four ways to predict a run from its predecessors, each judged by the errors it makes on a run
// that is left out. Pure.
#pragma once

#include <vector>

#include "estimator/sample.h"

namespace jobward::estimator {

// All in natural logarithms of the resource's unit. `errors[i]` is what run i needed, less what the
// expert says of it from the others.
struct Expert {
  double prediction = 0;
  std::vector<double> errors;
};

// A constant (the errors then are the values themselves: the distribution of the kind, or of the
// runs near the query); and, where a feature tells runs apart, a straight line in the predictors, a
// power law in them, and a line through the nearest runs along the coordinate.
//
// Predictions are held between half of the least and four times the most that was seen (so many
// times as the query is larger, if that is more): a line may cross zero, a job never does.
// REQUIRES: at least two runs.
std::vector<Expert> experts_of(const Sample& sample);

// What the nearest runs along the coordinate say of run i, without it; all runs, where there is no
// coordinate. One entry a run.
std::vector<double> local_without(const Sample& sample, const std::vector<double>& of);

// The nearest runs on each side of the query that the local line goes through.
inline constexpr std::size_t kNeighbours = 4;

}  // namespace jobward::estimator
