#include "host/observe/cgroup_tree.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fake_kernel.h"

using namespace jobward::host;
using jobward::test::FakeKernel;
using Names = std::vector<std::string>;

namespace {

constexpr auto kNoLimit = "9223372036854771712";  // PAGE_COUNTER_MAX with pages of 4 KiB

CgroupTree read(const FakeKernel& kernel) {
  auto tree = read_cgroup_tree(kernel.roots());
  if (!tree) FAIL(tree.error().message());
  return *tree;
}

std::optional<EnclosingLimit> tightest(const FakeKernel& kernel) {
  auto limit = tightest_memory_limit(read(kernel));
  if (!limit) FAIL(limit.error().message());
  return *limit;
}

// A v1 machine on which this process is in /a/b of the memory hierarchy.
void make_v1(FakeKernel& kernel) {
  kernel.membership("4:memory:/a/b\n3:name=systemd:/\n");
  kernel.mount_v1("/cg/systemd", "xattr,name=systemd");
  kernel.mount_v1("/cg/memory", "memory");
  kernel.cgroup_v1_memory("/cg/memory", kNoLimit, "5000", "0");
}

}  // namespace

TEST_CASE("cgroup_tree: A unified machine") {
  FakeKernel kernel;
  kernel.membership("0::/user/job\n");
  kernel.mount_v2("/cg", "cpu memory pids");
  kernel.cgroup("/cg/user/job");
  const auto tree = read(kernel);
  CHECK(tree.mode == CgroupMode::unified);
  REQUIRE(tree.hierarchies.size() == 1);
  REQUIRE(tree.v2() != nullptr);
  CHECK(tree.v2()->controllers == Names{"cpu", "memory", "pids"});
  CHECK(tree.v2()->own_path == "/user/job");
  CHECK(tree.v2()->own_directory() == kernel.path("/cg/user/job"));
  CHECK(tree.of("memory") == tree.v2());
  CHECK(tree.of("io") == nullptr);
}

TEST_CASE("cgroup_tree: A hybrid machine has controllers on v1 and a v2 tree without any") {
  FakeKernel kernel;
  kernel.membership("4:memory:/a\n2:cpu,cpuacct:/\n0::/\n");
  kernel.mount_v1("/cg/memory", "memory");
  kernel.mount_v1("/cg/cpu,cpuacct", "cpu,cpuacct");
  kernel.mount_v2("/cg/unified", "");
  kernel.cgroup("/cg/memory/a");
  const auto tree = read(kernel);
  CHECK(tree.mode == CgroupMode::hybrid);
  REQUIRE(tree.of("memory") != nullptr);
  CHECK_FALSE(tree.of("memory")->v2);
  CHECK(tree.of("memory")->own_directory() == kernel.path("/cg/memory/a"));
  REQUIRE(tree.v2() != nullptr);
  CHECK(tree.v2()->controllers.empty());
  CHECK(tree.v2()->own_path.empty());
  CHECK(tree.of("cpuacct") == tree.of("cpu"));
}

TEST_CASE("cgroup_tree: A v1 machine") {
  FakeKernel kernel;
  make_v1(kernel);
  kernel.cgroup("/cg/memory/a/b");
  const auto tree = read(kernel);
  CHECK(tree.mode == CgroupMode::v1);
  CHECK(tree.v2() == nullptr);
  CHECK(tree.hierarchies.size() == 2);
}

TEST_CASE("cgroup_tree: systemd's named hierarchy beside v2 does not make a machine hybrid") {
  FakeKernel kernel;
  kernel.membership("1:name=systemd:/\n0::/\n");
  kernel.mount_v1("/cg/systemd", "seclabel,xattr,name=systemd");
  kernel.mount_v2("/cg/unified", "memory");
  CHECK(read(kernel).mode == CgroupMode::unified);
}

TEST_CASE("cgroup_tree: A machine without cgroups is mode none") {
  FakeKernel kernel;
  CHECK(read(kernel).mode == CgroupMode::none);
  CHECK_FALSE(tightest(kernel));
  kernel.membership("4:memory:/\n0::/\n");  // not mounted
  CHECK(read(kernel).mode == CgroupMode::none);
}

TEST_CASE("cgroup_tree: A kernel without /proc/self/cgroup is mode none") {
  FakeKernel kernel;
  std::filesystem::remove(kernel.path("/proc/self/cgroup"));
  CHECK(read(kernel).mode == CgroupMode::none);
}

