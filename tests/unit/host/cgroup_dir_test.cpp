#include "host/observe/cgroup_dir.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/fake_kernel.h"

using jobward::host::CgroupDir;
using jobward::test::FakeKernel;
using jobward::test::TemporaryDirectory;

namespace {

CgroupDir open(const std::string& path) {
  auto dir = CgroupDir::open(path);
  if (!dir) FAIL(dir.error().message());
  return std::move(*dir);
}

}  // namespace

TEST_CASE("cgroup_dir: A file that the kernel does not have is absent, never 0") {
  const TemporaryDirectory tmp;
  const auto dir = open(tmp.path());
  CHECK_FALSE(dir.read("memory.peak").value());
  CHECK_FALSE(dir.counter("memory.peak").value());
  CHECK_FALSE(dir.keyed("memory.stat").value());
  CHECK_FALSE(dir.pressure("memory.pressure").value());
  CHECK_FALSE(dir.has("memory.peak"));
}

TEST_CASE("cgroup_dir: Files are read in their formats") {
  const TemporaryDirectory tmp;
  tmp.write("memory.peak", "77\n");
  tmp.write("memory.max", "max\n");
  tmp.write("memory.stat", "anon 5\nfile 6\n");
  tmp.write("cgroup.procs", "12\n13\n");
  const auto dir = open(tmp.path());
  CHECK(dir.counter("memory.peak").value() == 77U);
  CHECK_FALSE(dir.counter("memory.max").value());
  const auto keyed = dir.keyed("memory.stat").value();
  REQUIRE(keyed);
  CHECK(keyed->at("file") == 6);
  CHECK(dir.processes().value() == std::vector<int>{12, 13});
}

TEST_CASE("cgroup_dir: A broken file is an error that names it") {
  const TemporaryDirectory tmp;
  tmp.write("memory.peak", "many\n");
  const auto value = open(tmp.path()).counter("memory.peak");
  REQUIRE_FALSE(value);
  CHECK_THAT(value.error().message(), Catch::Contains(tmp.path("memory.peak")));
}

TEST_CASE("cgroup_dir: A directory that is no cgroup has no list of processes") {
  const TemporaryDirectory tmp;
  CHECK_FALSE(open(tmp.path()).processes());
  CHECK_FALSE(CgroupDir::open(tmp.path("missing")));
  CHECK_FALSE(CgroupDir::open(tmp.write("file", "")));
  CHECK_FALSE(CgroupDir().valid());
}

TEST_CASE("cgroup_dir: A held directory stays the same when its path names another") {
  const TemporaryDirectory tmp;
  tmp.write("a/memory.peak", "1\n");
  const auto held = open(tmp.path("a"));
  std::filesystem::rename(tmp.path("a"), tmp.path("b"));
  tmp.write("a/memory.peak", "2\n");
  CHECK(held.counter("memory.peak").value() == 1U);
}

TEST_CASE("cgroup_dir: A child is made only when asked for, and once") {
  const TemporaryDirectory tmp;
  const auto dir = open(tmp.path());
  CHECK_FALSE(dir.child("x", false));
  CHECK(dir.child("x", true));
  CHECK(dir.child("x", true));
  CHECK(dir.child("x", false));
  CHECK(dir.children() == std::vector<std::string>{"x"});
}

TEST_CASE("cgroup_dir: A symbolic link is no child") {
  const TemporaryDirectory tmp;
  const auto target = tmp.make_directory("target");
  std::filesystem::create_directory_symlink(target, tmp.path("link"));
  CHECK_FALSE(open(tmp.path()).child("link", false));
}

TEST_CASE("cgroup_dir: Processes below are those here and in all cgroups below") {
  FakeKernel kernel;
  kernel.cgroup("/c");
  kernel.cgroup("/c/a/b");
  kernel.cgroup("/c/a");
  kernel.directory().write("c/cgroup.procs", "1\n");
  kernel.directory().write("c/a/cgroup.procs", "2\n3\n");
  kernel.directory().write("c/a/b/cgroup.procs", "4\n");
  auto pids = open(kernel.path("/c")).processes_below().value();
  std::sort(pids.begin(), pids.end());
  CHECK(pids == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("cgroup_dir: Removing takes all that lies below, and one that is gone is fine") {
  const TemporaryDirectory tmp;
  tmp.make_directory("run/job/main");
  tmp.make_directory("run/job/jobward-0/nested/job/main");
  const auto dir = open(tmp.path());
  CHECK(dir.remove_child("run"));
  CHECK(dir.children().empty());
  CHECK(dir.remove_child("run"));
}

TEST_CASE("cgroup_dir: A directory that cannot be removed is an error") {
  const TemporaryDirectory tmp;
  tmp.write("run/job/held", "");
  CHECK_FALSE(open(tmp.path()).remove_child("run"));
}

TEST_CASE("cgroup_dir: Files are written through a descriptor that may only write") {
  const TemporaryDirectory tmp;
  tmp.write("cgroup.kill", "");
  const auto dir = open(tmp.path());
  CHECK(dir.write("cgroup.kill", "1"));
  CHECK(dir.read("cgroup.kill").value() == "1");
  CHECK_FALSE(dir.write("missing", "1"));
  const auto fd = dir.open_file("cgroup.kill", O_WRONLY);
  REQUIRE(fd);
  CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
}
