#include "estimator/distribution.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/random.h"

using namespace jobward::estimator;
using jobward::test::Random;

namespace {

Distribution random_distribution(Random& random, int masses) {
  std::vector<Mass> out;
  double at = random.between(0, 20);
  for (int i = 0; i < masses; ++i) {
    const double from = at + random.between(0, 0.3);
    at = from + random.between(0.01, 0.5);
    const double weight = random.between(0.05, 1);
    out.push_back({from, at, weight, weight * random.between(0.3, 3)});
  }
  return Distribution(out);
}

// What attempts cost on average, beyond what is used: the sum in the header, term by term.
double cost_of(const Distribution& distribution, const std::vector<double>& attempts,
               double failure_share) {
  double out = 0;
  for (const auto& mass : distribution.masses()) {
    const double need = std::exp(mass.log_value);
    double cost = 0;
    for (const double attempt : attempts) {
      if (attempt >= need * (1 - 1e-12)) {
        cost += attempt - need;
        break;
      }
      cost += failure_share * attempt;
    }
    out += cost * mass.cost_weight;
  }
  return out;
}

// Over all ladders that end with the largest mass, whose steps grow enough.
double cheapest_by_trying(const Distribution& distribution, double failure_share) {
  std::vector<double> values;
  for (const auto& mass : distribution.masses())
    values.push_back(std::exp(mass.log_value));
  double best = std::numeric_limits<double>::infinity();
  const std::size_t below = values.size() - 1;
  for (unsigned chosen = 0; chosen < (1U << below); ++chosen) {
    std::vector<double> attempts;
    bool grows = true;
    for (std::size_t i = 0; i <= below; ++i) {
      if (i < below && ((chosen >> i) & 1U) == 0) continue;
      grows = grows && (attempts.empty() || values[i] >= attempts.back() * kLeastGrowth);
      attempts.push_back(values[i]);
    }
    if (grows) best = std::min(best, cost_of(distribution, attempts, failure_share));
  }
  return best;
}

double all_weight(const Distribution& distribution) {
  double out = 0;
  for (const auto& mass : distribution.masses())
    out += mass.weight;
  return out;
}

}  // namespace

TEST_CASE("distribution: Quantile and surprise undo each other") {
  Random random(7);
  for (int trial = 0; trial < 200; ++trial) {
    const auto distribution = random_distribution(random, 1 + trial % 9);
    for (double p = 0.001; p < 0.9999; p += 0.013) {
      const double y = distribution.quantile(p);
      INFO(trial << ", p = " << p);
      REQUIRE(1 - std::exp(-distribution.surprise(y)) == Approx(p).margin(1e-9));
    }
    for (const double z : {10.0, 30.0, 65.0})
      REQUIRE(distribution.surprise(distribution.at_surprise(z)) == Approx(z).epsilon(1e-9));
  }
}

TEST_CASE("distribution: Quantiles never fall, nor does the surprise") {
  Random random(8);
  for (int trial = 0; trial < 100; ++trial) {
    const auto distribution = random_distribution(random, 1 + trial % 12);
    double last = 0;
    for (double z = 0; z < 40; z += 0.1) {
      REQUIRE(distribution.at_surprise(z) >= last);
      last = distribution.at_surprise(z);
    }
    last = 0;
    for (double y = 0.5; y < 1e13; y *= 1.1) {
      REQUIRE(distribution.surprise(y) >= last);
      last = distribution.surprise(y);
    }
  }
}

TEST_CASE("distribution: Within a mass the probability is spread, between masses there is none") {
  const Distribution distribution({{std::log(100), std::log(110), 1, 1},
                                   {std::log(200), std::log(220), 2, 2},
                                   {std::log(400), std::log(440), 1, 1}});
  CHECK(distribution.quantile(0.1) > 100);
  CHECK(distribution.quantile(0.24) < 110);
  CHECK(distribution.quantile(0.26) > 200);
  CHECK(distribution.quantile(0.74) < 220);
  CHECK(distribution.surprise(50) == 0);
  CHECK(distribution.surprise(150) == Approx(-std::log(0.75)));
}

TEST_CASE("distribution: Beyond the largest mass something is always left") {
  Random random(9);
  for (int trial = 0; trial < 50; ++trial) {
    const auto distribution = random_distribution(random, 1 + trial % 5);
    const double largest = std::exp(distribution.masses().back().log_value);
    CHECK(distribution.at_surprise(40) > largest);
    CHECK(std::isfinite(distribution.at_surprise(1e6)));
  }
}

