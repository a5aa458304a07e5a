#include "estimator/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "estimator/least_squares.h"
#include "estimator/order.h"
#include "estimator/portable_math.h"

namespace jobward::estimator {
namespace {

// Logarithms where all are positive; else sign(x)·log(1 + |x|/s), s the smallest |x| above 0. Both
// do not depend on the unit.
void take_logs(Predictor& predictor) {
  double least = predictor.query;
  double scale = std::abs(predictor.query);
  for (const double value : predictor.values) {
    least = std::min(least, value);
    if (value != 0 && (scale == 0 || std::abs(value) < scale)) scale = std::abs(value);
  }
  const auto signed_log = [&](double value) {
    if (least > 0) return portable_log(value);
    const double size = scale > 0 ? portable_log(1 + std::abs(value) / scale) : 0;
    return value < 0 ? -size : size;
  };
  predictor.logs.reserve(predictor.values.size());
  for (const double value : predictor.values)
    predictor.logs.push_back(signed_log(value));
  predictor.query_log = signed_log(predictor.query);
}

bool varies(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(),
                     [&](double value) { return value != values.front(); });
}

// Is the query within kBeyond of what was seen? (In logarithms.)
bool is_near(const Predictor& predictor) {
  const auto [low, high] = std::minmax_element(predictor.values.begin(), predictor.values.end());
  const double reach = std::max(std::abs(*low), std::abs(*high)) * (kBeyond - 1);
  return predictor.query >= *low - reach && predictor.query <= *high + reach;
}

// Pearson's r, 0 where either side does not vary.
double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double sxx = 0;
  double syy = 0;
  double sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sxx += (x[i] - mean_x) * (x[i] - mean_x);
    syy += (y[i] - mean_y) * (y[i] - mean_y);
    sxy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  constexpr double kNothing = 1e-18;
  if (sxx <= kNothing || syy <= kNothing) return 0;
  return sxy / std::sqrt(sxx * syy);
}

// Fisher's transformation is normal with variance 1/(n − 3); a normal exceeds √(2·ln(1/c)) on both
// sides together with a chance below c.
bool is_believable(double r, std::size_t runs, std::size_t tried) {
  constexpr double kPerfect = 1 - 1e-12;
  const double bounded = std::min(std::abs(r), kPerfect);
  const double fisher = 0.5 * portable_log((1 + bounded) / (1 - bounded));
  const double degrees = std::max(static_cast<double>(runs) - 3, 0.5);
  const double chance = kBelieve / static_cast<double>(std::max<std::size_t>(tried, 1));
  return fisher * std::sqrt(degrees) > std::sqrt(-2 * portable_log(chance));
}

// The features of the query that all of these runs have, and that vary.
std::vector<Predictor> candidates(const KindState& state, const Sample& sample,
                                  const profiles::Features& query) {
  std::vector<Predictor> out;
  for (const auto& [name, value] : query) {
    const auto* column = state.feature(name);
    if (column == nullptr || !std::isfinite(value)) continue;
    Predictor predictor;
    predictor.name = name;
    predictor.query = static_cast<double>(kept(value));
    predictor.values.reserve(sample.size());
    for (const auto run : sample.run)
      predictor.values.push_back(static_cast<double>(column->values[run]));
    const bool all = std::none_of(predictor.values.begin(), predictor.values.end(),
                                  [](double x) { return std::isnan(x); });
    if (!all || !varies(predictor.values)) continue;
    if (is_plain_number(name) && (sample.size() < kFewRuns || !is_near(predictor))) continue;
    take_logs(predictor);
    out.push_back(std::move(predictor));
  }
  return out;
}

// What the predictors that are taken leave over of the logarithms.
std::vector<double> left_over(const Sample& sample) {
  if (sample.predictors.empty()) return sample.log_value;
  const auto fit = LeastSquares::fit_logs(sample, sample.log_value);
  std::vector<double> out = sample.log_value;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] -= fit.at(i);
  return out;
}

struct Choice {
  std::size_t index = 0;
  double strength = 0;
};
std::optional<Choice> strongest(const std::vector<Predictor>& from, const std::vector<double>& of,
                                bool plain_numbers) {
  std::optional<Choice> best;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!plain_numbers && is_plain_number(from[i].name)) continue;
    const double r = std::abs(correlation(from[i].logs, of));
    if (!best || r > best->strength) best = Choice{i, r};
  }
  return best;
}

