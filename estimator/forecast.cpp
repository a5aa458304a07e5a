#include "estimator/forecast.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "estimator/experts.h"
#include "estimator/order.h"
#include "estimator/portable_math.h"
#include "estimator/sample.h"

namespace jobward::estimator {
namespace {

constexpr double kThirdOfNormal = 1.7320508075688772;  // √3: the outer nodes of Gauss-Hermite
constexpr double kGroups = 40;                         // of errors; see kMasses
constexpr double kSameError = 0.0005;                  // below it two errors are one
constexpr double kLeastTail = 0.25;                    // of 1/(n + 1), beside the kernel
constexpr double kUpper = 0.7;                         // experts are judged by what lies above

double prior_of(Resource resource) {
  return resource == Resource::memory ? kPriorSpread : 3 * kPriorSpread;
}

struct Error {
  double value = 0;
  double weight = 0;
  double cost_weight = 0;
};

// Sorted errors of one expert, and what they add up to.
struct Errors {
  std::vector<Error> sorted;
  double total = 0;
  double cost_total = 0;
  double effective = 0;  // number of runs
  double deviation = 0;  // standard
  double loss = 0;       // mean pinball loss at kUpper

  // The smallest error that share `p` of the weight does not exceed.
  [[nodiscard]] double quantile(double p) const {
    double below = 0;
    for (const auto& error : sorted) {
      below += error.weight;
      if (below >= kGrace * p * total) return error.value;
    }
    return sorted.back().value;
  }
};

Errors errors_of(const Expert& expert, const Sample& sample, const std::vector<double>& weight,
                 double widening) {
  Errors out;
  double squares = 0;
  double sum = 0;
  out.sorted.reserve(weight.size());
  for (const auto i : order_of(expert.errors)) {
    const double value = expert.errors[i] * widening;
    out.sorted.push_back({value, weight[i], weight[i] * sample.cost_weight[i]});
    out.total += weight[i];
    out.cost_total += out.sorted.back().cost_weight;
    squares += weight[i] * weight[i];
    sum += weight[i] * value;
  }
  out.effective = out.total * out.total / squares;
  const double mean = sum / out.total;
  const double upper = out.quantile(kUpper);
  double variance = 0;
  for (const auto& error : out.sorted) {
    variance += error.weight * (error.value - mean) * (error.value - mean);
    out.loss += error.weight * (error.value > upper ? kUpper * (error.value - upper)
                                                    : (1 - kUpper) * (upper - error.value));
  }
  out.loss /= out.total;
  out.deviation = std::sqrt(variance / out.total);
  return out;
}

// What lies beyond the largest error.
struct Tail {
  double scale = 0;       // the mean excess of the upper 1/√n over its least
  double cost_ratio = 1;  // cost weight to weight there
};

Tail tail_of(const Errors& errors, double least) {
  const double upper = kGrace * errors.total / std::sqrt(errors.effective + 1);
  double weight = 0;
  std::size_t from = errors.sorted.size();
  while (from > 0 && weight < upper)
    weight += errors.sorted[--from].weight;
  double excess = 0;
  double cost = 0;
  for (std::size_t i = from; i < errors.sorted.size(); ++i) {
    excess += errors.sorted[i].weight * (errors.sorted[i].value - errors.sorted[from].value);
    cost += errors.sorted[i].cost_weight;
  }
  constexpr double kMost = 0.7;  // the tail's mean: twice as much
  return {std::clamp(excess / weight, least, std::max(least, kMost)), cost / weight};
}

// An exponential distribution with mean 1, in four masses.
struct TailStep {
  double at;
  double share;
};
constexpr std::array<TailStep, 4> kTail{TailStep{0.25, 0.4}, TailStep{0.75, 0.3},
                                        TailStep{1.5, 0.2}, TailStep{3, 0.1}};

// Neighbours drawn together to about kGroups masses, each from its least to its largest.
class Gatherer {
 public:
  Gatherer(double weight, double cost_weight, std::vector<Mass>& out)
      : weight_(kGrace * weight / kGroups),
        cost_weight_(kGrace * cost_weight / kGroups),
        out_(out) {}

  void add(const Mass& mass) {
    const bool full = gathered_.weight >= weight_ || gathered_.cost_weight >= cost_weight_;
    if (gathered_.weight > 0 && full && mass.log_value > gathered_.log_value + kSameError) flush();
    if (gathered_.weight <= 0) gathered_.from = mass.from;
    gathered_.log_value = mass.log_value;
    gathered_.weight += mass.weight;
    gathered_.cost_weight += mass.cost_weight;
  }
  void flush() {
    if (gathered_.weight > 0) out_.push_back(gathered_);
    gathered_ = {};
  }

