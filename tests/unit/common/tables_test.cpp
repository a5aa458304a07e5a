// The tables of words: every name leads back to its entry, and the order is that of the enum.
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "common/job_types.h"
#include "common/resource.h"

using namespace jobward;

TEST_CASE("tables: Every resource stands at its place and is found by its name") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kResources.size(); ++i) {
    CHECK(static_cast<std::size_t>(kResources[i].resource) == i);
    CHECK(info(kResources[i].resource).name == kResources[i].name);
    CHECK(resource_from(kResources[i].name) == kResources[i].resource);
    names.insert(kResources[i].name);
  }
  CHECK(names.size() == kResources.size());
  CHECK(kResources.size() == static_cast<std::size_t>(Resource::io_write_rate) + 1);
  CHECK_FALSE(resource_from("Memory"));
  CHECK_FALSE(resource_from(""));
}

TEST_CASE("tables: Every metric stands at its place with a name that tells the unit") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    CHECK(static_cast<std::size_t>(kMetrics[i].metric) == i);
    names.insert(kMetrics[i].name);
    const std::string name(kMetrics[i].name);
    CHECK_THAT(name, Catch::EndsWith("_bytes") || Catch::EndsWith("_seconds") ||
                         Catch::Equals("processes_peak"));
  }
  CHECK(names.size() == kMetrics.size());
  CHECK(kMetrics.size() == static_cast<std::size_t>(Metric::pressure_io_some) + 1);
}

TEST_CASE("tables: Every outcome is found by its name") {
  CHECK(kOutcomeNames.size() == static_cast<std::size_t>(Outcome::cancelled) + 1);
  for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) {
    const auto outcome = outcome_from(kOutcomeNames[i]);
    REQUIRE(outcome);
    CHECK(static_cast<std::size_t>(*outcome) == i);
    CHECK(to_string(*outcome) == kOutcomeNames[i]);
  }
  CHECK(to_string(Outcome::ok) == "ok");
  CHECK(to_string(Outcome::memory_limit) == "memory_limit");
  CHECK(to_string(Outcome::watchdog_killed) == "watchdog_killed");
  CHECK(to_string(Outcome::cancelled) == "cancelled");
  CHECK_FALSE(outcome_from("oom"));
  CHECK_FALSE(outcome_from(""));
}

TEST_CASE("tables: Levels, enforcements and units have their names") {
  CHECK(to_string(Level::exact) == "exact");
  CHECK(to_string(Level::none) == "none");
  CHECK(kLevels.front() == Level::exact);
  CHECK(kLevels.back() == Level::everything);
  CHECK(to_string(Enforcement::kernel) == "kernel");
  CHECK(to_string(Enforcement::polled) == "polled");
  CHECK(to_string(Enforcement::none) == "none");
  CHECK(to_string(info(Resource::cpu_time).unit) == "seconds");
  CHECK(to_string(info(Resource::processes).unit) == "count");
  CHECK(to_string(info(Resource::memory).unit) == "bytes");
}

TEST_CASE("tables: A resource that was not set is absent, never 0") {
  ResourceMap<double> map;
  CHECK(map.empty());
  CHECK(map.find(Resource::memory) == nullptr);
  map.set(Resource::wall, 0);
  CHECK_FALSE(map.empty());
  REQUIRE(map.contains(Resource::wall));
  CHECK(*map.find(Resource::wall) == 0);
  CHECK_FALSE(map.contains(Resource::memory));
  map.erase(Resource::wall);
  CHECK(map.empty());
}

TEST_CASE("tables: A resource map is visited in the table's order, the last value of each") {
  ResourceMap<int> map;
  map.set(Resource::processes, 3);
  map.set(Resource::memory, 1);
  map.set(Resource::memory, 2);
  std::vector<std::pair<Resource, int>> seen;
  map.for_each([&](Resource resource, int value) { seen.emplace_back(resource, value); });
  CHECK(seen ==
        std::vector<std::pair<Resource, int>>{{Resource::memory, 2}, {Resource::processes, 3}});
}

TEST_CASE("tables: A measurement that was not made is absent") {
  Usage usage;
  CHECK_FALSE(usage.get(Metric::wall));
  usage.set(Metric::wall, 0);
  CHECK(usage.get(Metric::wall) == 0);
  CHECK_FALSE(usage.get(Metric::memory_need));
}