void choose_predictors(Sample& sample, std::vector<Predictor> from) {
  const std::size_t tried = from.size();
  while (!from.empty() && sample.predictors.size() < kMostFeatures) {
    auto best = strongest(from, left_over(sample), true);
    if (!is_believable(best->strength, sample.size() - sample.predictors.size(), tried)) {
      if (!sample.predictors.empty()) return;
      best = strongest(from, sample.log_value, false);
      if (!best) return;
      sample.predictors.push_back(std::move(from[best->index]));
      return;
    }
    sample.predictors.push_back(std::move(from[best->index]));
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(best->index));
  }
}

void set_coordinate(Sample& sample) {
  if (sample.predictors.empty()) return;
  if (sample.predictors.size() == 1) {
    sample.coordinate = sample.predictors[0].logs;
    sample.query = sample.predictors[0].query_log;
    return;
  }
  const auto fit = LeastSquares::fit_logs(sample, sample.log_value);
  for (std::size_t i = 0; i < sample.size(); ++i)
    sample.coordinate.push_back(fit.at(i));
  sample.query = fit.at_query();
}

template <class T>
void reorder(std::vector<T>& values, const std::vector<std::uint8_t>& order) {
  if (values.empty()) return;
  std::vector<T> out;
  out.reserve(values.size());
  for (const auto i : order)
    out.push_back(values[i]);
  values = std::move(out);
}

// The runs in the order of the coordinate, and of them only those nearest to the query.
void keep_nearest(Sample& sample, std::size_t nearest) {
  if (!sample.has_coordinate()) return;
  auto order = order_of(sample.coordinate);
  if (order.size() > nearest) {
    const auto above = std::partition_point(order.begin(), order.end(), [&](std::uint8_t run) {
      return sample.coordinate[run] <= sample.query;
    });
    const auto half = static_cast<std::ptrdiff_t>(nearest / 2);
    const auto first = std::clamp<std::ptrdiff_t>(
        above - order.begin() - half, 0, static_cast<std::ptrdiff_t>(order.size() - nearest));
    order = {order.begin() + first, order.begin() + first + static_cast<std::ptrdiff_t>(nearest)};
  }
  reorder(sample.run, order);
  reorder(sample.value, order);
  reorder(sample.log_value, order);
  reorder(sample.weight, order);
  reorder(sample.coordinate, order);
  for (auto& predictor : sample.predictors) {
    reorder(predictor.values, order);
    reorder(predictor.logs, order);
  }
}

}  // namespace

bool is_plain_number(const std::string& feature) { return feature.compare(0, 4, "num:") == 0; }

double smallest(Resource resource) { return info(resource).unit == Unit::seconds ? 1e-3 : 1; }

Sample sample_of(const KindState& state, Resource resource, const profiles::Features& query) {
  Sample sample;
  const auto& column = state.resource(resource);
  const std::size_t most = column.told.size();
  sample.run.reserve(most);
  sample.value.reserve(most);
  sample.log_value.reserve(most);
  sample.weight.reserve(most);
  const double per_run = portable_exp(-portable_log(2) / kHalfLife);
  double weight = 1;
  for (std::size_t run = column.told.size(); run-- > 0;) {
    if (column.told[run] != Told::measured) continue;
    sample.run.push_back(run);
    sample.value.push_back(std::max(static_cast<double>(column.values[run]), smallest(resource)));
    sample.log_value.push_back(portable_log(sample.value.back()));
    sample.weight.push_back(weight);
    weight *= per_run;
  }
  std::reverse(sample.run.begin(), sample.run.end());
  std::reverse(sample.value.begin(), sample.value.end());
  std::reverse(sample.log_value.begin(), sample.log_value.end());
  std::reverse(sample.weight.begin(), sample.weight.end());
  if (sample.size() >= 3) choose_predictors(sample, candidates(state, sample, query));
  set_coordinate(sample);
  keep_nearest(sample, resource == Resource::memory ? kNearest : kNearest / 2);
  return sample;
}

}  // namespace jobward::estimator
