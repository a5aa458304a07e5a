#include "launcher/resolve_limits.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/fake_kernel.h"

using namespace jobward;
using jobward::launcher::resolve_limits;
using test::FakeKernel;

namespace {

void online(FakeKernel& kernel, const std::string& text) {
  kernel.directory().write("sys/devices/system/cpu/online", text);
}

// The file system that tests lie on is on a disk of this machine; returns its number.
std::string on_a_disk(FakeKernel& kernel) {
  struct stat info {};
  REQUIRE(::stat(kernel.path("").c_str(), &info) == 0);
  std::string device =
      std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev));
  kernel.directory().write("sys/dev/block/" + device + "/dev", device + "\n");
  return device;
}

// Where this process may run: a limit cannot reach further.
std::vector<std::string> own_cpus() {
  cpu_set_t set;
  REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
  std::vector<std::string> out;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) out.push_back(std::to_string(cpu));
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : ",") + word;
  return out;
}

Limits only(Resource resource, const std::string& detail, const std::string& source) {
  Limits limits;
  limits.set(resource, {7, source, LimitOrigin::asked, detail});
  return limits;
}

}  // namespace

TEST_CASE("resolve_limits: A cpuset of CPUs that are online and ours stays as it is") {
  FakeKernel kernel;
  online(kernel, "0-1023\n");
  const auto own = own_cpus();
  for (const auto& list : {own.front(), own.back(), joined(own)}) {
    CAPTURE(list);
    auto limits = only(Resource::cpuset, list, "--cpuset");
    CHECK(resolve_limits(kernel.roots(), kernel.path(""), limits));
    CHECK(limits.find(Resource::cpuset)->detail == list);
  }
}

TEST_CASE(
    "resolve_limits: A CPU that is not online is an error that names it, and those there are") {
  FakeKernel kernel;
  online(kernel, "0-3,8\n");
  for (const auto* list : {"0-4", "2,4", "4-8"}) {
    auto limits = only(Resource::cpuset, list, "preset training");
    const auto resolved = resolve_limits(kernel.roots(), kernel.path(""), limits);
    REQUIRE_FALSE(resolved);
    CHECK_THAT(resolved.error().message(),
               Catch::Contains("CPU 4 ") &&
                   Catch::Contains(std::string("preset training ") + list) &&
                   Catch::Contains("0-3,8"));
  }
}

TEST_CASE("resolve_limits: A CPU that is online but closed to this process is an error") {
  FakeKernel kernel;
  online(kernel, "0-1023\n");
  const auto own = own_cpus();
  if (own.size() == CPU_SETSIZE) {
    WARN("this process may run on all CPUs that there can be: none is closed to it");
    return;
  }
  int closed = 0;
  while (std::find(own.begin(), own.end(), std::to_string(closed)) != own.end())
    ++closed;
  auto limits = only(Resource::cpuset, std::to_string(closed), "--cpuset");
  const auto resolved = resolve_limits(kernel.roots(), kernel.path(""), limits);
  REQUIRE_FALSE(resolved);
  CHECK_THAT(resolved.error().message(), Catch::Contains("CPU " + std::to_string(closed)) &&
                                             Catch::Contains("--cpuset") &&
                                             Catch::Contains("encloses"));
}

TEST_CASE("resolve_limits: Where it cannot be known which CPUs are online no cpuset is taken") {
  FakeKernel kernel;
  auto limits = only(Resource::cpuset, "0", "--cpuset");
  CHECK_FALSE(resolve_limits(kernel.roots(), kernel.path(""), limits));
  online(kernel, "all\n");
  CHECK_FALSE(resolve_limits(kernel.roots(), kernel.path(""), limits));
}

TEST_CASE("resolve_limits: An I/O rate gets the device of its path and keeps all else") {
  FakeKernel kernel;
  const auto device = on_a_disk(kernel);
  for (const Resource resource : {Resource::io_read_rate, Resource::io_write_rate}) {
    auto limits = only(resource, kernel.directory().write("data/set", ""), "--io");
    REQUIRE(resolve_limits(kernel.roots(), "/no/such/directory", limits));
    const Limit* limit = limits.find(resource);
    REQUIRE(limit != nullptr);
    CHECK(limit->detail == device);
    CHECK(limit->value == 7);
    CHECK(limit->source == "--io");
    CHECK(limit->origin == LimitOrigin::asked);
  }
}

TEST_CASE("resolve_limits: An I/O rate without a path is about the working directory") {
  FakeKernel kernel;
  const auto device = on_a_disk(kernel);
  auto limits = only(Resource::io_read_rate, "", "--io-read");
  limits.set(Resource::io_write_rate, {9, "--io-write"});
  REQUIRE(resolve_limits(kernel.roots(), kernel.path(""), limits));
  CHECK(limits.find(Resource::io_read_rate)->detail == device);
  CHECK(limits.find(Resource::io_write_rate)->detail == device);
}

TEST_CASE("resolve_limits: A device that is not there is an error that names path and origin") {
  FakeKernel kernel;
  on_a_disk(kernel);
  for (const Resource resource : {Resource::io_read_rate, Resource::io_write_rate}) {
    auto limits = only(resource, "/dev/no-such-disk", "project configuration");
    const auto resolved = resolve_limits(kernel.roots(), kernel.path(""), limits);
    REQUIRE_FALSE(resolved);
    CHECK_THAT(resolved.error().message(),
               Catch::Contains("/dev/no-such-disk") && Catch::Contains("project configuration"));
  }
}

TEST_CASE("resolve_limits: Other limits need nothing of the machine") {
  FakeKernel kernel;  // without /sys
  auto limits = only(Resource::memory, "", "--mem");
  limits.set(Resource::cpus, {2, "--cpus"});
  CHECK(resolve_limits(kernel.roots(), "/no/such/directory", limits));
  CHECK(limits.find(Resource::memory)->value == 7);
  CHECK_FALSE(limits.contains(Resource::io_read_rate));
  CHECK_FALSE(limits.contains(Resource::cpuset));
}
