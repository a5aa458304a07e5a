// The statistics behind an estimate: prediction bounds from few numbers. Pure.
#pragma once

#include <vector>

#include "common/job_types.h"

namespace jobward::estimator {

// One earlier run: the value of the feature that is looked at (0 where there is none), and what it
// used.
struct Point {
  double x = 0;
  double y = 0;
};

// Bounds for the next run when all runs are alike. With y' = log(1 + y), mean m, and the predictive
// distribution of a normal sample under a weak prior for its variance (Gelman et al., Bayesian Data
// Analysis, 3.3: Student t, scale s·sqrt(1 + 1/n)):
//     bound(q) = exp(m + t(q, d)·s·sqrt(1 + 1/n)) − 1,  d = kPriorRuns + n − 1,
//     s² = (kPriorRuns·prior² + Σ(y' − m)²) / d
// never below the sample's own quantile, and never above max·(1 + 2/√n), since with few and
// scattered runs the normal tail says more than they do. p50 is the median. `prior` is the relative
// spread taken for granted before the runs have shown their own.
Quantiles bounds_of_alike(const std::vector<double>& values, double prior);

// How many runs' worth the prior spread counts: with 2, one run of 100 gives a p99 of 164, three
// equal runs 117, ten 106 (prior 0.05).
inline constexpr double kPriorRuns = 2;

// Bounds for the next run at x when use follows a straight line in one feature: ordinary least
// squares, its usual prediction interval (Draper & Smith, Applied Regression Analysis, 1.4),
// widened by the same prior:
//     bound(q) = ŷ + t(q, d)·s·sqrt(1 + 1/n + (x − x̄)²/Sxx),  d = kPriorRuns + n − 2,
//     s² = (kPriorRuns·(prior·ŷ)² + SSR) / d
// The last term widens it where x lies outside what was seen. REQUIRES: at least two different x.
Quantiles bounds_on_line(const std::vector<Point>& points, double x, double prior);

// Pearson's r, 0 where either side does not vary.
double correlation(const std::vector<Point>& points);

// The chance that unrelated values correlate as well or better: two-sided, t = r·sqrt((n−2)/(1−r²))
// with n − 2 degrees of freedom. 1 for fewer than three points, or where one side does not vary.
double chance_of_correlation(const std::vector<Point>& points);

// Quantile q of the sorted values, linear between order statistics (Hyndman & Fan's type 7).
double sample_quantile(std::vector<double> values, double q);

}  // namespace jobward::estimator