TEST_CASE("distribution: The cheapest attempts are those that trying all of them finds") {
  Random random(10);
  for (int trial = 0; trial < 300; ++trial) {
    const auto distribution = random_distribution(random, 1 + trial % 8);
    const double failure_share = trial % 3 == 0 ? 1 : random.uniform();
    const auto attempts = distribution.cheapest_attempts(failure_share);
    INFO(trial << ", failure share " << failure_share);
    REQUIRE(cost_of(distribution, attempts, failure_share) <=
            cheapest_by_trying(distribution, failure_share) * (1 + 1e-9) + 1e-12 * attempts.back());
  }
}

TEST_CASE("distribution: Attempts grow by a tenth at least, and the last one suffices") {
  Random random(11);
  for (int trial = 0; trial < 300; ++trial) {
    const auto distribution = random_distribution(random, 1 + trial % 20);
    const auto attempts = distribution.cheapest_attempts(random.uniform());
    REQUIRE(!attempts.empty());
    for (std::size_t i = 1; i < attempts.size(); ++i)
      REQUIRE(attempts[i] >= attempts[i - 1] * kLeastGrowth * (1 - 1e-12));
    REQUIRE(attempts.back() >= std::exp(distribution.masses().back().log_value) * (1 - 1e-12));
  }
}

TEST_CASE("distribution: A rare large need is left to a second attempt, a common one is not") {
  const auto first_of = [](double rare) {
    const Distribution distribution({{std::log(100), std::log(101), 1 - rare, 1 - rare},
                                     {std::log(300), std::log(303), rare, rare}});
    return distribution.cheapest_attempts(1).front();
  };
  CHECK(first_of(0.2) == Approx(101));
  CHECK(first_of(0.8) == Approx(303));
}

TEST_CASE("distribution: Where failures are cheap the first attempt is smaller") {
  Random random(12);
  for (int trial = 0; trial < 100; ++trial) {
    const auto distribution = random_distribution(random, 8);
    REQUIRE(distribution.cheapest_attempts(0.1).front() <=
            distribution.cheapest_attempts(1).front() * (1 + 1e-12));
  }
}

TEST_CASE("distribution: Known to need more, what lies below is out and the rest keeps its shape") {
  const Distribution distribution({{std::log(100), std::log(110), 5, 5},
                                   {std::log(200), std::log(220), 2, 2},
                                   {std::log(400), std::log(440), 1.9, 1.9},
                                   {std::log(440), std::log(450), 0.1, 0.1}});
  const auto above = distribution.given_more_than(150);
  REQUIRE(above.masses().size() == 3);
  CHECK(all_weight(above) == Approx(4));
  CHECK(above.quantile(0.01) > 200);
  CHECK(above.quantile(0.49) < 220);
  CHECK(above.quantile(0.51) > 400);
}

TEST_CASE("distribution: Known to need more than was foreseen, it goes on from there") {
  Random random(13);
  for (int trial = 0; trial < 200; ++trial) {
    const auto distribution = random_distribution(random, 1 + trial % 9);
    for (const double z : {0.1, 1.0, 3.0, 20.0}) {
      const double known = distribution.at_surprise(z);
      const auto above = distribution.given_more_than(known);
      REQUIRE(!above.empty());
      REQUIRE(above.quantile(0.99) > known);
      REQUIRE(above.quantile(0.01) >= known * (1 - 1e-9));
      for (const double attempt : above.cheapest_attempts(1))
        REQUIRE(attempt > known);
    }
  }
}

TEST_CASE("distribution: A mixture holds each part by its share") {
  const std::vector<Mass> low{{std::log(100), std::log(110), 7, 7}};
  const std::vector<Mass> high{{std::log(500), std::log(510), 9, 9},
                               {std::log(510), std::log(520), 1, 1}};
  const auto mixed = mixture({{low, 3}, {high, 1}});
  CHECK(mixed.quantile(0.74) < 111);
  CHECK(mixed.quantile(0.76) >= 500);
}

TEST_CASE("distribution: A mixture of many is kept small, and no quantile moves far down") {
  Random random(14);
  std::vector<Part> parts;
  std::vector<double> values;
  for (int p = 0; p < 5; ++p) {
    Part part;
    for (int i = 0; i < 400; ++i) {
      const double at = 10 + 0.3 * random.normal();
      part.masses.push_back({at - 0.001, at, 1, 1});
      values.push_back(at);
    }
    std::sort(part.masses.begin(), part.masses.end(),
              [](const Mass& a, const Mass& b) { return a.log_value < b.log_value; });
    parts.push_back(part);
  }
  std::sort(values.begin(), values.end());
  const auto mixed = mixture(parts);
  CHECK(static_cast<double>(mixed.masses().size()) <= 2 * kMasses);
  for (const double p : {0.05, 0.25, 0.5, 0.75, 0.95}) {
    const double exact = values[static_cast<std::size_t>(p * 2000)];
    CHECK(std::log(mixed.quantile(p)) == Approx(exact).margin(0.03));
  }
}
