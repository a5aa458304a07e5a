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
// Below the least mass surprise falls to 0 within a tenth.
constexpr double kLowerReach = 0.1;

}  // namespace

Distribution::Distribution(std::vector<Mass> masses) : masses_(std::move(masses)) {
  double total = 0;
  for (const auto& mass : masses_)
    total += mass.weight;
  double below = 0;
  constexpr double kLeast = 1e-12;
  for (std::size_t i = 0; i + 1 < masses_.size(); ++i) {
    below += masses_[i].weight;
    surprise_.push_back(-portable_log(std::max(1 - below / total, kLeast)));
  }
  if (surprise_.empty()) surprise_.push_back(portable_log(2));
}

double Distribution::tail_slope() const {
  const std::size_t last = surprise_.size() - 1;
  double slope = kSingleTail;
  if (last > 0) {
    const std::size_t from = last > kTailSteps ? last - kTailSteps : 0;
    const double step = masses_[last].log_value - masses_[from].log_value;
    if (step > 1e-12) slope = (surprise_[last] - surprise_[from]) / step;
  }
  return std::max(slope, kFattestTail);
}

double Distribution::surprise(double value) const {
  const double x = portable_log(value);
  const std::size_t last = surprise_.size() - 1;
  if (x <= masses_[0].log_value)
    return surprise_[0] * std::max(0.0, 1 - (masses_[0].log_value - x) / kLowerReach);
  if (x >= masses_[last].log_value)
    return surprise_[last] + tail_slope() * (x - masses_[last].log_value);
  const auto at = static_cast<std::size_t>(
      std::lower_bound(masses_.begin(), masses_.begin() + static_cast<std::ptrdiff_t>(last), x,
                       [](const Mass& mass, double wanted) { return mass.log_value < wanted; }) -
      masses_.begin());
  const double share =
      (x - masses_[at - 1].log_value) / (masses_[at].log_value - masses_[at - 1].log_value);
  return surprise_[at - 1] + share * (surprise_[at] - surprise_[at - 1]);
}

double Distribution::at_surprise(double z) const {
  const std::size_t last = surprise_.size() - 1;
  if (z <= surprise_[0]) return portable_exp(masses_[0].log_value);
  if (z >= surprise_[last])
    return portable_exp(masses_[last].log_value + (z - surprise_[last]) / tail_slope());
  const auto at = static_cast<std::size_t>(std::lower_bound(surprise_.begin(), surprise_.end(), z) -
                                           surprise_.begin());
  const double share = (z - surprise_[at - 1]) / (surprise_[at] - surprise_[at - 1]);
  return portable_exp(masses_[at - 1].log_value +
                      share * (masses_[at].log_value - masses_[at - 1].log_value));
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
    if (mass.log_value > from) above.push_back(mass);
  if (above.size() > 1) return Distribution(std::move(above));
  // Beyond all that was foreseen: the tail goes on from there.
  const double step = 1 / tail_slope();
  above.clear();
  double weight = 0.5;
  for (int i = 1; i <= 4; ++i, weight /= 2)
    above.push_back({from + step * i * portable_log(2), weight, weight});
  return Distribution(std::move(above));
}

Distribution mixture(const std::vector<Part>& parts) {
  std::vector<Mass> all;
  for (const auto& part : parts) {
    double total = 0;
    for (const auto& mass : part.masses)
      total += mass.weight;
    if (total <= 0) continue;
    const double scale = part.share / total;
    for (const auto& mass : part.masses)
      all.push_back({mass.log_value, mass.weight * scale, mass.cost_weight * scale});
  }
  std::sort(all.begin(), all.end(), [](const Mass& a, const Mass& b) {
    if (a.log_value != b.log_value) return a.log_value < b.log_value;
    return a.weight < b.weight;
  });
  double total = 0;
  double cost_total = 0;
  for (const auto& mass : all) {
    total += mass.weight;
    cost_total += mass.cost_weight;
  }
  const double gap = portable_log(kLeastGrowth);
  std::vector<Mass> out;
  Mass gathered;
  for (std::size_t i = 0; i < all.size(); ++i) {
    gathered.log_value = all[i].log_value;
    gathered.weight += all[i].weight;
    gathered.cost_weight += all[i].cost_weight;
    const bool last = i + 1 == all.size();
    const bool full =
        gathered.weight >= total / kMasses || gathered.cost_weight >= cost_total / kMasses;
    if (!last && !full && all[i + 1].log_value < all[i].log_value + gap) continue;
    if (!last && all[i + 1].log_value <= all[i].log_value) continue;
    out.push_back(gathered);
    gathered = {};
  }
  return Distribution(std::move(out));
}

}  // namespace jobward::estimator
