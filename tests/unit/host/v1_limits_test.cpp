#include "host/backends/v1_limits.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

using namespace jobward;
using namespace jobward::host;
using libcgroup::Values;

namespace {

Limits only(Resource resource, double value, const std::string& detail = {}) {
  Limits limits;
  limits.set(resource, {value, "--x", LimitOrigin::asked, detail});
  return limits;
}

Values values(std::string_view controller, const Limits& limits, bool counts_swap = true) {
  return v1_values(controller, limits, counts_swap, "0-1");
}

// Which of the v1 controllers that limits are for does this one need?
std::string needed(const Limits& limits) {
  std::string out;
  for (const auto* controller : {"memory", "pids", "cpu", "cpuacct", "cpuset", "blkio"})
    if (v1_needs(controller, limits)) out += std::string(out.empty() ? "" : " ") + controller;
  return out;
}

}  // namespace

TEST_CASE("v1_limits: A limit on memory is written in bytes") {
  CHECK(values("memory", only(Resource::memory, 1073741824.0)) ==
        Values{{"memory.limit_in_bytes", "1073741824"}});
  CHECK(values("memory", only(Resource::memory, 1099511627776000.0)) ==
        Values{{"memory.limit_in_bytes", "1099511627776000"}});
}

TEST_CASE("v1_limits: Swap is limited together with memory, after memory") {
  auto limits = only(Resource::memory, 1000000);
  limits.set(Resource::swap, {500000, "--swap"});
  CHECK(values("memory", limits) ==
        Values{{"memory.limit_in_bytes", "1000000"}, {"memory.memsw.limit_in_bytes", "1500000"}});
  limits.set(Resource::swap, {0, "--swap"});
  CHECK(values("memory", limits) ==
        Values{{"memory.limit_in_bytes", "1000000"}, {"memory.memsw.limit_in_bytes", "1000000"}});
}

TEST_CASE("v1_limits: A kernel that does not count swap is not asked to limit it") {
  auto limits = only(Resource::memory, 1000000);
  limits.set(Resource::swap, {500000, "--swap"});
  CHECK(values("memory", limits, false) == Values{{"memory.limit_in_bytes", "1000000"}});
}

TEST_CASE("v1_limits: CPUs are a quota in a period of 100 ms") {
  const auto quota = [](double cpus) { return values("cpu", only(Resource::cpus, cpus)); };
  CHECK(quota(2) == Values{{"cpu.cfs_period_us", "100000"}, {"cpu.cfs_quota_us", "200000"}});
  CHECK(quota(0.5).back().second == "50000");
  CHECK(quota(0.29).back().second == "29000");  // 0.29 * 100000 is a little less than that
}

TEST_CASE("v1_limits: A weight of 100 is 1024 shares, the default of either version") {
  const auto shares = [](double weight) {
    return values("cpu", only(Resource::cpu_weight, weight));
  };
  CHECK(shares(100) == Values{{"cpu.shares", "1024"}});
  CHECK(shares(50) == Values{{"cpu.shares", "512"}});
  CHECK(shares(10000) == Values{{"cpu.shares", "102400"}});
  CHECK(shares(1).front().second == "10");
  CHECK(shares(0.1).front().second == "2");  // the kernel takes no less
}

TEST_CASE("v1_limits: Processes are limited by their number") {
  CHECK(values("pids", only(Resource::processes, 32)) == Values{{"pids.max", "32"}});
}

TEST_CASE("v1_limits: A cpuset has its memory nodes before its CPUs") {
  CHECK(values("cpuset", only(Resource::cpuset, 3, "0-1,5")) ==
        Values{{"cpuset.mems", "0-1"}, {"cpuset.cpus", "0-1,5"}});
}

TEST_CASE("v1_limits: I/O rates name the device, each its own") {
  auto limits = only(Resource::io_read_rate, 100000000, "8:0");
  limits.set(Resource::io_write_rate, {50000000, "--io-write", LimitOrigin::asked, "8:16"});
  CHECK(values("blkio", limits) == Values{{"blkio.throttle.read_bps_device", "8:0 100000000"},
                                          {"blkio.throttle.write_bps_device", "8:16 50000000"}});
}

TEST_CASE("v1_limits: What was not asked for is not written") {
  Limits others;
  others.set(Resource::wall, {60, "--time"});
  others.set(Resource::open_files, {64, "--open-files"});
  for (const auto* controller : {"memory", "pids", "cpu", "cpuacct", "cpuset", "blkio", "devices"})
    CHECK(values(controller, others).empty());
}

TEST_CASE("v1_limits: Memory and pids are always wanted, the others for their limits only") {
  CHECK(needed({}) == "memory pids");
  CHECK(needed(only(Resource::cpus, 1)) == "memory pids cpu");
  CHECK(needed(only(Resource::cpu_weight, 100)) == "memory pids cpu");
  CHECK(needed(only(Resource::cpu_time, 5)) == "memory pids cpuacct");
  CHECK(needed(only(Resource::stall, 5)) == "memory pids cpuacct");
  CHECK(needed(only(Resource::cpuset, 1, "0")) == "memory pids cpuset");
  CHECK(needed(only(Resource::io_read_rate, 1e6, "8:0")) == "memory pids blkio");
  CHECK(needed(only(Resource::io_write_rate, 1e6, "8:0")) == "memory pids blkio");
  CHECK(needed(only(Resource::open_files, 9)) == "memory pids");
}
