#include "estimator/forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "estimator/errors.h"
#include "estimator/experts.h"
#include "estimator/portable_math.h"
#include "estimator/sample.h"

namespace jobward::estimator {
namespace {

double prior_of(Resource resource) {
  return resource == Resource::memory ? kPriorSpread : 3 * kPriorSpread;
}

// How much each run's word counts for the query.
std::vector<double> weights_at_query(const Sample& sample) {
  std::vector<double> out = sample.weight;
  if (!sample.has_coordinate()) return out;
  const auto& u = sample.coordinate;
  const std::size_t n = u.size();
  auto wanted = static_cast<std::size_t>(2 * std::sqrt(static_cast<double>(n)));
  wanted = std::min(std::max<std::size_t>(wanted, 3), n);
  auto above =
      static_cast<std::size_t>(std::upper_bound(u.begin(), u.end(), sample.query) - u.begin());
  std::size_t below = above;
  double reach = 0;
  for (; wanted > 0; --wanted) {
    const bool down =
        below > 0 && (above == n || sample.query - u[below - 1] < u[above] - sample.query);
    reach = down ? sample.query - u[--below] : u[above++] - sample.query;
  }
  const double scale = 1 / std::max(reach, 1e-4);
  for (std::size_t i = 0; i < n; ++i) {
    const double d = (u[i] - sample.query) * scale;
    out[i] *= kFarWeight + (1 - kFarWeight) / (1 + d * d * d * d);
  }
  return out;
}

// How far the query lies beyond what was seen, along the coordinate.
double outside_of(const Sample& sample) {
  if (!sample.has_coordinate()) return 0;
  return std::max(
      {sample.query - sample.coordinate.back(), sample.coordinate.front() - sample.query, 0.0});
}

// 1 within what was seen, more beyond it.
double widening_at_query(const Sample& sample) {
  const double outside = outside_of(sample);
  if (outside <= 0) return 1;
  const auto& u = sample.coordinate;
  const double mean = std::accumulate(u.begin(), u.end(), 0.0) / static_cast<double>(u.size());
  double squares = 0;
  for (const double x : u)
    squares += (x - mean) * (x - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(u.size()));
  return 1 + std::min(outside / std::max(deviation, 1e-3), kMostWidening);
}

// Seconds that an attempt costs besides: however short a run, starting it again is not free.
constexpr double kStart = 1;

// How long each run lasted, against the runs that are like it: what a failure there costs.
void set_cost_weights(Sample& sample, const KindState& state) {
  sample.cost_weight.assign(sample.size(), 1);
  const auto& wall = state.resource(Resource::wall);
  std::vector<double> logs;
  for (const auto run : sample.run) {
    if (wall.told.empty() || wall.told[run] != Told::measured) return;
    logs.push_back(portable_log(static_cast<double>(wall.values[run]) + kStart));
  }
  if (sample.size() < 3) return;
  const auto said = local_without(sample, logs);
  constexpr double kMost = 3;  // a factor of 20 either way
  for (std::size_t i = 0; i < sample.size(); ++i)
    sample.cost_weight[i] = portable_exp(std::clamp(logs[i] - said[i], -kMost, kMost));
}

// Of errors about a shift, of the prior spread: 1 % of memory. Less is not worth forgetting for.
constexpr double kLeastDeviation = 1.0 / 3;

double mean_absolute(const Expert& expert) {
  double mean = 0;
  for (const double error : expert.errors)
    mean += error / static_cast<double>(expert.errors.size());
  double out = 0;
  for (const double error : expert.errors)
    out += std::abs(error - mean);
  return out;
}

// Where the level shifted: the first run after it. The largest two-sample t over all places
// (Hawkins, J. Am. Stat. Assoc. 72, 1977), of the errors of the expert that knows best.
std::optional<std::size_t> shift_in(const std::vector<Expert>& experts, const Sample& sample,
                                    double least_deviation) {
  const auto best = std::min_element(
      experts.begin(), experts.end(),
      [](const Expert& a, const Expert& b) { return mean_absolute(a) < mean_absolute(b); });
  const std::size_t n = sample.size();
  if (n < 2 * kShiftRuns) return std::nullopt;
  std::array<std::uint16_t, KindState::kWindow> place{};  // of each run; kNone: it is not in it
  constexpr std::uint16_t kNone = KindState::kWindow;
  place.fill(kNone);
  for (std::size_t i = 0; i < n; ++i)
    place[sample.run[i]] = static_cast<std::uint16_t>(i);
  std::vector<std::uint16_t> order;  // oldest first
  order.reserve(n);
  std::copy_if(place.begin(), place.end(), std::back_inserter(order),
               [](std::uint16_t i) { return i != kNone; });
  double sum = 0;
  double squares = 0;
  for (const double error : best->errors) {
    sum += error;
    squares += error * error;
  }
  double before = 0;
  double strongest = kShift;
  std::optional<std::size_t> out;
  for (std::size_t i = 1; i + kShiftRuns <= n; ++i) {
    before += best->errors[order[i - 1]];
    if (i < kShiftRuns) continue;
    const auto left = static_cast<double>(i);
    const auto right = static_cast<double>(n - i);
    const double mean_left = before / left;
    const double mean_right = (sum - before) / right;
    const double within =
        std::max(squares - left * mean_left * mean_left - right * mean_right * mean_right, 0.0);
    const double deviation =
        std::max(std::sqrt(within / static_cast<double>(n - 2)), least_deviation);
    const double t =
        std::abs(mean_right - mean_left) / (deviation * std::sqrt(1 / left + 1 / right));
    if (t > strongest) {
      strongest = t;
      out = sample.run[order[i]];
    }
  }
  return out;
}

double most_of(const Sample& sample, const std::vector<Expert>& experts) {
  double most = *std::max_element(sample.log_value.begin(), sample.log_value.end());
  for (const auto& expert : experts)
    most = std::max(most, expert.prediction);
  return most + portable_log(1 + kMostExcess / std::sqrt(static_cast<double>(sample.size())));
}

Forecast of_few(const Sample& sample, Resource resource) {
  const double prior = prior_of(resource);
  Part part;
  std::vector<double> logs = sample.log_value;
  std::sort(logs.begin(), logs.end());
  for (const double value : logs)
    part.masses.push_back({value, value, 1, 1});
  add_tail(part.masses, logs.back(), kFewFactor * prior, 1, 1);
  Forecast out;
  out.distribution = mixture({part});
  out.runs = sample.size();
  out.most = most_of(sample, {});
  out.spread = std::max(prior, (logs.back() - logs.front()) / 2);
  return out;
}

// How many times larger the query is than all runs, along a feature that could not show yet whether
// it matters: there are too few runs, or all are of one size.
double times_untold(const KindState& state, const Sample& sample, const profiles::Features& query) {
  double out = 1;
  for (const auto& [name, value] : query) {
    const auto* column = state.feature(name);
    if (column == nullptr || is_plain_number(name) || !std::isfinite(value)) continue;
    double least = std::numeric_limits<double>::infinity();
    double most = -least;
    bool all = true;
    for (const auto run : sample.run) {
      const auto size = static_cast<double>(column->values[run]);
      all = all && !std::isnan(size);
      if (std::isnan(size)) continue;
      least = std::min(least, size);
      most = std::max(most, size);
    }
    const bool could_tell = sample.size() >= 3 && all && least < most;
    if (!could_tell && most > 0) out = std::max(out, static_cast<double>(kept(value)) / most);
  }
  return out;
}

// The need then grows with a power of the size that lies, for all that is known, anywhere between 0
// and 1.
void reach_out(Forecast& forecast, double times) {
  if (times <= 1) return;
  constexpr int kSteps = 4;
  std::vector<Part> parts;
  for (int step = 0; step <= kSteps; ++step) {
    Part part{forecast.distribution.masses(), 1};
    const double growth = portable_log(times) * step / kSteps;
    for (auto& mass : part.masses) {
      mass.from += growth;
      mass.log_value += growth;
    }
    parts.push_back(std::move(part));
  }
  forecast.distribution = mixture(parts);
  forecast.most += portable_log(times);
  forecast.extrapolates = times >= kBeyond;
}

Forecast of_many(Sample sample, const KindState& state, Resource resource) {
  const double prior = prior_of(resource);
  if (resource == Resource::memory)
    set_cost_weights(sample, state);
  else
    sample.cost_weight.assign(sample.size(), 1);
  auto experts = experts_of(sample);
  Forecast out;
  if (const auto changed = shift_in(experts, sample, kLeastDeviation * prior)) {
    std::size_t since = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      if (sample.run[i] < *changed)
        sample.weight[i] *= kStaleWeight;
      else
        ++since;
    }
    out.changed = since;
    experts = experts_of(sample);
  }
  const auto weight = weights_at_query(sample);
  const double widening = widening_at_query(sample);
  std::vector<Errors> errors;
  std::size_t best = 0;
  for (const auto& expert : experts) {
    errors.push_back(errors_of(expert, sample, weight, errors.empty() ? 1 : widening));
    if (score_of(errors.back()) < score_of(errors[best])) best = errors.size() - 1;
  }
  std::vector<Part> parts;
  for (std::size_t i = 0; i < experts.size(); ++i)
    if (resource == Resource::memory || i == best)
      parts.push_back(part_of(experts[i], errors[i], i == 0 ? prior : prior * widening));
  out.spread = errors[best].deviation;
  out.distribution = mixture(parts);
  out.runs = sample.size();
  out.most = most_of(sample, experts) + portable_log(widening);
  out.extrapolates = outside_of(sample) > portable_log(kBeyond);
  for (const auto& predictor : sample.predictors)
    out.features.push_back(predictor.name);
  return out;
}

}  // namespace

std::optional<Forecast> forecast(const KindState& state, Resource resource,
                                 const profiles::Features& query) {
  Sample sample = sample_of(state, resource, query);
  if (sample.size() == 0) return std::nullopt;
  const double times = times_untold(state, sample, query);
  auto out =
      sample.size() < 3 ? of_few(sample, resource) : of_many(std::move(sample), state, resource);
  reach_out(out, times);
  return out;
}

}  // namespace jobward::estimator