 private:
  double weight_;
  double cost_weight_;
  std::vector<Mass>& out_;
  Mass gathered_;
};

// The masses, each spread over three points, in ascending order.
void spread(const std::vector<Mass>& masses, double bandwidth, Gatherer& to) {
  constexpr double kMiddle = 2.0 / 3;
  const double shift = bandwidth * kThirdOfNormal;
  const std::array<double, 3> shifts{-shift, 0, shift};
  const std::array<double, 3> shares{(1 - kMiddle) / 2, kMiddle, (1 - kMiddle) / 2};
  std::array<std::size_t, 3> at{};
  const auto next = [&](std::size_t k) {
    return at[k] < masses.size() ? masses[at[k]].log_value + shifts[k]
                                 : std::numeric_limits<double>::infinity();
  };
  for (std::size_t left = 3 * masses.size(); left > 0; --left) {
    const std::size_t lower = next(1) < next(0) ? 1 : 0;
    const std::size_t least = next(2) < next(lower) ? 2 : lower;
    const auto& mass = masses[at[least]++];
    to.add({mass.from + shifts[least], mass.log_value + shifts[least], mass.weight * shares[least],
            mass.cost_weight * shares[least]});
  }
}

// The kernel density of the errors around the prediction.
std::vector<Mass> density(const Errors& errors, double prediction, double bandwidth) {
  std::vector<Mass> coarse;
  coarse.reserve(errors.sorted.size());
  Gatherer first(errors.total, errors.cost_total, coarse);
  for (const auto& error : errors.sorted)
    first.add(
        {prediction + error.value, prediction + error.value, error.weight, error.cost_weight});
  first.flush();
  std::vector<Mass> out;
  out.reserve(3 * coarse.size() + kTail.size());
  Gatherer second(errors.total, errors.cost_total, out);
  spread(coarse, bandwidth, second);
  second.flush();
  return out;
}

void add_tail(std::vector<Mass>& masses, double from, double scale, double weight, double cost) {
  double low = from;
  for (const auto& step : kTail) {
    masses.push_back({low, from + step.at * scale, weight * step.share, cost * step.share});
    low = masses.back().log_value;
  }
}

// What an expert is judged by.
double score_of(const Errors& errors) {
  return errors.loss +
         (1 - kUpper) * (kSameError + 0.5 * errors.deviation / std::sqrt(errors.effective));
}

Part part_of(const Expert& expert, const Errors& errors, double prior) {
  const double quartiles = (errors.quantile(0.75) - errors.quantile(0.25)) / 1.349;
  const double rate = portable_exp(-0.2 * portable_log(errors.effective));
  Part part;
  part.masses =
      density(errors, expert.prediction, 0.9 * std::min(errors.deviation, quartiles) * rate);
  const auto runs = static_cast<double>(errors.sorted.size());
  const auto tail = tail_of(errors, prior / runs);
  // What the kernel has spread beyond the largest error is part of what lies there.
  const double edge = expert.prediction + errors.sorted.back().value;
  double spread_beyond = 0;
  for (auto it = part.masses.rbegin(); it != part.masses.rend() && it->log_value > edge; ++it)
    spread_beyond += it->weight;
  const double all_beyond = errors.total / (errors.effective + 1);
  const double beyond = std::max(all_beyond - spread_beyond, kLeastTail * all_beyond);
  const auto density_end = static_cast<std::ptrdiff_t>(part.masses.size());
  add_tail(part.masses, edge, tail.scale, beyond, beyond * tail.cost_ratio);
  // The tail begins at the largest error, which the kernel has spread beyond.
  std::inplace_merge(part.masses.begin(), part.masses.begin() + density_end, part.masses.end(),
                     [](const Mass& a, const Mass& b) { return a.log_value < b.log_value; });
  const double score = score_of(errors);
  part.share = 1 / (score * score);
  return part;
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
  std::array<std::uint8_t, KindState::kWindow> place{};  // of each run; kNone: it is not in it
  constexpr std::uint8_t kNone = 0xFF;
  place.fill(kNone);
  for (std::size_t i = 0; i < n; ++i)
    place[sample.run[i]] = static_cast<std::uint8_t>(i);
  std::vector<std::uint8_t> order;  // oldest first
  order.reserve(n);
  std::copy_if(place.begin(), place.end(), std::back_inserter(order),
               [](std::uint8_t i) { return i != kNone; });
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
  if (const auto changed = shift_in(experts, sample, prior / 3)) {
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
