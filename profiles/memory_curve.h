// How the memory of a past run went. Data only; the estimator reads from it when runs fail.
#pragma once

#include <vector>

#include "common/job_types.h"

namespace jobward::profiles {

// Of the attempt that ended well.
struct MemoryCurve {
  std::vector<CurvePoint>
      points;  // a point stands for the time until the next, with its most bytes
  double wall_seconds = 0;
  double need_bytes = 0;  // may be above all points: a peak that no sample met
};

}  // namespace jobward::profiles
