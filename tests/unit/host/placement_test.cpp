#include "host/backends/placement.h"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <string>

#include "common/fd.h"
#include "host/observe/job_attribute.h"
#include "tests/support/fake_kernel.h"

using namespace jobward::host;
using jobward::test::FakeKernel;

namespace {

constexpr auto kNoLimit = "9223372036854771712\n";

// A v1 memory hierarchy with this process in /a/b/c and no limit anywhere.
Hierarchy unlimited(FakeKernel& kernel) {
  for (const auto* directory : {"", "/a", "/a/b", "/a/b/c"})
    kernel.cgroup(std::string("/cg") + directory, {{"memory.limit_in_bytes", kNoLimit}});
  return {false, {"memory"}, kernel.path("/cg"), "/a/b/c"};
}

std::string placed(const Hierarchy& hierarchy) {
  const auto placement = place(hierarchy, 1000);
  if (!placement) FAIL(placement.error().message());
  CHECK_FALSE(placement->reason.empty());
  CHECK_FALSE(placement->nested);
  return placement->path;
}

bool mark_as_job(const std::string& directory) {
  const jobward::Fd held(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return write_job_attribute(held.get(), directory, {"abc", 1, "b", 0, {}, {}}).has_value();
}

}  // namespace

TEST_CASE("placement: Without limits jobs go below the root of the hierarchy") {
  FakeKernel kernel;
  CHECK(placed(unlimited(kernel)) == "/jobward-1000");
}

TEST_CASE("placement: From the root itself jobs go below it") {
  FakeKernel kernel;
  auto hierarchy = unlimited(kernel);
  hierarchy.own_path = "";
  CHECK(placed(hierarchy) == "/jobward-1000");
}

TEST_CASE("placement: A finite limit is not escaped") {
  FakeKernel kernel;
  const auto hierarchy = unlimited(kernel);
  kernel.cgroup("/cg/a/b", {{"memory.limit_in_bytes", "4096\n"}});
  CHECK(placed(hierarchy) == "/a/b/jobward-1000");
  kernel.cgroup("/cg/a/b/c", {{"memory.limit_in_bytes", "4096\n"}});
  CHECK(placed(hierarchy) == "/a/b/c/jobward-1000");
}

TEST_CASE("placement: A limit on v2 is not escaped either") {
  FakeKernel kernel;
  for (const auto* directory : {"", "/a", "/a/b"})
    kernel.cgroup(std::string("/cg") + directory);
  kernel.cgroup("/cg/a", {{"memory.max", "4096\n"}});
  kernel.cgroup("/cg/a/b", {{"memory.max", "max\n"}});
  CHECK(placed({true, {"memory"}, kernel.path("/cg"), "/a/b"}) == "/a/jobward-1000");
}

TEST_CASE("placement: A directory that may not be written is not passed") {
  FakeKernel kernel;
  const auto hierarchy = unlimited(kernel);
  std::filesystem::remove(kernel.path("/cg/a/cgroup.procs"));  // also root may not write that
  CHECK(placed(hierarchy) == "/a/b/jobward-1000");
}

TEST_CASE("placement: It is an error if the own cgroup cannot be written") {
  FakeKernel kernel;
  const auto hierarchy = unlimited(kernel);
  std::filesystem::remove(kernel.path("/cg/a/b/c/cgroup.procs"));
  CHECK_FALSE(place(hierarchy, 1000));
}

TEST_CASE("placement: A limit that cannot be understood is an error, not crossed") {
  FakeKernel kernel;
  const auto hierarchy = unlimited(kernel);
  kernel.cgroup("/cg/a/b", {{"memory.limit_in_bytes", "lots\n"}});
  CHECK_FALSE(place(hierarchy, 1000));
}

TEST_CASE("placement: Inside a managed job it is the nearest enclosing job's directory") {
  FakeKernel kernel;
  const auto hierarchy = unlimited(kernel);
  if (!mark_as_job(kernel.path("/cg/a"))) {
    WARN("no extended attributes in " + kernel.path("/cg"));
    return;
  }
  const auto outer = place(hierarchy, 1000);
  REQUIRE(outer);
  CHECK(outer->path == "/a");
  CHECK(outer->nested);
  REQUIRE(mark_as_job(kernel.path("/cg/a/b")));
  CHECK(place(hierarchy, 1000).value().path == "/a/b");
}
