// What is compared with: simple rules that clusters use, on the same rows and at the same cost.
#pragma once

#include <array>
#include <optional>
#include <queue>
#include <string_view>
#include <vector>

#include "backtest/cost.h"
#include "backtest/tally.h"
#include "common/result.h"

namespace jobward::backtest {

// max_seen      the most that an earlier run of the kind needed
// max_times_1_1 the same with ten per cent more
// p95           the 95th percentile of what earlier runs of the kind needed (Witt et al.)
// request       what the user had asked for; only rows that tell it
// Each gives twice as much after each failure.
enum class Method { max_seen, max_times_1_1, p95, request };
inline constexpr std::array<std::string_view, 4> kMethodNames{"max_seen", "max_times_1_1", "p95",
                                                              "request"};

// What these rules know of one kind of job.
class SeenNeeds {
 public:
  void add(double bytes);
  // Absent before the first.
  [[nodiscard]] std::optional<double> largest() const { return largest_; }
  // Linear between order statistics. In O(1): the lower 95 % are kept apart from the rest.
  [[nodiscard]] std::optional<double> p95() const;

 private:
  std::optional<double> largest_;
  std::priority_queue<double> low_;
  std::priority_queue<double, std::vector<double>, std::greater<>> high_;
};

// max × k, k being the smallest for which as many of the same rows are covered as by the estimates
// (known only afterwards: no rule, but a fair measure of their slack).
struct Hindsight {
  double k = 0;
  Coverage first;
  std::optional<double> median_slack;
  std::optional<double> own_median_slack;  // of the estimates, on these rows
};

class Comparison {
 public:
  // A scored row, what the estimate came to on it, and what is known of its kind. Where a rule
  // knows nothing yet it gives `guess` bytes, as the estimate did.
  Status add(const Need& need, const Charge& own, std::optional<double> requested,
             const SeenNeeds& seen, double guess, std::size_t earlier_runs, double ttf);
  void merge(const Comparison& other);

  [[nodiscard]] Scores scores(Method method) const;
  // Of the estimates, on the rows that tell a request.
  [[nodiscard]] Scores own_where_requested() const { return own_where_requested_.scores(); }
  // Absent without a row of a kind that was seen before, or where no estimate sufficed.
  [[nodiscard]] std::optional<Hindsight> hindsight() const;

 private:
  std::array<Tally, kMethodNames.size()> tallies_;
  Tally own_where_requested_;
  std::vector<double> ratios_;      // needed / largest seen
  std::vector<double> own_slacks_;  // on the same rows, where the first allocation sufficed
};

}  // namespace jobward::backtest
