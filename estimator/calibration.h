// How far past estimates were off, over all kinds of jobs together: what makes "1 in 100" true also
// for a kind that has run three times.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/resource.h"

namespace jobward::estimator {

// The surprise of a measurement y under the distribution that was predicted for it is
// z = −ln P(Y > y). Were the predictions right, z would follow the standard exponential
// distribution, whatever the kind of job; so the surprises of all kinds are pooled, by how many
// runs the kind had (Vovk et al., Algorithmic Learning in a Random World, 2005: conformal
// prediction; Chernozhukov et al., PNAS 118(48), 2021: on the probability integral transform;
// grouped by size as a Mondrian taxonomy).
class Calibration {
 public:
  // The surprise that at most 1 − confidence of the pooled ones exceed: the
  // ((m+1)·confidence + kCaution·√((m+1)·confidence·(1−confidence)))-th of m in order, linear
  // between neighbours. Where m is too small for that: the largest, and at least kPriorFactor times
  // what the prediction itself would say.
  [[nodiscard]] double surprise_at(Resource resource, std::size_t runs, double confidence) const;

  void add(Resource resource, std::size_t runs, double surprise);

  [[nodiscard]] std::size_t encoded_size() const;
  void encode(std::string& out) const;
  // False if it is damaged.
  bool decode(std::string_view bytes);

  // Surprises kept of a resource and a group of kinds; those of memory decide limits.
  static constexpr std::size_t kKeptOfMemory = 400;
  static constexpr std::size_t kKept = 100;
  // A tenth of a standard error of the order statistic: coverage errs to the safe side.
  static constexpr double kCaution = 0.1;
  static constexpr double kPriorFactor = 2;

 private:
  struct Pool {
    std::vector<std::uint16_t> surprises;  // in thousandths, oldest first
  };
  // 1, 2, 3–5, 6–9, 10–29, 30–99, 100 and more earlier runs.
  static constexpr std::array<std::size_t, 7> kGroups{1, 2, 3, 6, 10, 30, 100};
  static constexpr std::size_t kPools = 7 + 5 * 2;  // of other resources: below 10 runs, and above

  static std::size_t pool_of(Resource resource, std::size_t runs);
  static std::size_t kept_of(std::size_t pool);

  std::array<Pool, kPools> pools_;
};

}  // namespace jobward::estimator
