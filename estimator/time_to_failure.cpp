#include "estimator/time_to_failure.h"

#include <algorithm>
#include <cmath>

namespace jobward::estimator {
namespace {

using profiles::MemoryCurve;

bool is_number(double value) { return std::isfinite(value) && value >= 0; }

bool is_usable(const MemoryCurve& curve) {
  double last = 0;
  for (const auto& point : curve.points) {
    if (!is_number(point.seconds) || !is_number(point.bytes) || point.seconds < last) return false;
    last = point.seconds;
  }
  return !curve.points.empty() && is_number(curve.wall_seconds) && curve.wall_seconds > 0 &&
         is_number(curve.need_bytes) && curve.need_bytes > 0;
}

double seconds_to_exceed(const MemoryCurve& curve, double bytes) {
  const auto above = std::find_if(curve.points.begin(), curve.points.end(),
                                  [&](const CurvePoint& point) { return point.bytes > bytes; });
  if (above == curve.points.end() || above + 1 == curve.points.end()) return curve.wall_seconds;
  return std::min((above + 1)->seconds, curve.wall_seconds);
}

double share_of(const MemoryCurve& curve) {
  double sum = 0;
  for (const double given : kGivenShares)
    sum += seconds_to_exceed(curve, given * curve.need_bytes) / curve.wall_seconds;
  return sum / static_cast<double>(kGivenShares.size());
}

}  // namespace

std::optional<FailureShare> failure_share(const std::vector<MemoryCurve>& curves) {
  FailureShare out;
  double sum = 1;
  for (const auto& curve : curves) {
    if (!is_usable(curve)) continue;
    sum += share_of(curve);
    ++out.curves;
  }
  if (out.curves == 0) return std::nullopt;
  out.share = sum / (out.curves + 1);
  return out;
}

}  // namespace jobward::estimator
