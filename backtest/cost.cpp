#include "backtest/cost.h"

#include <cmath>
#include <string>

namespace jobward::backtest {
namespace {

constexpr double kByteSecondsPerGbh = 1e9 * 3600;

double next_attempt(double failed, std::size_t number, const std::vector<double>& attempts) {
  const bool planned = number < attempts.size() && attempts[number] > failed;
  return planned ? attempts[number] : failed * 2;
}

}  // namespace

Result<Charge> charge(double first, const std::vector<double>& attempts, const Need& need,
                      double ttf) {
  if (!std::isfinite(first) || first <= 0)
    return error("give", "memory", "the estimate is no size: " + std::to_string(first));
  Charge out;
  out.given = first;
  double given = first;
  double failed_bytes = 0;
  while (!(given >= need.bytes)) {
    failed_bytes += given;
    if (++out.failures > kMostFailures)
      return error("give", "memory",
                   "no end of attempts: the first had " + std::to_string(first) +
                       " bytes, the last " + std::to_string(given));
    given = next_attempt(given, static_cast<std::size_t>(out.failures), attempts);
  }
  const double hours = need.seconds / kByteSecondsPerGbh;
  out.wasted_gbh = (failed_bytes * ttf + given - need.bytes) * hours;
  out.used_gbh = need.bytes * hours;
  return out;
}

}  // namespace jobward::backtest
