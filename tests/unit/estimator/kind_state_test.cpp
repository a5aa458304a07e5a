#include "estimator/kind_state.h"

#include <catch2/catch.hpp>
#include <string>

using jobward::Resource;
using jobward::estimator::KindState;
using jobward::profiles::Observation;

namespace {

Observation memory_run(double bytes, bool censored = false) {
  Observation run;
  run.used.set(Resource::memory, {bytes, censored});
  return run;
}

KindState two_runs() {
  KindState state;
  Observation run = memory_run(1048576);
  run.features = {{"size:--data", 4096}, {"num:--epochs", 0.5}};
  run.used.set(Resource::wall, {12.25, false});
  state.learn(run);
  Observation ended = memory_run(2097152, true);
  ended.features = {{"feature:rows", -3}};
  state.learn(ended);
  return state;
}

void check_same(const Observation& left, const Observation& right) {
  CHECK(left.features == right.features);
  for (const auto& entry : jobward::kResources) {
    const auto* a = left.used.find(entry.resource);
    const auto* b = right.used.find(entry.resource);
    REQUIRE((a == nullptr) == (b == nullptr));
    if (a == nullptr) continue;
    CHECK(a->value == b->value);
    CHECK(a->censored == b->censored);
  }
}

}  // namespace

TEST_CASE("kind_state: What was learned survives encoding, absent values stay absent") {
  const auto state = two_runs();
  const auto read = KindState::decode(state.encode());
  REQUIRE(read);
  CHECK(read->total_runs() == 2);
  REQUIRE(read->size() == 2);
  for (std::size_t i = 0; i < 2; ++i)
    check_same(read->observation(i), state.observation(i));
  CHECK(!read->observation(1).used.contains(Resource::wall));
  CHECK(read->encode() == state.encode());
}

TEST_CASE("kind_state: A size keeps seven digits") {
  KindState state;
  state.learn(memory_run(123456789012.0));
  const auto read = KindState::decode(state.encode());
  REQUIRE(read);
  CHECK(read->observation(0).used.find(Resource::memory)->value ==
        Approx(123456789012.0).epsilon(1e-7));
}

TEST_CASE("kind_state: The last 256 runs are kept, oldest first, and all are counted") {
  KindState state;
  for (int i = 0; i < 300; ++i)
    state.learn(memory_run(i));
  const auto read = KindState::decode(state.encode());
  REQUIRE(read);
  CHECK(read->total_runs() == 300);
  REQUIRE(read->size() == KindState::kWindow);
  CHECK(read->observation(0).used.find(Resource::memory)->value == 44);
  CHECK(read->observation(255).used.find(Resource::memory)->value == 299);
}

TEST_CASE("kind_state: An empty text is an empty state") {
  const auto read = KindState::decode("");
  REQUIRE(read);
  CHECK(read->total_runs() == 0);
  CHECK(read->size() == 0);
  const auto again = KindState::decode(KindState().encode());
  REQUIRE(again);
  CHECK(again->size() == 0);
}

TEST_CASE("kind_state: A state that lacks its end, or has more than one, is an error") {
  const auto bytes = two_runs().encode();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    INFO(size);
    CHECK(!KindState::decode(std::string_view(bytes).substr(0, size)));
  }
  CHECK(!KindState::decode(bytes + '\0'));
}

TEST_CASE("kind_state: A state of another version is an error that names it") {
  auto bytes = two_runs().encode();
  bytes[0] = static_cast<char>(bytes[0] + 1);
  const auto read = KindState::decode(bytes);
  REQUIRE(!read);
  CHECK_THAT(read.error().message(), Catch::Contains("version"));
}

TEST_CASE("kind_state: Any damaged byte gives an error or a state that can be written again") {
  const auto whole = two_runs().encode();
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (unsigned mask = 1; mask < 256; ++mask) {
      auto bytes = whole;
      bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ mask);
      const auto read = KindState::decode(bytes);
      if (read) REQUIRE(KindState::decode(read->encode()));
    }
}

TEST_CASE("kind_state: A number too large for the format costs itself, not the history") {
  auto state = two_runs();
  auto run = memory_run(1048576);
  // A job whose argument is a number of 40 digits.
  run.features = {{"num:--id", 1e40}};
  state.learn(run);
  const auto read = KindState::decode(state.encode());
  REQUIRE(read);
  CHECK(read->size() == 3);
}

TEST_CASE("kind_state: Names too long or too many are left out, the rest is kept") {
  KindState state;
  auto run = memory_run(5);
  run.features["size:" + std::string(300, 'x')] = 1;
  for (int i = 0; i < 300; ++i)
    run.features["feature:f" + std::to_string(i)] = i;
  state.learn(run);
  const auto read = KindState::decode(state.encode());
  REQUIRE(read);
  CHECK(read->observation(0).used.find(Resource::memory)->value == 5);
  const auto kept = read->observation(0);
  for (const auto& [name, value] : kept.features)
    CHECK(run.features.at(name) == value);
}

TEST_CASE("kind_state: The same history gives the same bytes") {
  CHECK(two_runs().encode() == two_runs().encode());
  // Version 2, the count of all runs in eight bytes, the least first.
  CHECK(two_runs().encode().substr(0, 9) == std::string("\x02\x02\0\0\0\0\0\0\0", 9));
}
