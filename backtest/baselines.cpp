#include "backtest/baselines.h"

#include <algorithm>

namespace jobward::backtest {
namespace {

constexpr double kPercentile = 0.95;
constexpr double kTenPercentMore = 1.1;

// The order statistics around the percentile of `count` values: the lower one's rank, from 0, and
// how far it lies above that.
struct Position {
  std::size_t rank = 0;
  double share = 0;
};
Position position_of(std::size_t count) {
  const double exact = static_cast<double>(count - 1) * kPercentile;
  const auto rank = static_cast<std::size_t>(exact);
  return {rank, exact - static_cast<double>(rank)};
}

}  // namespace

void SeenNeeds::add(double bytes) {
  largest_ = std::max(largest_.value_or(bytes), bytes);
  if (!low_.empty() && bytes < low_.top()) {
    low_.push(bytes);
    high_.push(low_.top());
    low_.pop();
  } else {
    high_.push(bytes);
  }
  // The lower part ends with the lower order statistic; its rank never falls.
  while (low_.size() <= position_of(low_.size() + high_.size()).rank) {
    low_.push(high_.top());
    high_.pop();
  }
}

std::optional<double> SeenNeeds::p95() const {
  if (low_.empty()) return std::nullopt;
  const double below = low_.top();
  if (high_.empty()) return below;
  return below + position_of(low_.size() + high_.size()).share * (high_.top() - below);
}

Status Comparison::add(const Need& need, const Charge& own, std::optional<double> requested,
                       const SeenNeeds& seen, double guess, std::size_t earlier_runs, double ttf) {
  const auto most = seen.largest();
  const auto try_with = [&](Method method, double first) -> Status {
    auto cost = charge(first, {}, need, ttf);
    if (!cost) return tl::unexpected(std::move(cost).error());
    tallies_.at(static_cast<std::size_t>(method)).add_memory(*cost, need, earlier_runs);
    return {};
  };
  JOBWARD_RETURN_IF_ERROR(try_with(Method::max_seen, most.value_or(guess)));
  JOBWARD_RETURN_IF_ERROR(try_with(Method::max_times_1_1, most ? *most * kTenPercentMore : guess));
  JOBWARD_RETURN_IF_ERROR(try_with(Method::p95, seen.p95().value_or(guess)));
  if (requested) {
    JOBWARD_RETURN_IF_ERROR(try_with(Method::request, *requested));
    own_where_requested_.add_memory(own, need, earlier_runs);
  }
  if (!most) return {};
  ratios_.push_back(need.bytes / *most);
  if (own.failures == 0) own_slacks_.push_back((own.given - need.bytes) / need.bytes);
  return {};
}

void Comparison::merge(const Comparison& other) {
  for (std::size_t i = 0; i < tallies_.size(); ++i)
    tallies_.at(i).merge(other.tallies_.at(i));
  own_where_requested_.merge(other.own_where_requested_);
  ratios_.insert(ratios_.end(), other.ratios_.begin(), other.ratios_.end());
  own_slacks_.insert(own_slacks_.end(), other.own_slacks_.begin(), other.own_slacks_.end());
}

Scores Comparison::scores(Method method) const {
  return tallies_.at(static_cast<std::size_t>(method)).scores();
}

std::optional<Hindsight> Comparison::hindsight() const {
  const std::size_t covered = own_slacks_.size();
  if (covered == 0) return std::nullopt;
  auto ratios = ratios_;
  std::sort(ratios.begin(), ratios.end());
  Hindsight out;
  out.k = ratios[covered - 1];
  std::vector<double> slacks;
  for (const double ratio : ratios)
    if (ratio <= out.k) slacks.push_back(out.k / ratio - 1);
  out.first = {ratios.size(), slacks.size()};
  out.median_slack = quantile(std::move(slacks), 0.5);
  out.own_median_slack = quantile(own_slacks_, 0.5);
  return out;
}

}  // namespace jobward::backtest
