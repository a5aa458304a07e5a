// What is kept of one kind of job: small, updated run by run, never re-fitted over the whole
// history.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "estimator/calibration.h"
#include "profiles/observation.h"

namespace jobward::estimator {

// What a run tells of its need of a resource.
enum class Told : std::uint8_t { nothing, measured, more_than, at_least };

// A number as a state keeps it: in a float's precision, and within its range, beyond which nothing
// is a size or a time. Whoever compares a number with kept ones rounds it first.
float kept(double value);

// The last runs of one kind, oldest first, as columns, and how many there ever were. Pure data; the
// same history gives the same bytes on every machine (little-endian, 32-bit floats: 7 digits are
// enough for a size).
class KindState {
 public:
  // Of these the nearest to a query are looked at (sample.h). docs/estimator.md has the figures for
  // less and more.
  static constexpr std::size_t kWindow = 256;
  // Where many features are declared, fewer runs are kept.
  static constexpr std::size_t kMaxBytes = 16384;
  static constexpr std::size_t kMaxFeatures = 64;
  // Names, all together: the rest is for the runs.
  static constexpr std::size_t kMaxNameBytes = 4096;

  struct FeatureColumn {
    std::string name;
    std::vector<float> values;  // one a run; NaN: the run lacks it
  };
  struct ResourceColumn {
    std::vector<Told> told;     // one a run, or empty: no run tells anything
    std::vector<float> values;  // in the resource's unit, >= 0
  };

  void learn(const profiles::Observation& observation);

  [[nodiscard]] std::size_t size() const { return size_; }  // runs that are kept
  [[nodiscard]] std::uint64_t total_runs() const { return total_; }
  [[nodiscard]] const std::vector<FeatureColumn>& features() const { return features_; }
  [[nodiscard]] const FeatureColumn* feature(std::string_view name) const;
  [[nodiscard]] const ResourceColumn& resource(Resource resource) const {
    return resources_[static_cast<std::size_t>(resource)];
  }
  [[nodiscard]] profiles::Observation observation(std::size_t run) const;

  // How far estimates were off: kept with the level that all jobs share.
  [[nodiscard]] const Calibration& calibration() const { return calibration_; }
  Calibration& calibration() { return calibration_; }

  [[nodiscard]] std::string encode() const;
  // An empty text is an empty state. Anything else that is not a state of this version is an error.
  static Result<KindState> decode(std::string_view bytes);

 private:
  // Which run goes where there is no room: the oldest; of those that were ended before their time,
  // if they are more than half. A job that fails for days does not push out what is known of it.
  [[nodiscard]] std::size_t dispensable() const;
  void forget(std::size_t run);
  void drop_unused_features();
  [[nodiscard]] std::size_t encoded_size() const;

  std::size_t size_ = 0;
  std::uint64_t total_ = 0;
  std::vector<FeatureColumn> features_;
  std::array<ResourceColumn, kResources.size()> resources_;
  Calibration calibration_;
};

static_assert(std::endian::native == std::endian::little, "columns are written as they lie");

}  // namespace jobward::estimator
