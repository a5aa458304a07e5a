#include "cli/limit_options.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;

namespace {

Limit read(std::string_view key, std::string_view text) {
  const auto limit = find_limit_option(key)->parse(text);
  INFO(key << " = " << text);
  REQUIRE(limit);
  return *limit;
}

std::string refusal(std::string_view key, std::string_view text) {
  const auto limit = find_limit_option(key)->parse(text);
  INFO(key << " = " << text);
  REQUIRE(!limit);
  return limit.error().message();
}

void check_refused(std::string_view key, const std::vector<std::string>& texts) {
  for (const auto& text : texts)
    CHECK(!refusal(key, text).empty());
}

}  // namespace

TEST_CASE("limit_options: Every limit has one key, one flag and one resource") {
  std::set<std::string_view> keys;
  std::set<std::string_view> flags;
  std::set<Resource> resources;
  for (const auto& option : limit_options()) {
    keys.insert(option.key);
    flags.insert(option.flag);
    resources.insert(option.resource);
    CHECK(find_limit_option(option.key) == &option);
    CHECK(find_limit_option(option.resource) == &option);
    INFO(option.key);
    CHECK(option.parse(option.example));
    CHECK(!option.help.empty());
  }
  CHECK(keys.size() == limit_options().size());
  CHECK(flags.size() == limit_options().size());
  CHECK(resources.size() == limit_options().size());
  CHECK(find_limit_option("memory") == nullptr);
  CHECK(find_limit_option(Resource::disk_growth) == nullptr);
}

TEST_CASE("limit_options: A limit that was read is asked for, and has no detail of its own") {
  const auto limit = read("mem", "8G");
  CHECK(limit.value == 8.0 * (1U << 30U));
  CHECK(limit.origin == LimitOrigin::asked);
  CHECK(limit.detail.empty());
}

TEST_CASE("limit_options: Nothing and junk are refused everywhere, and the text is named") {
  for (const auto& option : limit_options())
    for (const std::string text : {"", " ", "soon", "-1", "+1", "1 ", " 1", "nan", "inf", "1e400",
                                   "99999999999999999999999999", "1x", "0x10", "\xff\x1b"}) {
      INFO(option.key << " = " << text);
      CHECK(!option.parse(text));
    }
  CHECK_THAT(refusal("pids", "so\x1b"), Contains("so\\x1b"));
}

TEST_CASE("limit_options: A memory limit of 0 is an error, a swap limit of 0 is not") {
  CHECK_THAT(refusal("mem", "0"), Contains("without memory"));
  CHECK(read("swap", "0").value == 0);
  CHECK(read("swap", "1G").value == 1U << 30U);
}

TEST_CASE("limit_options: Durations are longer than nothing") {
  for (const auto* key : {"time", "cpu_time", "stall"}) {
    CHECK(read(key, "1h30m").value == 5400);
    CHECK(read(key, "250ms").value == 0.25);
    check_refused(key, {"0", "0s", "0h0m", "1s1h"});
    CHECK_THAT(refusal(key, "0s"), Contains("0s"));
  }
}

TEST_CASE("limit_options: CPUs are a decimal number from 0.01 on") {
  CHECK(read("cpus", "1.5").value == 1.5);
  CHECK(read("cpus", "0.01").value == 0.01);
  CHECK(read("cpus", "8192").value == 8192);
  check_refused("cpus", {"0", "0.009", "8193", "1e1", "1.5.1", ".", "1,5", "50%"});
}

TEST_CASE("limit_options: Whole numbers have bounds") {
  CHECK(read("cpu_weight", "1").value == 1);
  CHECK(read("cpu_weight", "10000").value == 10000);
  check_refused("cpu_weight", {"0", "10001", "1.5"});
  CHECK(read("pids", "1").value == 1);
  CHECK(read("pids", "4194304").value == 4194304);
  check_refused("pids", {"0", "4194305", "1.5", "1K"});
  CHECK(read("open_files", "1048576").value == 1048576);
  check_refused("open_files", {"0", "2147483585", "1K"});
  CHECK_THAT(refusal("pids", "0"), Contains("between 1 and 4194304"));
}

TEST_CASE("limit_options: A list of CPUs is put in order, and counted") {
  CHECK(read("cpuset", "0-3,8").detail == "0-3,8");
  CHECK(read("cpuset", "0-3,8").value == 5);
  CHECK(read("cpuset", "8,2,0-1,1-3").detail == "0-3,8");
  CHECK(read("cpuset", "8,2,0-1,1-3").value == 5);
  CHECK(read("cpuset", "4-4,5").detail == "4-5");
  CHECK(read("cpuset", "0-8191").value == 8192);
  CHECK(read("cpuset", "8191").detail == "8191");
}

TEST_CASE("limit_options: A list of CPUs without sense is refused") {
  check_refused("cpuset", {"3-1", "0-", "-3", "0--3", "0,,1", ",0", "0,", "0 - 3", "a-b", "0-8192",
                           "8192", "0-99999999999", "1.5", "0;1"});
  CHECK_THAT(refusal("cpuset", "0,3-1"), Contains("3-1") && Contains("downwards"));
  CHECK_THAT(refusal("cpuset", "9000"), Contains("9000") && Contains("8191"));
}

TEST_CASE("limit_options: A rate has a device, or that of the working directory") {
  for (const auto* key : {"io_read", "io_write"}) {
    for (const auto* text : {"100M/s", "100M"}) {
      CHECK(read(key, text).value == 100U << 20U);
      CHECK(read(key, text).detail.empty());
    }
    CHECK(read(key, "1MB@/data").value == 1e6);
    CHECK(read(key, "1M/s@/data/my dir@2").detail == "/data/my dir@2");
    check_refused(key, {"0", "0/s", "100M/m", "100M@", "@/data", "M", "100M/s/s", "100%"});
    check_refused(key, {std::string("1M@/a\0b", 7)});
  }
}
