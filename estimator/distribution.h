// What a run may need, as a distribution; and the answers that are read off it. Pure.
#pragma once

#include <vector>

namespace jobward::estimator {

// Amounts with their probability, and with that probability times how long runs there last. They
// lie between `from` and `log_value`; where a size has to be chosen for them, it is the larger.
struct Mass {
  double from = 0;  // natural logarithms, of the resource's unit
  double log_value = 0;
  double weight = 0;
  double cost_weight = 0;
};

// Within a mass, −ln P(Y > y) is linear in ln y; beyond the largest it goes on as steep as it was:
// an exponential tail in ln y, a power law in y.
class Distribution {
 public:
  Distribution() = default;
  // REQUIRES: at least one, sorted by log_value, weights > 0.
  explicit Distribution(std::vector<Mass> masses);

  [[nodiscard]] bool empty() const { return masses_.empty(); }
  [[nodiscard]] const std::vector<Mass>& masses() const { return masses_; }

  // z = −ln P(Y > value); 0 for what is far below all.
  [[nodiscard]] double surprise(double value) const;
  [[nodiscard]] double at_surprise(double z) const;
  [[nodiscard]] double quantile(double p) const;

  // The attempts that cost least on average, if one that is too small fails after `failure_share`
  // of its time and is followed by the next: argmin of
  //     E[(a_k − y)·t + Σ_{j<k} failure_share·a_j·t],  a_k the first attempt that suffices,
  // by dynamic programming over the masses (Tovar et al., IEEE TPDS 29(2), 2018, for two attempts).
  // Each is at least kLeastGrowth times the one before.
  [[nodiscard]] std::vector<double> cheapest_attempts(double failure_share) const;

  // The same, if more than `known` is needed.
  [[nodiscard]] Distribution given_more_than(double known) const;

 private:
  [[nodiscard]] double tail_slope() const;

  std::vector<Mass> masses_;
  // −ln P(Y > y) as a polygon; two knots a mass but the last, which stands for the tail.
  struct Knot {
    double log_value = 0;
    double surprise = 0;
  };
  std::vector<Knot> knots_;
};

// An attempt with less than a tenth more is not worth its time.
inline constexpr double kLeastGrowth = 1.1;
// Distributions are kept to about so many masses: finer steps change no decision by a percent.
inline constexpr double kMasses = 80;

// Sums of weights that should be equal are compared with this much grace: rounding must not decide.
inline constexpr double kGrace = 1 - 1e-9;

// Weighted parts of one: Σ share·part, the shares made to add up to 1. Neighbours are drawn
// together upwards, to kMasses.
struct Part {
  std::vector<Mass> masses;  // sorted by log_value
  double share = 1;
};
Distribution mixture(const std::vector<Part>& parts);

}  // namespace jobward::estimator
