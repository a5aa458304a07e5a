// What is kept of one kind of job: small, updated run by run, never re-fitted over the whole
// history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "profiles/observation.h"

namespace jobward::estimator {

// The last kWindow observations of one kind, oldest first, and how many there ever were. Pure data;
// the same history gives the same bytes on every machine (little-endian, 32-bit floats: 7 digits
// are enough for a size).
class KindState {
 public:
  // A quantile of 0.99 needs more runs than anybody has; what is older than 64 runs says little
  // about today.
  static constexpr std::size_t kWindow = 64;

  void learn(const profiles::Observation& observation);

  [[nodiscard]] const std::vector<profiles::Observation>& observations() const {
    return observations_;
  }
  [[nodiscard]] std::uint64_t total_runs() const { return total_; }

  [[nodiscard]] std::string encode() const;
  // An empty text is an empty state. Anything else that is not a state of this version is an error.
  static Result<KindState> decode(std::string_view bytes);

 private:
  std::vector<profiles::Observation> observations_;
  std::uint64_t total_ = 0;
};

}  // namespace jobward::estimator
