#include "estimator/least_squares.h"

#include <algorithm>
#include <cmath>

namespace jobward::estimator {

LeastSquares LeastSquares::fit_raw(const Sample& sample, const std::vector<double>& y) {
  return fit(sample, y, false);
}

LeastSquares LeastSquares::fit_logs(const Sample& sample, const std::vector<double>& y) {
  return fit(sample, y, true);
}

LeastSquares LeastSquares::fit(const Sample& sample, const std::vector<double>& y, bool logs) {
  LeastSquares out;
  out.size_ = sample.predictors.size();
  out.weight_ = sample.weight;
  out.y_ = y;
  for (std::size_t i = 0; i < y.size(); ++i) {
    out.total_ += sample.weight[i];
    out.mean_ += sample.weight[i] * y[i];
  }
  out.mean_ /= out.total_;
  out.centre(sample, logs);
  out.solve(sample.weight);
  return out;
}

void LeastSquares::centre(const Sample& sample, bool logs) {
  rows_.assign(y_.size(), Vector{});
  for (std::size_t j = 0; j < size_; ++j) {
    const auto& predictor = sample.predictors[j];
    const auto& column = logs ? predictor.logs : predictor.values;
    double mean = 0;
    for (std::size_t i = 0; i < column.size(); ++i)
      mean += weight_[i] * column[i];
    mean /= total_;
    double squares = 0;
    for (std::size_t i = 0; i < column.size(); ++i)
      squares += weight_[i] * (column[i] - mean) * (column[i] - mean);
    const double spread = std::sqrt(squares / total_);
    const double scale = spread > 0 ? 1 / spread : 0;
    for (std::size_t i = 0; i < column.size(); ++i)
      rows_[i][j] = (column[i] - mean) * scale;
    query_[j] = ((logs ? predictor.query_log : predictor.query) - mean) * scale;
  }
}

// Gauss-Jordan on a matrix of at most 3 by 3, which the ridge makes positive definite.
void LeastSquares::solve(const std::vector<double>& weight) {
  std::array<Vector, kMostFeatures> gram{};
  Vector right{};
  for (std::size_t i = 0; i < y_.size(); ++i)
    for (std::size_t j = 0; j < size_; ++j) {
      right[j] += weight[i] * rows_[i][j] * (y_[i] - mean_);
      for (std::size_t k = 0; k < size_; ++k)
        gram[j][k] += weight[i] * rows_[i][j] * rows_[i][k];
    }
  for (std::size_t j = 0; j < size_; ++j) {
    gram[j][j] += kRidge * total_;
    inverse_[j][j] = 1;
  }
  for (std::size_t j = 0; j < size_; ++j) {
    const double pivot = 1 / gram[j][j];
    for (std::size_t k = 0; k < size_; ++k) {
      gram[j][k] *= pivot;
      inverse_[j][k] *= pivot;
    }
    for (std::size_t i = 0; i < size_; ++i) {
      if (i == j) continue;
      const double factor = gram[i][j];
      for (std::size_t k = 0; k < size_; ++k) {
        gram[i][k] -= factor * gram[j][k];
        inverse_[i][k] -= factor * inverse_[j][k];
      }
    }
  }
  for (std::size_t j = 0; j < size_; ++j)
    for (std::size_t k = 0; k < size_; ++k)
      beta_[j] += inverse_[j][k] * right[k];
}

double LeastSquares::at(std::size_t run) const {
  double out = mean_;
  for (std::size_t j = 0; j < size_; ++j)
    out += beta_[j] * rows_[run][j];
  return out;
}

double LeastSquares::at_query() const {
  double out = mean_;
  for (std::size_t j = 0; j < size_; ++j)
    out += beta_[j] * query_[j];
  return out;
}

double LeastSquares::without(std::size_t run) const {
  double leverage = 1 / total_;
  for (std::size_t j = 0; j < size_; ++j)
    for (std::size_t k = 0; k < size_; ++k)
      leverage += rows_[run][j] * inverse_[j][k] * rows_[run][k];
  leverage = std::min(leverage * weight_[run], kMostLeverage);
  return y_[run] - (y_[run] - at(run)) / (1 - leverage);
}

}  // namespace jobward::estimator
