#include "estimator/reason.h"

#include <cmath>

namespace jobward::estimator {
namespace {

constexpr std::size_t kFew = 10;

std::string runs_of(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " run" : " runs");
}

std::string level_words(Level level) {
  switch (level) {
    case Level::exact:
      return "this very command";
    case Level::masked:
      return "this command with other arguments";
    case Level::program:
      return "this program";
    case Level::everything:
      return "all programs together: a guess";
    case Level::none:
      break;
  }
  return "nothing";
}

std::string joined_words(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return out;
}

std::string one_decimal(double value) {
  std::string digits = std::to_string(std::lround(value * 10));
  if (digits.size() == 1) digits.insert(0, "0");
  return digits.insert(digits.size() - 1, ".");
}

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

// How far runs were from what was said of them.
std::string spread_words(const Forecast& forecast) {
  if (forecast.runs < 3) return "";
  return "; they were within about " + percent(std::max(std::expm1(forecast.spread), 0.01)) +
         " of what was said of them";
}

std::string failure_words(const FailureShare& failure) {
  if (failure.curves == 0) return "";
  return "; a run that is too small fails after about " + percent(failure.share) +
         " of its time (" + std::to_string(failure.curves) + " memory curve" +
         (failure.curves == 1 ? ")" : "s)");
}

std::string memory_words(const Joined& memory) {
  std::string text;
  if (memory.above != nullptr && memory.own_share > 0)
    text += ", " + runs_of(memory.above->measured) + " of " + level_words(memory.above->level) +
            " (these count " + percent(1 - memory.own_share) + ")";
  if (!memory.forecast.features.empty())
    text += "; memory follows " + joined_words(memory.forecast.features);
  if (memory.forecast.changed)
    text += "; it changed: only the last " + std::to_string(*memory.forecast.changed) +
            " count in full";
  return text + spread_words(memory.forecast);
}

}  // namespace

std::string reason_for(const Grounds& grounds) {
  const auto& level = *grounds.level;
  std::string text = runs_of(level.measured) + " of " + level_words(level.level);
  if (grounds.memory != nullptr) text += memory_words(*grounds.memory);
  if (level.censored > 0)
    text += "; " + runs_of(level.censored) +
            " ended before their time (failed, signalled, or at a limit)";
  if (grounds.raised_by_censored) text += "; raised above what those had used";
  if (!grounds.beyond.empty())
    text += "; this one is " + one_decimal(grounds.beyond_times) + " times larger in " +
            grounds.beyond + " than any of them: it extrapolates, so the bound is wide";
  text += failure_words(grounds.failure);
  if (level.level != Level::everything && level.measured < kFew)
    text += "; few runs, so the margin is wide: each further run narrows it";
  return text;
}

}  // namespace jobward::estimator
