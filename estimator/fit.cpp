#include "estimator/fit.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace jobward::estimator {
namespace {

// In double: the default promotes to long double, three times the time for digits nobody reads.
using StudentT = boost::math::students_t_distribution<
    double, boost::math::policies::policy<boost::math::policies::promote_double<false>>>;

double student_quantile(double q, double degrees) {
  return boost::math::quantile(StudentT(degrees), q);
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values)
    sum += value;
  return sum / static_cast<double>(values.size());
}

struct Moments {
  double mean_x = 0;
  double mean_y = 0;
  double sxx = 0;
  double sxy = 0;
  double syy = 0;
};

Moments moments_of(const std::vector<Point>& points) {
  Moments m;
  const auto n = static_cast<double>(points.size());
  for (const auto& point : points) {
    m.mean_x += point.x / n;
    m.mean_y += point.y / n;
  }
  for (const auto& point : points) {
    m.sxx += (point.x - m.mean_x) * (point.x - m.mean_x);
    m.sxy += (point.x - m.mean_x) * (point.y - m.mean_y);
    m.syy += (point.y - m.mean_y) * (point.y - m.mean_y);
  }
  return m;
}

}  // namespace

double sample_quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= values.size()) return values.back();
  return values[below] + (at - static_cast<double>(below)) * (values[below + 1] - values[below]);
}

Quantiles bounds_of_alike(const std::vector<double>& values, double prior) {
  const auto n = static_cast<double>(values.size());
  std::vector<double> logs;
  for (const double value : values)
    logs.push_back(std::log1p(std::max(value, 0.0)));
  const double mean = mean_of(logs);
  double squares = kPriorRuns * prior * prior;
  for (const double value : logs)
    squares += (value - mean) * (value - mean);
  const double degrees = kPriorRuns + n - 1;
  const double scale = std::sqrt(squares / degrees) * std::sqrt(1 + 1 / n);
  const double ceiling = *std::max_element(values.begin(), values.end()) * (1 + 2 / std::sqrt(n));
  const auto bound = [&](double q) {
    const double tail = std::expm1(mean + student_quantile(q, degrees) * scale);
    return std::max(std::min(tail, ceiling), sample_quantile(values, q));
  };
  return {sample_quantile(values, 0.5), bound(0.95), bound(0.99)};
}

Quantiles bounds_on_line(const std::vector<Point>& points, double x, double prior) {
  const auto n = static_cast<double>(points.size());
  const Moments m = moments_of(points);
  const double slope = m.sxy / m.sxx;
  double smallest = points.front().y;
  double residual_squares = 0;
  for (const auto& point : points) {
    const double residual = point.y - (m.mean_y + slope * (point.x - m.mean_x));
    residual_squares += residual * residual;
    smallest = std::min(smallest, point.y);
  }
  // A line may cross zero; a job never does: half of the least seen is the floor.
  const double predicted = std::max(m.mean_y + slope * (x - m.mean_x), smallest / 2);
  const double degrees = kPriorRuns + n - 2;
  const double spread = prior * predicted;
  const double scale = std::sqrt((kPriorRuns * spread * spread + residual_squares) / degrees) *
                       std::sqrt(1 + 1 / n + (x - m.mean_x) * (x - m.mean_x) / m.sxx);
  const auto bound = [&](double q) { return predicted + student_quantile(q, degrees) * scale; };
  return {predicted, bound(0.95), bound(0.99)};
}

double chance_of_correlation(const std::vector<Point>& points) {
  const double r = std::abs(correlation(points));
  if (points.size() < 3 || r <= 0) return 1;
  if (r >= 1) return 0;
  const auto degrees = static_cast<double>(points.size()) - 2;
  const double t = r * std::sqrt(degrees / (1 - r * r));
  return 2 * boost::math::cdf(boost::math::complement(StudentT(degrees), t));
}

double correlation(const std::vector<Point>& points) {
  if (points.size() < 2) return 0;
  const Moments m = moments_of(points);
  if (m.sxx <= 0 || m.syy <= 0) return 0;
  return m.sxy / std::sqrt(m.sxx * m.syy);
}

}  // namespace jobward::estimator
