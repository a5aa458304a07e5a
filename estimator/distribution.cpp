#include "estimator/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "estimator/portable_math.h"

namespace jobward::estimator {
namespace {

// A tail is never fatter than this (P falls by y^-2) nor, of a single mass, thinner.
constexpr double kFattestTail = 2;
constexpr double kSingleTail = 20;
// So many steps before the end tell how steep it is: those of the tail itself.
constexpr std::size_t kTailSteps = 3;

}  // namespace

Distribution::Distribution(std::vector<Mass> masses) : masses_(std::move(masses)) {
  double total = 0;
  for (const auto& mass : masses_)
    total += mass.weight;
  double below = 0;
  double surprise = 0;
  constexpr double kLeast = 1e-12;
  for (std::size_t i = 0; i + 1 < masses_.size(); ++i) {
    const double from =
        i == 0 ? masses_[i].from : std::max(masses_[i].from, masses_[i - 1].log_value);
    knots_.push_back({from, surprise});
    below += masses_[i].weight;
    surprise = -portable_log(std::max(1 - below / total, kLeast));
    knots_.push_back({masses_[i].log_value, surprise});
  }
  if (knots_.empty()) {
    knots_.push_back({masses_[0].from, 0});
    knots_.push_back({masses_[0].log_value, portable_log(2)});
  }
}

double Distribution::tail_slope() const {
  const auto& last = knots_.back();
  double slope = kSingleTail;
  if (knots_.size() > 2) {
    const auto steps = std::min(kTailSteps, knots_.size() / 2 - 1);
    const auto& from = knots_[knots_.size() - 1 - 2 * steps];
    const double step = last.log_value - from.log_value;
    if (step > 1e-12) slope = (last.surprise - from.surprise) / step;
  }
  return std::max(slope, kFattestTail);
}

double Distribution::surprise(double value) const {
  const double x = portable_log(value);
  if (x < knots_.front().log_value) return 0;
  const auto& last = knots_.back();
  if (x >= last.log_value) return last.surprise + tail_slope() * (x - last.log_value);
  const auto above =
      std::upper_bound(knots_.begin(), knots_.end(), x,
                       [](double wanted, const Knot& knot) { return wanted < knot.log_value; });
  const auto& high = *above;
  const auto& low = *(above - 1);
  const double share = (x - low.log_value) / (high.log_value - low.log_value);
  return low.surprise + share * (high.surprise - low.surprise);
}

double Distribution::at_surprise(double z) const {
  const auto& last = knots_.back();
  if (z >= last.surprise) return portable_exp(last.log_value + (z - last.surprise) / tail_slope());
  const auto above =
      std::upper_bound(knots_.begin(), knots_.end(), z,
                       [](double wanted, const Knot& knot) { return wanted < knot.surprise; });
  const auto& high = *above;
  const auto& low = *(above - 1);
  const double share = (z - low.surprise) / (high.surprise - low.surprise);
  return portable_exp(low.log_value + share * (high.log_value - low.log_value));
}

double Distribution::quantile(double p) const { return at_surprise(-portable_log(1 - p)); }

std::vector<double> Distribution::cheapest_attempts(double failure_share) const {
  const std::size_t n = masses_.size();
  std::vector<double> value(n);
  std::vector<double> weight(n + 1);  // of all below i
  std::vector<double> used(n + 1);    // weight times value, of all below i
  for (std::size_t i = 0; i < n; ++i) {
    value[i] = portable_exp(masses_[i].log_value);
    weight[i + 1] = weight[i] + masses_[i].cost_weight;
    used[i + 1] = used[i] + masses_[i].cost_weight * value[i];
  }
  // cost[i]: the least for all masses from i on, when those below are known not to be it.
  std::vector<double> cost(n + 1);
  std::vector<std::size_t> next(n + 1, n - 1);
  for (std::size_t i = n; i-- > 0;) {
    cost[i] = std::numeric_limits<double>::infinity();
    const double least = i > 0 ? value[i - 1] * kLeastGrowth : 0;
    for (std::size_t j = i; j < n; ++j) {
      if (value[j] < least && j + 1 < n) continue;
      const double here = value[j] * (weight[j + 1] - weight[i]) - (used[j + 1] - used[i]) +
                          failure_share * value[j] * (weight[n] - weight[j + 1]) + cost[j + 1];
      if (here < cost[i]) {
        cost[i] = here;
        next[i] = j;
      }
    }
  }
  std::vector<double> out;
  for (std::size_t i = 0; i < n; i = next[i] + 1) {
    const double attempt = value[next[i]];
    out.push_back(out.empty() ? attempt : std::max(attempt, out.back() * kLeastGrowth));
  }
  return out;
}

Distribution Distribution::given_more_than(double known) const {
  const double from = portable_log(known);
  std::vector<Mass> above;
  for (const auto& mass : masses_)
    if (mass.log_value > from) {
      above.push_back(mass);
      above.back().from = std::max(mass.from, from);
    }
  if (above.size() > 1) return Distribution(std::move(above));
  // Beyond all that was foreseen: the tail goes on from there.
  const double step = 1 / tail_slope();
  above.clear();
  double weight = 0.5;
  for (int i = 1; i <= 4; ++i, weight /= 2)
    above.push_back({from + step * (i - 1) * portable_log(2), from + step * i * portable_log(2),
                     weight, weight});
  return Distribution(std::move(above));
}

namespace {

// All masses in ascending order, with the weights that their parts' shares give them.
std::vector<Mass> merged(const std::vector<Part>& parts) {
  struct Cursor {
    const Mass* next;
    const Mass* end;
    double scale;
  };
  std::vector<Cursor> cursors;
  std::size_t count = 0;
  for (const auto& part : parts) {
    double total = 0;
    for (const auto& mass : part.masses)
      total += mass.weight;
    if (total <= 0) continue;
    cursors.push_back(
        {part.masses.data(), part.masses.data() + part.masses.size(), part.share / total});
    count += part.masses.size();
  }
  std::vector<Mass> out;
  out.reserve(count);
  while (!cursors.empty()) {
    auto least = cursors.begin();
    for (auto it = least + 1; it != cursors.end(); ++it)
      if (it->next->log_value < least->next->log_value) least = it;
    const auto& mass = *least->next;
    out.push_back(
        {mass.from, mass.log_value, mass.weight * least->scale, mass.cost_weight * least->scale});
    if (++least->next == least->end) cursors.erase(least);
  }
  return out;
}

}  // namespace

Distribution mixture(const std::vector<Part>& parts) {
  const auto all = merged(parts);
  double total = 0;
  double cost_total = 0;
  for (const auto& mass : all) {
    total += mass.weight;
    cost_total += mass.cost_weight;
  }
  const double gap = portable_log(kLeastGrowth);
  const auto is_full = [&](const Mass& mass) {
    return mass.weight >= kGrace * total / kMasses ||
           mass.cost_weight >= kGrace * cost_total / kMasses;
  };
  std::vector<Mass> out;
  for (const auto& mass : all) {
    // A mass of its own right is not drawn to what lies below it.
    const bool apart = out.empty() || is_full(out.back()) || is_full(mass) ||
                       mass.log_value > out.back().log_value + gap;
    const bool same = !out.empty() && mass.log_value <= out.back().log_value;
    if (apart && !same) {
      out.push_back(mass);
      continue;
    }
    out.back().log_value = mass.log_value;
    out.back().weight += mass.weight;
    out.back().cost_weight += mass.cost_weight;
  }
  return Distribution(std::move(out));
}

}  // namespace jobward::estimator
