// What it costs to find out by trying how much memory a run needs. Pure.
#pragma once

#include <vector>

#include "common/result.h"

namespace jobward::backtest {

struct Need {
  double bytes = 0;    // > 0
  double seconds = 0;  // >= 0
};

// GBh: decimal gigabytes (1e9) times hours.
struct Charge {
  double given = 0;  // bytes, by the first attempt
  double wasted_gbh = 0;
  double used_gbh = 0;
  int failures = 0;  // attempts that were too small
};

inline constexpr int kMostFailures = 60;  // as the published replays allow: of 1 byte, 1 EiB

// The run is tried with `first` bytes, then with `attempts[1]`, [2], … as far as they grow, then
// with twice as many each time. An attempt below the need costs allocated × seconds × ttf, the one
// that suffices (allocated − needed) × seconds. An error if `first` is no size (> 0, finite), or
// if there is no end of it.
Result<Charge> charge(double first, const std::vector<double>& attempts, const Need& need,
                      double ttf);

}  // namespace jobward::backtest
