#include "launcher/retry.h"

#include <catch2/catch.hpp>

#include "estimator/distribution.h"
#include "estimator/estimator.h"

using namespace jobward;
using namespace jobward::launcher;

namespace {

constexpr double kMiB = 1 << 20;

std::vector<profiles::LearnedState> after(const std::vector<double>& needs) {
  std::vector<profiles::LearnedState> states;
  for (const auto level : kLevels)
    states.push_back({level, {}});
  for (const double need : needs) {
    profiles::Observation seen;
    seen.used.set(Resource::memory, {need, false, false});
    const auto blobs = estimator::learn(states, seen);
    for (std::size_t i = 0; i < states.size(); ++i)
      states[i].blob = blobs[i];
  }
  return states;
}

}  // namespace

TEST_CASE("retry: With nothing known the wager is a share of what is left") {
  const auto next = next_limit(Resource::memory, 64 * kMiB, 1064 * kMiB, after({}), {}, {}, {});
  CHECK(next.least == Approx(64 * kMiB * estimator::kLeastGrowth));
  CHECK(next.wanted == Approx(564 * kMiB));
}

TEST_CASE("retry: What runs of this kind needed decides where they needed more than the limit") {
  const auto next = next_limit(Resource::memory, 64 * kMiB, 10000 * kMiB,
                               after({200 * kMiB, 201 * kMiB, 199 * kMiB, 200 * kMiB}), {}, {}, {});
  CHECK(next.wanted > 200 * kMiB);
  CHECK(next.wanted < 500 * kMiB);
}

TEST_CASE("retry: It is never less than what is worth another attempt") {
  const auto next =
      next_limit(Resource::memory, 64 * kMiB, 64 * kMiB, after({kMiB, kMiB}), {}, {}, {});
  CHECK(next.wanted >= next.least);
}

TEST_CASE("retry: A lean one goes up in smaller steps where too small attempts fail early") {
  std::vector<double> needs;
  for (int i = 0; i < 40; ++i)
    needs.push_back(((i % 2 == 0 ? 1500 : 1000) + i) * kMiB);
  const auto states = after(needs);
  const auto wanted = [&](double share) {
    return next_limit(Resource::memory, 500 * kMiB, 100000 * kMiB, states, {}, {},
                      {Objective::lean, 0.99, {share, 8}, {}})
        .wanted;
  };
  CHECK(wanted(0.05) < 0.8 * wanted(1));
}
