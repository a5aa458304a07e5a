// An expert's errors, and the density of the next run that they give. Pure.
#pragma once

#include <vector>

#include "estimator/distribution.h"
#include "estimator/experts.h"
#include "estimator/sample.h"

namespace jobward::estimator {

struct Error {
  double value = 0;  // in logarithms
  double weight = 0;
  double cost_weight = 0;  // weight times how long such a run lasts
};

// Errors in ascending order, and what they add up to.
struct Errors {
  std::vector<Error> sorted;
  double total = 0;       // of the weights
  double cost_total = 0;  // of the cost weights
  double effective = 0;   // number of runs
  double deviation = 0;   // standard
  double loss = 0;        // mean pinball loss at kUpper

  // The smallest error that share `p` of the weight does not exceed.
  [[nodiscard]] double quantile(double p) const;
};

// `weight`: one a run of the sample. The errors count `widening` times.
Errors errors_of(const Expert& expert, const Sample& sample, const std::vector<double>& weight,
                 double widening);

// What an expert is judged by, the less the better: see forecast.h.
double score_of(const Errors& errors);

// The kernel density around the expert's prediction, with its tail, and a share of 1/score².
// `spread`: the mean of the tail is at least that, divided by the number of runs.
Part part_of(const Expert& expert, const Errors& errors, double spread);

// Appends an exponential tail with this mean that begins at `from` (logarithms).
void add_tail(std::vector<Mass>& masses, double from, double scale, double weight, double cost);

// Experts are judged by what lies above.
inline constexpr double kUpper = 0.7;
// Of 1/(n + 1), beside what the kernel spreads there.
inline constexpr double kLeastTail = 0.25;

}  // namespace jobward::estimator
