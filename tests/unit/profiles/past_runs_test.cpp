#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "profiles/run_codec.h"
#include "profiles/sqlite_run_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::profiles;

namespace {

struct Place {
  test::TemporaryDirectory directory;
  test::FixedClock clock;
  std::unique_ptr<RunStore> store =
      *open_sqlite_run_store(directory.path(), clock, [](const std::string&) {});

  void begin(const RunRequest& request) {
    REQUIRE(store->begin(request, {1000, 1001, std::nullopt, std::nullopt}));
  }
  void end(const std::string& id, UnixMillis at, bool taught = true) {
    auto ending = test::full_ending();
    if (!taught) ending.observation = {};
    REQUIRE(store->end(id, ending, {1000, 1001, 1005, at}, {}));
  }
  void run(const RunRequest& request, UnixMillis at) {
    begin(request);
    end(request.id, at);
  }
};

std::vector<PastRun> all_of(const PastRuns& next) {
  std::vector<PastRun> out;
  while (true) {
    auto run = next();
    REQUIRE(run);
    if (!*run) return out;
    out.push_back(**std::move(run));
  }
}

std::vector<PastRun> all_of(Place& place) {
  const auto next = place.store->past_runs();
  REQUIRE(next);
  return all_of(*next);
}

RunRequest limited(const std::string& id, const std::string& source) {
  auto request = test::plain_request(id);
  request.limits.set(Resource::memory, {4096, source, LimitOrigin::automatic, {}});
  return request;
}

}  // namespace

TEST_CASE("past runs: Ended ones in the order in which they ended, if they taught something") {
  Place place;
  for (const auto* id : {"aaaa000000", "bbbb000000", "cccc000000", "dddd000000", "eeee000000"})
    place.begin(test::plain_request(id));
  place.end("cccc000000", 2000);
  place.end("dddd000000", 1500, false);
  place.end("bbbb000000", 3000);
  place.end("aaaa000000", 2000);  // the same moment: in the order in which they began
  std::vector<std::string> ids;
  for (const auto& run : all_of(place))
    ids.push_back(run.id);
  CHECK(ids == std::vector<std::string>{"aaaa000000", "cccc000000", "bbbb000000"});
}

TEST_CASE("past runs: What a replay needs of a run") {
  Place place;
  place.run(test::full_request("aaaa000000"), 2000);
  const auto runs = all_of(place);
  REQUIRE(runs.size() == 1);
  const auto& run = runs.front();
  CHECK(run.job == "train.py");
  CHECK(run.command == std::vector<std::string>{"python3", "train.py", "--epochs", "3"});
  CHECK(run.fingerprint.exact == "e-aaaa000000");
  CHECK(run.fingerprint.masked == "masked-key");
  CHECK(run.fingerprint.program == "program-key");
  CHECK(run.submitted == 1000);
  CHECK(run.started == 1005);
  CHECK(run.finished == 2000);
  CHECK(run.requested_bytes == 256.0 * (1 << 20));
  CHECK(!run.history);
  CHECK(run.observation.features == Features{{"size:--data", 4096}});
  REQUIRE(run.observation.used.contains(Resource::memory));
  CHECK(run.observation.used.find(Resource::memory)->value == 256 << 20);
  CHECK(run.observation.used.find(Resource::memory)->censored);
  CHECK(!run.observation.used.find(Resource::wall)->censored);
}

TEST_CASE("past runs: A limit that Jobward chose was not requested") {
  Place place;
  int number = 0;
  const auto requested = [&](const std::string& source) {
    const std::string id = "aaaa00000" + std::to_string(number++);
    place.run(limited(id, source), 2000 + number);
    return all_of(place).back().requested_bytes;
  };
  CHECK(requested("--mem") == 4096.0);
  CHECK(requested("preset training (/etc/jobward/config.toml:3)") == 4096.0);
  CHECK(requested("/home/u/p/.jobward.toml:3") == 4096.0);
  CHECK(!requested("estimate"));
  CHECK(!requested("guess"));
  CHECK(!requested("retry"));
  CHECK(!requested("/etc/jobward/policy.toml:7"));
  place.run(test::plain_request("bbbb000000"), 9000);
  CHECK(!all_of(place).back().requested_bytes);
}

TEST_CASE("past runs: Runs that are pruned or begin meanwhile do no harm") {
  Place place;
  constexpr int kRuns = 600;  // more than are read ahead
  for (int i = 0; i < kRuns; ++i)
    place.run(test::plain_request("aaaa000" + std::to_string(1000 + i)), 2000 + i);
  const auto next = place.store->past_runs();
  REQUIRE(next);
  REQUIRE((*next)());
  place.run(test::plain_request("bbbb000000"), 9000);
  REQUIRE(place.store->prune(2590, 0, [](const std::string&) {}));
  const auto rest = all_of(*next);
  REQUIRE(rest.size() > 10);
  for (std::size_t i = 0; i < 10; ++i)
    CHECK(rest[rest.size() - 10 + i].id == "aaaa000" + std::to_string(1590 + i));
  CHECK(rest[0].id == "aaaa0001001");
  CHECK(rest.size() < kRuns - 100);
  const auto end = (*next)();
  REQUIRE(end);
  CHECK(!*end);
}

TEST_CASE("past runs: What a run taught is read as with its whole ending, or is an error") {
  const auto observation = decode_observation(
      R"({"features":{"num:-n":-3,"size:x":1.5e10},"used":{"memory":{"value":7,"censored":true,)"
      R"("ended_early":true},"wall":{"censored":false,"value":0.25},)"
      R"("of the future":{"value":1,"censored":false}}})");
  REQUIRE(observation);
  CHECK(observation->features == Features{{"num:-n", -3}, {"size:x", 1.5e10}});
  const auto* memory = observation->used.find(Resource::memory);
  REQUIRE(memory != nullptr);
  CHECK((memory->value == 7 && memory->censored && memory->ended_early));
  const auto* wall = observation->used.find(Resource::wall);
  REQUIRE(wall != nullptr);
  CHECK((wall->value == 0.25 && !wall->censored && !wall->ended_early));
  const auto shrunk =
      decode_observation(R"({"features":{},"used":{"disk_growth":{"value":-5,"censored":false}}})");
  REQUIRE(shrunk);
  CHECK(shrunk->used.find(Resource::disk_growth)->value == 0);
  for (const char* broken :
       {"", R"({"features":{}})",
        R"({"features":{},"used":{"memory":{"value":-1,"censored":false}}})", "{", "[]", "7",
        R"({"features":{"a":null},"used":{}})", R"({"features":{"a":"1"}})",
        R"({"used":{"memory":{"value":7}}})", R"({"used":{"memory":{"censored":true}}})",
        R"({"used":{"memory":7}})", R"({"used":{"memory":{"value":{"x":{}}}}})"}) {
    INFO(broken);
    CHECK(!decode_observation(broken));
  }
}

TEST_CASE("past runs: A store without any") {
  Place place;
  CHECK(all_of(place).empty());
}
