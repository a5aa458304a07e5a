#include "estimator/errors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "estimator/order.h"
#include "estimator/portable_math.h"

namespace jobward::estimator {
namespace {

constexpr double kThirdOfNormal = 1.7320508075688772;  // √3: the outer nodes of Gauss-Hermite
constexpr double kGroups = 40;                         // of errors; see kMasses
constexpr double kSameError = 0.0005;                  // below it two errors are one

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
void spread_out(const std::vector<Mass>& masses, double bandwidth, Gatherer& to) {
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
  spread_out(coarse, bandwidth, second);
  second.flush();
  return out;
}

}  // namespace

double Errors::quantile(double p) const {
  double below = 0;
  for (const auto& error : sorted) {
    below += error.weight;
    if (below >= kGrace * p * total) return error.value;
  }
  return sorted.back().value;
}

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

void add_tail(std::vector<Mass>& masses, double from, double scale, double weight, double cost) {
  double low = from;
  for (const auto& step : kTail) {
    masses.push_back({low, from + step.at * scale, weight * step.share, cost * step.share});
    low = masses.back().log_value;
  }
}

double score_of(const Errors& errors) {
  return errors.loss +
         (1 - kUpper) * (kSameError + 0.5 * errors.deviation / std::sqrt(errors.effective));
}

Part part_of(const Expert& expert, const Errors& errors, double spread) {
  const double quartiles = (errors.quantile(0.75) - errors.quantile(0.25)) / 1.349;
  const double rate = portable_exp(-0.2 * portable_log(errors.effective));
  Part part;
  part.masses =
      density(errors, expert.prediction, 0.9 * std::min(errors.deviation, quartiles) * rate);
  const auto runs = static_cast<double>(errors.sorted.size());
  const auto tail = tail_of(errors, spread / runs);
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

}  // namespace jobward::estimator
