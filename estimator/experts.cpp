#include "estimator/experts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "estimator/least_squares.h"
#include "estimator/portable_math.h"

namespace jobward::estimator {
namespace {

// Slopes between runs that lie closer than this (in logarithms) are noise.
constexpr double kFlat = 1e-4;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  [[nodiscard]] double hold(double value) const { return std::clamp(value, low, high); }
};

Range plausible(const Sample& sample) {
  Range out;
  for (const double value : sample.log_value) {
    out.low = std::min(out.low, value);
    out.high = std::max(out.high, value);
  }
  out.low -= portable_log(2);
  double times = 4;
  for (const auto& predictor : sample.predictors) {
    const double most = *std::max_element(predictor.values.begin(), predictor.values.end());
    if (most > 0) times = std::max(times, predictor.query / most);
  }
  out.high += portable_log(times);
  return out;
}

Expert constant(const Sample& sample) { return {0, sample.log_value}; }

// In the logarithms of values, a straight line in the values themselves.
Expert straight_line(const Sample& sample, const Range& range) {
  const auto fit = LeastSquares::fit_raw(sample, sample.value);
  const double least = portable_exp(range.low);
  const auto log_of = [&](double value) {
    return range.hold(portable_log(std::max(value, least)));
  };
  Expert out{log_of(fit.at_query()), {}};
  out.errors.reserve(sample.size());
  for (std::size_t i = 0; i < sample.size(); ++i)
    out.errors.push_back(sample.log_value[i] - log_of(fit.without(i)));
  return out;
}

Expert power_law(const Sample& sample, const Range& range) {
  const auto fit = LeastSquares::fit_logs(sample, sample.log_value);
  Expert out{range.hold(fit.at_query()), {}};
  out.errors.reserve(sample.size());
  for (std::size_t i = 0; i < sample.size(); ++i)
    out.errors.push_back(sample.log_value[i] - range.hold(fit.without(i)));
  return out;
}

// The line through runs [from, to) without `skip`, at x; tricube weights in the distance to x
// (Cleveland, J. Am. Stat. Assoc. 74, 1979: LOWESS).
double local_line(const Sample& sample, const std::vector<double>& of, std::size_t from,
                  std::size_t to, std::size_t skip, double x) {
  const auto& u = sample.coordinate;
  double reach = 1e-6;
  if (from < to) reach = std::max({reach, std::abs(u[from] - x), std::abs(u[to - 1] - x)});
  const double scale = 1 / (1.05 * reach);
  double sw = 0;
  double sx = 0;
  double sy = 0;
  double sxx = 0;
  double sxy = 0;
  const auto add = [&](std::size_t i) {
    const double dx = u[i] - x;
    const double d = std::abs(dx) * scale;
    const double t = 1 - d * d * d;
    const double w = (t * t * t + 1e-3) * sample.weight[i];
    sw += w;
    sx += w * dx;
    sy += w * of[i];
    sxx += w * dx * dx;
    sxy += w * dx * of[i];
  };
  const std::size_t middle = std::min(skip, to);
  for (std::size_t i = from; i < middle; ++i)
    add(i);
  for (std::size_t i = middle + 1; i < to; ++i)
    add(i);
  const double mean_x = sx / sw;
  const double mean_y = sy / sw;
  const double slope = (sxy / sw - mean_x * mean_y) / (sxx / sw - mean_x * mean_x + kFlat);
  return mean_y - slope * mean_x;
}

std::size_t less(std::size_t from, std::size_t by) { return from > by ? from - by : 0; }

Expert nearest_runs(const Sample& sample, const Range& range) {
  const auto& u = sample.coordinate;
  const auto at =
      static_cast<std::size_t>(std::upper_bound(u.begin(), u.end(), sample.query) - u.begin());
  const std::size_t to = std::min(at + kNeighbours, sample.size());
  Expert out;
  out.prediction = range.hold(
      local_line(sample, sample.log_value, less(at, kNeighbours), to, sample.size(), sample.query));
  const auto said = local_without(sample, sample.log_value);
  out.errors.reserve(sample.size());
  for (std::size_t i = 0; i < sample.size(); ++i)
    out.errors.push_back(sample.log_value[i] - range.hold(said[i]));
  return out;
}

}  // namespace

std::vector<double> local_without(const Sample& sample, const std::vector<double>& of) {
  std::vector<double> out;
  out.reserve(of.size());
  if (sample.has_coordinate()) {
    for (std::size_t i = 0; i < of.size(); ++i)
      out.push_back(local_line(sample, of, less(i, kNeighbours),
                               std::min(i + kNeighbours + 1, of.size()), i, sample.coordinate[i]));
    return out;
  }
  double sum = 0;
  double total = 0;
  for (std::size_t i = 0; i < of.size(); ++i) {
    sum += sample.weight[i] * of[i];
    total += sample.weight[i];
  }
  for (std::size_t i = 0; i < of.size(); ++i)
    out.push_back((sum - sample.weight[i] * of[i]) / (total - sample.weight[i]));
  return out;
}

std::vector<Expert> experts_of(const Sample& sample) {
  std::vector<Expert> out{constant(sample)};
  if (!sample.has_coordinate()) return out;
  const auto range = plausible(sample);
  out.push_back(straight_line(sample, range));
  out.push_back(power_law(sample, range));
  out.push_back(nearest_runs(sample, range));
  return out;
}

}  // namespace jobward::estimator
