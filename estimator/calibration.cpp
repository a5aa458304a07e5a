#include "estimator/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "estimator/portable_math.h"

namespace jobward::estimator {
namespace {

constexpr double kUnit = 1000;
constexpr double kLargest = 65535;

}  // namespace

std::size_t Calibration::pool_of(Resource resource, std::size_t runs) {
  if (resource == Resource::memory) {
    std::size_t group = 0;
    while (group + 1 < kGroups.size() && runs >= kGroups[group + 1])
      ++group;
    return group;
  }
  const auto other = static_cast<std::size_t>(resource) - 1;
  return kGroups.size() + 2 * std::min<std::size_t>(other, 4) + (runs >= 10 ? 1 : 0);
}

std::size_t Calibration::kept_of(std::size_t pool) {
  return pool < kGroups.size() ? kKeptOfMemory : kKept;
}

double Calibration::surprise_at(Resource resource, std::size_t runs, double confidence) const {
  const auto& pooled = pools_[pool_of(resource, runs)].surprises;
  const double nominal = -portable_log(1 - confidence);
  const auto count = static_cast<double>(pooled.size()) + 1;
  const double at =
      count * confidence + kCaution * std::sqrt(count * confidence * (1 - confidence));
  if (at >= count - 1) {
    const auto largest = pooled.empty() ? 0 : *std::max_element(pooled.begin(), pooled.end());
    return std::max(kPriorFactor * nominal, largest / kUnit);
  }
  std::vector<std::uint16_t> sorted = pooled;
  const auto below = static_cast<std::ptrdiff_t>(at) - 1;
  std::nth_element(sorted.begin(), sorted.begin() + below, sorted.end());
  const double lower = sorted[static_cast<std::size_t>(below)];
  const double upper = *std::min_element(sorted.begin() + below + 1, sorted.end());
  return (lower + (at - std::floor(at)) * (upper - lower)) / kUnit;
}

void Calibration::add(Resource resource, std::size_t runs, double surprise) {
  const auto pool = pool_of(resource, runs);
  auto& pooled = pools_[pool].surprises;
  if (pooled.size() >= kept_of(pool)) pooled.erase(pooled.begin());
  pooled.push_back(static_cast<std::uint16_t>(std::clamp(surprise * kUnit, 0.0, kLargest)));
}

std::size_t Calibration::encoded_size() const {
  std::size_t bytes = 0;
  for (const auto& pool : pools_)
    bytes += pool.surprises.size() * sizeof(std::uint16_t);
  return bytes == 0 ? 0 : bytes + kPools * sizeof(std::uint16_t);
}

// Layout: the pools, each a length and so many numbers (u16); nothing at all where all are empty.
void Calibration::encode(std::string& out) const {
  if (encoded_size() == 0) return;
  for (const auto& pool : pools_) {
    const auto size = static_cast<std::uint16_t>(pool.surprises.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out.append(reinterpret_cast<const char*>(pool.surprises.data()), size * sizeof size);
  }
}

bool Calibration::decode(std::string_view bytes) {
  if (bytes.empty()) return true;
  for (std::size_t i = 0; i < kPools; ++i) {
    std::uint16_t size = 0;
    if (bytes.size() < sizeof size) return false;
    std::memcpy(&size, bytes.data(), sizeof size);
    bytes.remove_prefix(sizeof size);
    if (size > kept_of(i) || bytes.size() < size * sizeof size) return false;
    pools_[i].surprises.resize(size);
    if (size > 0) std::memcpy(pools_[i].surprises.data(), bytes.data(), size * sizeof size);
    bytes.remove_prefix(size * sizeof size);
  }
  return bytes.empty() && encoded_size() > 0;
}

}  // namespace jobward::estimator