TEST_CASE("cgroup_tree: An unreadable or broken /proc is an error") {
  FakeKernel kernel;
  kernel.membership("junk\n");
  CHECK_FALSE(read_cgroup_tree(kernel.roots()));
  CHECK_FALSE(read_cgroup_tree({kernel.path("/nowhere"), kernel.path("")}));
}

TEST_CASE("cgroup_tree: A partial mount shows this process below its root") {
  FakeKernel kernel;
  kernel.membership("4:memory:/docker/ab/x\n");
  kernel.mount_v1("/cg/memory", "memory", "/docker/ab");
  kernel.cgroup("/cg/memory/x");
  const auto tree = read(kernel);
  REQUIRE(tree.hierarchies.size() == 1);
  CHECK(tree.hierarchies[0].own_path == "/x");
}

TEST_CASE("cgroup_tree: A partial mount of this very cgroup is its root") {
  FakeKernel kernel;
  kernel.membership("4:memory:/docker/ab\n");
  kernel.mount_v1("/cg/memory", "memory", "/docker/ab");
  const auto tree = read(kernel);
  REQUIRE(tree.hierarchies.size() == 1);
  CHECK(tree.hierarchies[0].own_path.empty());
}

TEST_CASE("cgroup_tree: A partial mount of another part is left out") {
  FakeKernel kernel;
  kernel.membership("4:memory:/docker/abc\n0::/../outside\n");
  kernel.mount_v1("/cg/memory", "memory", "/docker/ab");
  kernel.mount_v2("/cg/unified", "");
  kernel.cgroup("/cg/memory/c");
  kernel.cgroup("/cg/outside");
  CHECK(read(kernel).mode == CgroupMode::none);
}

TEST_CASE("cgroup_tree: A cgroup whose name begins with two dots is seen") {
  FakeKernel kernel;
  kernel.membership("0::/..data/job\n");
  kernel.mount_v2("/cg", "memory");
  kernel.cgroup("/cg/..data/job");
  CHECK(read(kernel).mode == CgroupMode::unified);
}

TEST_CASE("cgroup_tree: A hierarchy hidden under another mount is left out") {
  FakeKernel kernel;
  kernel.membership("4:memory:/a\n0::/\n");
  kernel.mount_v2("/cg/unified", "");
  // mountinfo lists it, but nothing of it can be reached.
  kernel.mount_line("/", "/cg/memory", "cgroup", "rw,memory");
  CHECK(read(kernel).mode == CgroupMode::unified);
}

TEST_CASE("cgroup_tree: A v1 hierarchy hidden under v2 at the same place is left out") {
  FakeKernel kernel;
  kernel.membership("4:memory:/\n0::/\n");
  kernel.mount_v1("/cg", "memory");
  kernel.mount_v2("/cg", "memory");
  const auto tree = read(kernel);
  CHECK(tree.mode == CgroupMode::unified);
  REQUIRE(tree.of("memory") != nullptr);
  CHECK(tree.of("memory")->v2);
}

TEST_CASE("cgroup_tree: A removed cgroup is left out") {
  FakeKernel kernel;
  kernel.membership("0::/gone (deleted)\n");
  kernel.mount_v2("/cg", "memory");
  CHECK(read(kernel).mode == CgroupMode::none);
}

TEST_CASE("cgroup_tree: A hierarchy mounted twice counts once, where it was mounted first") {
  FakeKernel kernel;
  kernel.membership("4:memory:/\n0::/\n");
  kernel.mount_v1("/first", "memory");
  kernel.mount_v1("/second", "memory");
  kernel.mount_v2("/third", "cpu");
  kernel.mount_v2("/fourth", "cpu");
  const auto tree = read(kernel);
  REQUIRE(tree.hierarchies.size() == 2);
  CHECK(tree.of("memory")->mount_point == kernel.path("/first"));
  CHECK(tree.v2()->mount_point == kernel.path("/third"));
}

TEST_CASE("cgroup_tree: Without any finite limit only the machine bounds us") {
  FakeKernel kernel;
  make_v1(kernel);
  kernel.cgroup_v1_memory("/cg/memory/a", kNoLimit, "900", "0");
  kernel.cgroup_v1_memory("/cg/memory/a/b", kNoLimit, "500", "0");
  CHECK_FALSE(tightest(kernel));
}

