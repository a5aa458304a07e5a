#include "host/backends/v2_controllers.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_kernel.h"

using namespace jobward;
using namespace jobward::host;
using test::FakeKernel;
using Words = std::vector<std::string>;

namespace {

const Words kAll{"memory", "pids", "cpu", "cpuset", "io"};
constexpr auto kAllText = "cpuset cpu io memory hugetlb pids rdma misc\n";

Limits only(Resource resource, double value, const std::string& detail = {}) {
  Limits limits;
  limits.set(resource, {value, "--x", LimitOrigin::asked, detail});
  return limits;
}

V2Values values(const Limits& limits) { return v2_values(limits, false); }

// A cgroup of plain files: /cg is the root of the hierarchy, /cg/a is not.
class Group {
 public:
  explicit Group(const std::string& name, const std::string& available = kAllText,
                 const std::string& enabled = "\n", const std::string& processes = {}) {
    path_ = kernel_.path(name);
    kernel_.cgroup(name, {{"cgroup.controllers", available}, {"cgroup.subtree_control", enabled}});
    kernel_.directory().write(name + "/cgroup.procs", processes);
    if (name == "/cg") return;
    kernel_.cgroup("/cg",
                   {{"cgroup.controllers", kAllText}, {"cgroup.subtree_control", available}});
    kernel_.directory().write(name + "/cgroup.events", "populated 1\n");
  }
  [[nodiscard]] CgroupDir dir() const {
    auto dir = CgroupDir::open(path_);
    if (!dir) FAIL(dir.error().message());
    return std::move(*dir);
  }
  [[nodiscard]] std::string subtree_control() const {
    return dir().read("cgroup.subtree_control").value().value_or("absent");
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  FakeKernel& kernel() { return kernel_; }

 private:
  FakeKernel kernel_;
  std::string path_;
};

V2Controllers::Gap gap_of(const V2Controllers& controllers, std::string_view name) {
  for (const auto& gap : controllers.gaps)
    if (gap.controller == name) return gap;
  FAIL("no gap for " + std::string(name));
  return {};
}

LimitSupport support_of(const Support& support, Resource resource) {
  REQUIRE(support.contains(resource));
  return *support.find(resource);
}

}  // namespace

TEST_CASE("v2_controllers: Each limit is written to the file that holds it") {
  CHECK(values(only(Resource::memory, 1073741824.0)) == V2Values{{"memory.max", "1073741824"}});
  CHECK(values(only(Resource::swap, 0)) == V2Values{{"memory.swap.max", "0"}});
  CHECK(values(only(Resource::processes, 32)) == V2Values{{"pids.max", "32"}});
  CHECK(values(only(Resource::cpu_weight, 50)) == V2Values{{"cpu.weight", "50"}});
  CHECK(values(only(Resource::cpuset, 3, "0-1,5")) == V2Values{{"cpuset.cpus", "0-1,5"}});
}

TEST_CASE("v2_controllers: CPUs are a quota in a period of 100 ms") {
  const auto quota = [](double cpus) { return values(only(Resource::cpus, cpus)); };
  CHECK(quota(2) == V2Values{{"cpu.max", "200000 100000"}});
  CHECK(quota(0.5) == V2Values{{"cpu.max", "50000 100000"}});
  CHECK(quota(0.29) == V2Values{{"cpu.max", "29000 100000"}});  // 0.29 * 100000 is a little less
}

TEST_CASE("v2_controllers: Swap is limited by itself, not together with memory") {
  auto limits = only(Resource::memory, 1000000);
  limits.set(Resource::swap, {500000, "--swap"});
  CHECK(values(limits) == V2Values{{"memory.max", "1000000"}, {"memory.swap.max", "500000"}});
}

TEST_CASE("v2_controllers: At its limit the whole job is killed only when asked for") {
  const auto limits = only(Resource::memory, 1000000);
  CHECK(v2_values(limits, true) == V2Values{{"memory.max", "1000000"}, {"memory.oom.group", "1"}});
  CHECK(v2_values(limits, false) == V2Values{{"memory.max", "1000000"}});
}

TEST_CASE("v2_controllers: I/O rates of one device are one line, of two devices two") {
  CHECK(values(only(Resource::io_read_rate, 1e8, "8:0")) ==
        V2Values{{"io.max", "8:0 rbps=100000000"}});
  CHECK(values(only(Resource::io_write_rate, 1e8, "8:0")) ==
        V2Values{{"io.max", "8:0 wbps=100000000"}});
  auto limits = only(Resource::io_read_rate, 1e8, "8:0");
  limits.set(Resource::io_write_rate, {5e7, "--io-write", LimitOrigin::asked, "8:0"});
  CHECK(values(limits) == V2Values{{"io.max", "8:0 rbps=100000000 wbps=50000000"}});
  limits.set(Resource::io_write_rate, {5e7, "--io-write", LimitOrigin::asked, "8:16"});
  CHECK(values(limits) ==
        V2Values{{"io.max", "8:0 rbps=100000000"}, {"io.max", "8:16 wbps=50000000"}});
}

TEST_CASE("v2_controllers: What was not asked for is not written") {
  auto limits = only(Resource::wall, 60);
  limits.set(Resource::open_files, {64, "--open-files"});
  limits.set(Resource::cpu_time, {5, "--cpu-time"});
  CHECK(values(limits).empty());
}

TEST_CASE("v2_controllers: Memory and pids are always wanted, the others for their limits only") {
  const auto with = [](const char* third) { return Words{"memory", "pids", third}; };
  CHECK(v2_needs({}) == Words{"memory", "pids"});
  CHECK(v2_needs(only(Resource::cpu_time, 5)) == Words{"memory", "pids"});
  CHECK(v2_needs(only(Resource::cpus, 1)) == with("cpu"));
  CHECK(v2_needs(only(Resource::cpu_weight, 1)) == with("cpu"));
  CHECK(v2_needs(only(Resource::cpuset, 1, "0")) == with("cpuset"));
  CHECK(v2_needs(only(Resource::io_read_rate, 1, "8:0")) == with("io"));
  CHECK(v2_needs(only(Resource::io_write_rate, 1, "8:0")) == with("io"));
}

TEST_CASE("v2_controllers: Every file that is written belongs to a controller that is wanted") {
  Limits all;
  for (const Resource resource : kLimitable)
    all.set(resource, {1, "--x", LimitOrigin::asked, "8:0"});
  const auto needs = v2_needs(all);
  for (const auto& [file, text] : v2_values(all, true)) {
    CAPTURE(file);
    CHECK_THAT(needs, Catch::VectorContains(file.substr(0, file.find('.'))));
  }
}

TEST_CASE("v2_controllers: The root of the hierarchy gives all that it has, whoever is in it") {
  const Group root("/cg", kAllText, "\n", "1\n2\n");
  const auto found = probe_controllers(root.dir());
  CHECK_THAT(found.usable, Catch::UnorderedEquals(kAll));
  CHECK(found.gaps.empty());
  CHECK(found.has("io"));
  CHECK_FALSE(found.has("hugetlb"));
}

TEST_CASE("v2_controllers: A directory gives what it has while it is empty or only ours") {
  for (const auto& processes : {std::string(), std::to_string(::getpid()) + "\n"}) {
    const Group group("/cg/a", kAllText, "\n", processes);
    const auto found = probe_controllers(group.dir());
    CHECK_THAT(found.usable, Catch::UnorderedEquals(kAll));
    CHECK(found.gaps.empty());
  }
}

TEST_CASE("v2_controllers: A process of somebody else's keeps what is not enabled yet away") {
  const Group group("/cg/a", kAllText, "memory pids\n",
                    std::to_string(::getpid()) + "\n4711\n4712\n");
  const auto found = probe_controllers(group.dir());
  CHECK_THAT(found.usable, Catch::UnorderedEquals(Words{"memory", "pids"}));
  CHECK(found.gaps.size() == 3);
  const auto gap = gap_of(found, "cpu");
  CHECK_THAT(gap.why, Catch::Contains(group.path()) && Catch::Contains("pid 4711"));
  CHECK_THAT(gap.mend, Catch::Contains("mkdir " + group.path() + "/others") &&
                           Catch::Contains(group.path() + "/others/cgroup.procs"));
}

TEST_CASE("v2_controllers: A process that cannot be named from here is in the way as well") {
  const Group group("/cg/a", kAllText, "\n", "0\n");
  const auto found = probe_controllers(group.dir());
  CHECK(found.usable.empty());
  CHECK_THAT(gap_of(found, "memory").why, Catch::Contains("outside our pid namespace"));
}

TEST_CASE("v2_controllers: A controller that the parent keeps is mended in the parent") {
  const Group group("/cg/a", "memory pids\n");
  const auto found = probe_controllers(group.dir());
  CHECK_THAT(found.usable, Catch::UnorderedEquals(Words{"memory", "pids"}));
  const auto gap = gap_of(found, "io");
  CHECK_THAT(gap.why, Catch::Contains("io") && Catch::Contains(group.path()));
  const auto parent = group.path().substr(0, group.path().size() - 2);
  CHECK_THAT(gap.mend, Catch::StartsWith("echo +io > " + parent + "/cgroup.subtree_control"));
}

TEST_CASE("v2_controllers: The root of a cgroup namespace has no parent to mend it in") {
  FakeKernel kernel;  // the mount point itself, but with cgroup.events: a container's
  kernel.mount_v2("/cg", "memory pids");
  kernel.directory().write("cg/cgroup.events", "populated 1\n");
  const auto found = probe_controllers(CgroupDir::open(kernel.path("/cg")).value());
  CHECK_THAT(gap_of(found, "io").mend, !Catch::Contains(kernel.path("/cgroup.subtree_control")));
}

TEST_CASE("v2_controllers: A controller that the root does not have cannot be mended") {
  const Group root("/cg", "memory pids\n");
  const auto gap = gap_of(probe_controllers(root.dir()), "io");
  CHECK_FALSE(gap.why.empty());
  CHECK(gap.mend.empty());
}

TEST_CASE("v2_controllers: A name that begins like a controller is another one") {
  const Group group("/cg/a", "cpuset memory2 pids\n");
  const auto found = probe_controllers(group.dir());
  CHECK_THAT(found.usable, Catch::UnorderedEquals(Words{"cpuset", "pids"}));
}

TEST_CASE("v2_controllers: What cannot be read is no controller, and says so") {
  for (const auto* file : {"cgroup.controllers", "cgroup.subtree_control"}) {
    FakeKernel kernel;
    kernel.cgroup("/cg/a", {{"cgroup.events", "populated 0\n"}});
    kernel.directory().make_directory(std::string("cg/a/") + file);  // cannot be read as a file
    const auto dir = CgroupDir::open(kernel.path("/cg/a"));
    REQUIRE(dir);
    const auto found = probe_controllers(*dir);
    CHECK(found.usable.empty());
    for (const auto& controller : kAll)
      CHECK_THAT(gap_of(found, controller).why, Catch::Contains(file));
  }
}

TEST_CASE("v2_controllers: A user's manager has what systemd delegates, the rest is mended there") {
  const Group manager("/cg/a", "memory pids\n", "\n", "4711\n");
  const auto found = probe_user_manager(manager.dir());
  CHECK_THAT(found.usable, Catch::UnorderedEquals(Words{"memory", "pids"}));
  for (const auto* missing : {"cpu", "cpuset", "io"}) {
    const auto gap = gap_of(found, missing);
    CHECK_THAT(gap.why, Catch::Contains(missing) && Catch::Contains(manager.path()));
    CHECK_THAT(gap.mend, Catch::Contains("Delegate=") && Catch::Contains(missing) &&
                             Catch::Contains("daemon-reload"));
  }
}

TEST_CASE("v2_controllers: A manager that cannot be read delegates nothing") {
  FakeKernel kernel;
  kernel.directory().make_directory("cg/a");
  const auto found = probe_user_manager(CgroupDir::open(kernel.path("/cg/a")).value());
  CHECK(found.usable.empty());
  CHECK(found.gaps.size() == kAll.size());
}

TEST_CASE("v2_controllers: Those wanted, available and not yet enabled are enabled in one write") {
  const Group group("/cg/a", "memory pids io\n", "pids\n");
  REQUIRE(enable_controllers(group.dir(), {"memory", "pids", "cpu", "io"}));
  CHECK(group.subtree_control() == "+memory +io");
}

TEST_CASE("v2_controllers: With nothing to enable nothing is written") {
  for (const auto& wanted : {Words{}, Words{"memory"}, Words{"cpu"}}) {
    const Group group("/cg/a", "memory pids\n", "memory\n");
    CHECK(enable_controllers(group.dir(), wanted));
    CHECK(group.subtree_control() == "memory\n");
    CHECK(group.dir().children().empty());
  }
}

TEST_CASE("v2_controllers: What cannot be enabled is an error that names the file") {
  FakeKernel kernel;
  kernel.cgroup("/cg/a", {{"cgroup.controllers", "memory\n"}});  // and no cgroup.subtree_control
  const auto dir = CgroupDir::open(kernel.path("/cg/a"));
  REQUIRE(dir);
  const auto enabled = enable_controllers(*dir, {"memory"});
  REQUIRE_FALSE(enabled);
  CHECK_THAT(enabled.error().message(), Catch::Contains("cgroup.subtree_control"));
  CHECK(dir->children().empty());  // only for EBUSY do we step aside
}

TEST_CASE("v2_controllers: With all controllers the kernel holds every limit but the times") {
  const auto support = v2_support({kAll, {}}, true);
  for (const Resource resource : kLimitable) {
    CAPTURE(info(resource).name);
    const bool is_time =
        resource == Resource::wall || resource == Resource::cpu_time || resource == Resource::stall;
    CHECK(support_of(support, resource).how ==
          (is_time ? Enforcement::polled : Enforcement::kernel));
  }
}

TEST_CASE(
    "v2_controllers: Without controllers memory and processes are polled, the rest not held") {
  V2Controllers none;
  for (const auto& controller : kAll)
    none.gaps.push_back({controller, "no " + controller, "mend " + controller});
  const auto support = v2_support(none, true);
  const auto check = [&](Resource resource, Enforcement how, const std::string& controller) {
    CAPTURE(info(resource).name);
    const auto found = support_of(support, resource);
    CHECK(found.how == how);
    CHECK(found.why == "no " + controller);
    CHECK(found.mend == "mend " + controller);
  };
  check(Resource::memory, Enforcement::polled, "memory");
  check(Resource::processes, Enforcement::polled, "pids");
  check(Resource::swap, Enforcement::none, "memory");
  check(Resource::cpus, Enforcement::none, "cpu");
  check(Resource::cpu_weight, Enforcement::none, "cpu");
  check(Resource::cpuset, Enforcement::none, "cpuset");
  check(Resource::io_read_rate, Enforcement::none, "io");
  check(Resource::io_write_rate, Enforcement::none, "io");
}

TEST_CASE("v2_controllers: Swap that the kernel does not count is not held, memory still is") {
  const auto support = v2_support({kAll, {}}, false);
  CHECK(support_of(support, Resource::memory).how == Enforcement::kernel);
  const auto swap = support_of(support, Resource::swap);
  CHECK(swap.how == Enforcement::none);
  CHECK_THAT(swap.why, Catch::Contains("swap"));
}
