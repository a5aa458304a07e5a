// Sorting numbers fast: what a forecast does most. Pure.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace jobward::estimator {

// The places of the numbers in ascending order; equal ones (to 13 digits) in the order in which
// they stand. REQUIRES: at most 256 numbers, none of them NaN.
inline std::vector<std::uint8_t> order_of(const std::vector<double>& numbers) {
  // A double's bits, once the negative ones are turned over, sort like integers; the lowest byte
  // makes room for the place.
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63U;
  constexpr std::uint64_t kPlace = 0xFF;
  std::vector<std::uint64_t> keys(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(numbers[i] + 0.0);
    const auto key = (bits & kSign) != 0 ? ~bits : bits | kSign;
    keys[i] = (key & ~kPlace) | i;
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint8_t> out(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i)
    out[i] = static_cast<std::uint8_t>(keys[i] & kPlace);
  return out;
}

}  // namespace jobward::estimator
