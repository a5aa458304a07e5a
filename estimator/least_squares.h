// Weighted least squares in up to kMostFeatures predictors, with what leaving one run out changes.
// Pure.
#pragma once

#include <array>
#include <vector>

#include "estimator/sample.h"

namespace jobward::estimator {

// y ≈ b0 + Σ bj·xj. Columns are centred and scaled first, so that sizes of twelve decades do no
// harm; where they are dependent, a ridge of kRidge keeps the solution finite.
class LeastSquares {
 public:
  static constexpr double kRidge = 1e-9;
  // So much of its own value at most may a run have predicted.
  static constexpr double kMostLeverage = 0.95;

  static LeastSquares fit_raw(const Sample& sample, const std::vector<double>& y);
  static LeastSquares fit_logs(const Sample& sample, const std::vector<double>& y);

  [[nodiscard]] double at(std::size_t run) const;  // the fit at one of its runs
  [[nodiscard]] double at_query() const;
  // The fit at a run, made without it: y − e/(1 − h), h the run's leverage (Allen's PRESS,
  // Technometrics 16, 1974).
  [[nodiscard]] double without(std::size_t run) const;

 private:
  using Vector = std::array<double, kMostFeatures>;
  static LeastSquares fit(const Sample& sample, const std::vector<double>& y, bool logs);
  void centre(const Sample& sample, bool logs);
  void solve(const std::vector<double>& weight);

  std::size_t size_ = 0;  // predictors
  std::vector<Vector> rows_;
  Vector query_{};
  std::vector<double> weight_;
  std::vector<double> y_;
  double total_ = 0;
  double mean_ = 0;
  Vector beta_{};
  std::array<Vector, kMostFeatures> inverse_{};
};

}  // namespace jobward::estimator
