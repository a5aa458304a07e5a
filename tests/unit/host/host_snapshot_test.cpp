#include "host/observe/host_snapshot.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "tests/support/fake_kernel.h"

using namespace jobward::host;
using jobward::test::FakeKernel;

namespace {

constexpr auto kMeminfo =
    "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapTotal: 10 kB\nSwapFree: 5 kB\n";

HostSnapshot snapshot(const FakeKernel& kernel) {
  auto tree = read_cgroup_tree(kernel.roots());
  if (!tree) FAIL(tree.error().message());
  auto taken = read_host_snapshot(kernel.roots(), *tree);
  if (!taken) FAIL(taken.error().message());
  return *taken;
}

void enclose(FakeKernel& kernel, const std::string& limit, const std::string& usage) {
  kernel.membership("4:memory:/a\n");
  kernel.mount_v1("/cg/memory", "memory");
  kernel.cgroup_v1_memory("/cg/memory/a", limit, usage, "0");
}

}  // namespace

TEST_CASE("host_snapshot: With nothing around us the machine bounds a job") {
  FakeKernel kernel;
  kernel.proc("meminfo", kMeminfo);
  const auto taken = snapshot(kernel);
  CHECK_FALSE(taken.enclosing);
  CHECK(taken.capacity() == 1000 * 1024);
  CHECK(taken.available() == 600 * 1024);
  CHECK(taken.memory.swap_free == 5 * 1024);
  CHECK(taken.cpus >= 1);
}

TEST_CASE("host_snapshot: A tighter enclosing limit bounds a job") {
  FakeKernel kernel;
  kernel.proc("meminfo", kMeminfo);
  enclose(kernel, "500000", "200000");
  const auto taken = snapshot(kernel);
  REQUIRE(taken.enclosing);
  CHECK(taken.capacity() == 500000);
  CHECK(taken.available() == 300000);
}

TEST_CASE("host_snapshot: A wider enclosing limit does not make the machine larger") {
  FakeKernel kernel;
  kernel.proc("meminfo", kMeminfo);
  enclose(kernel, "5000000", "0");
  const auto taken = snapshot(kernel);
  CHECK(taken.capacity() == 1000 * 1024);
  CHECK(taken.available() == 600 * 1024);
}

TEST_CASE("host_snapshot: Pressure is absent where the kernel has none") {
  FakeKernel kernel;
  kernel.proc("meminfo", kMeminfo);
  CHECK_FALSE(snapshot(kernel).memory_pressure);
  kernel.proc("pressure/memory", "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n");
  const auto pressure = snapshot(kernel).memory_pressure;
  REQUIRE(pressure);
  CHECK(pressure->some.avg60 == Approx(2));
}

TEST_CASE("host_snapshot: Without meminfo, or with a broken one, nothing is guessed") {
  FakeKernel kernel;
  CHECK_FALSE(read_host_snapshot(kernel.roots(), CgroupTree{}));
  kernel.proc("meminfo", "MemTotal: 1000 kB\n");
  CHECK_FALSE(read_host_snapshot(kernel.roots(), CgroupTree{}));
}

TEST_CASE("host_snapshot: An enclosing limit that cannot be understood is an error") {
  FakeKernel kernel;
  kernel.proc("meminfo", kMeminfo);
  enclose(kernel, "lots", "0");
  const auto tree = read_cgroup_tree(kernel.roots());
  REQUIRE(tree);
  CHECK_FALSE(read_host_snapshot(kernel.roots(), *tree));
}

TEST_CASE("host_snapshot: The machine is told by its boot and pid namespace") {
  FakeKernel kernel;
  kernel.proc("sys/kernel/random/boot_id", "0c7b-boot\n");
  kernel.proc("self/ns/other", "");
  std::filesystem::create_symlink("pid:[4026531836]", kernel.path("/proc/self/ns/pid"));
  const auto identity = read_machine_identity(kernel.roots());
  CHECK(identity.boot_id == "0c7b-boot");
  CHECK(identity.pid_namespace == "pid:[4026531836]");
  CHECK_FALSE(identity.machine_id.empty());
}

TEST_CASE("host_snapshot: What the system does not tell of itself is absent") {
  const FakeKernel kernel;
  const auto identity = read_machine_identity(kernel.roots());
  CHECK(identity.boot_id.empty());
  CHECK(identity.pid_namespace.empty());
}