TEST_CASE("cgroup_tree: The limit with the least room wins, not the smallest") {
  FakeKernel kernel;
  make_v1(kernel);
  kernel.cgroup_v1_memory("/cg/memory/a", "1000000", "950000", "0");
  kernel.cgroup_v1_memory("/cg/memory/a/b", "400000", "100000", "0");
  const auto limit = tightest(kernel);
  REQUIRE(limit);
  CHECK(limit->directory == kernel.path("/cg/memory/a"));
  CHECK(limit->limit == 1000000);
  CHECK(limit->unreclaimable == 950000);
  CHECK(limit->room() == 50000);
}

TEST_CASE("cgroup_tree: Inactive file cache counts as room, with that of the cgroups below") {
  FakeKernel kernel;
  make_v1(kernel);
  kernel.cgroup_v1_memory("/cg/memory/a", "1000000", "950000", "900000");
  kernel.cgroup_v1_memory("/cg/memory/a/b", "400000", "100000", "0");
  const auto limit = tightest(kernel);
  REQUIRE(limit);
  CHECK(limit->directory == kernel.path("/cg/memory/a/b"));
  CHECK(limit->room() == 300000);
}

TEST_CASE(
    "cgroup_tree: Usage above the limit leaves no room, and cache above the usage is all of it") {
  CHECK(EnclosingLimit{"", 100, 150}.room() == 0);
  FakeKernel kernel;
  make_v1(kernel);
  kernel.cgroup("/cg/memory/a");
  kernel.cgroup_v1_memory("/cg/memory/a/b", "1000", "800", "900");
  const auto limit = tightest(kernel);
  REQUIRE(limit);
  CHECK(limit->unreclaimable == 0);
}

TEST_CASE("cgroup_tree: The mount's root counts too") {
  FakeKernel kernel;
  kernel.membership("4:memory:/docker/ab\n");
  kernel.mount_v1("/cg/memory", "memory", "/docker/ab");
  kernel.cgroup_v1_memory("/cg/memory", "70000", "20000", "0");
  const auto limit = tightest(kernel);
  REQUIRE(limit);
  CHECK(limit->room() == 50000);
}

TEST_CASE("cgroup_tree: On v2 max is no limit and the root has no file for it") {
  FakeKernel kernel;
  kernel.membership("0::/a/b\n");
  kernel.mount_v2("/cg", "memory");
  kernel.cgroup("/cg/a", {{"memory.max", "5000\n"},
                          {"memory.current", "3000\n"},
                          {"memory.stat", "anon 1\ninactive_file 1000\n"}});
  kernel.cgroup("/cg/a/b",
                {{"memory.max", "max\n"}, {"memory.current", "1\n"}, {"memory.stat", ""}});
  const auto limit = tightest(kernel);
  REQUIRE(limit);
  CHECK(limit->directory == kernel.path("/cg/a"));
  CHECK(limit->room() == 3000);
}

TEST_CASE("cgroup_tree: A limit that cannot be understood is an error, never no limit") {
  FakeKernel kernel;
  kernel.membership("0::/\n");
  kernel.mount_v2("/cg", "memory");
  kernel.cgroup("/cg", {{"memory.max", "lots\n"}});
  CHECK_FALSE(tightest_memory_limit(read(kernel)));
}

TEST_CASE("cgroup_tree: The limit of one directory") {
  FakeKernel kernel;
  kernel.cgroup_v1_memory("/v1", "4096", "0", "0");
  kernel.cgroup_v1_memory("/unlimited", kNoLimit, "0", "0");
  kernel.cgroup("/v2", {{"memory.max", "8192\n"}});
  kernel.cgroup("/max", {{"memory.max", "max\n"}});
  CHECK(own_memory_limit(kernel.path("/v1"), false).value() == 4096U);
  CHECK_FALSE(own_memory_limit(kernel.path("/unlimited"), false).value());
  CHECK(own_memory_limit(kernel.path("/v2"), true).value() == 8192U);
  CHECK_FALSE(own_memory_limit(kernel.path("/max"), true).value());
  CHECK_FALSE(own_memory_limit(kernel.path("/missing"), true));
}

TEST_CASE("cgroup_tree: Memory in use is told on v1 and v2, and absent where nothing counts it") {
  FakeKernel kernel;
  kernel.cgroup("/v1", {{"memory.usage_in_bytes", "11\n"}});
  kernel.cgroup("/v2", {{"memory.current", "22\n"}});
  kernel.cgroup("/none");
  CHECK(memory_in_use(kernel.path("/v1")) == 11U);
  CHECK(memory_in_use(kernel.path("/v2")) == 22U);
  CHECK_FALSE(memory_in_use(kernel.path("/none")));
  CHECK_FALSE(memory_in_use(kernel.path("/missing")));
}
