#include "host/observe/cgroup_file.h"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <string>

#include "tests/support/temporary_directory.h"

using namespace jobward::host;
using jobward::test::TemporaryDirectory;

namespace {

CgroupFile open(const TemporaryDirectory& tmp, const std::string& name) {
  const auto dir = CgroupDir::open(tmp.path());
  if (!dir) FAIL(dir.error().message());
  auto file = CgroupFile::open(*dir, name);
  if (!file) FAIL(file.error().message());
  return std::move(*file);
}

}  // namespace

TEST_CASE("cgroup_file: Each reading gives what the file holds then") {
  const TemporaryDirectory tmp;
  tmp.write("memory.current", "4096\n");
  tmp.write("memory.stat", "anon 1\nfile 2\n");
  const auto current = open(tmp, "memory.current");
  const auto stat = open(tmp, "memory.stat");
  CHECK(current.counter().value() == 4096);
  CHECK(current.counter().value() == 4096);
  CHECK(stat.keyed().value() == FlatKeyed{{"anon", 1}, {"file", 2}});
  tmp.write("memory.current", "77\n");
  tmp.write("memory.stat", "anon 5\n");
  CHECK(current.counter().value() == 77);
  CHECK(stat.keyed().value() == FlatKeyed{{"anon", 5}});
}

TEST_CASE("cgroup_file: It stays that of its directory when the path names another") {
  const TemporaryDirectory tmp;
  tmp.write("a/memory.current", "1\n");
  const auto dir = CgroupDir::open(tmp.path("a"));
  REQUIRE(dir);
  const auto file = CgroupFile::open(*dir, "memory.current");
  REQUIRE(file);
  std::filesystem::rename(tmp.path("a"), tmp.path("b"));
  tmp.write("a/memory.current", "2\n");
  CHECK(file->counter().value() == 1);
}

TEST_CASE("cgroup_file: A file that is not there is an error that says so") {
  const TemporaryDirectory tmp;
  const auto dir = CgroupDir::open(tmp.path());
  REQUIRE(dir);
  const auto file = CgroupFile::open(*dir, "memory.peak");
  REQUIRE_FALSE(file);
  CHECK(file.error().errnum == ENOENT);
  CHECK_THAT(file.error().message(), Catch::Contains(tmp.path("memory.peak")));
}

TEST_CASE("cgroup_file: What is no number is an error that names the file, never 0") {
  const TemporaryDirectory tmp;
  for (const auto* text : {"max\n", "", "many\n", "-1\n"}) {
    CAPTURE(text);
    tmp.write("memory.current", text);
    const auto value = open(tmp, "memory.current").counter();
    REQUIRE_FALSE(value);
    CHECK_THAT(value.error().message(), Catch::Contains(tmp.path("memory.current")));
  }
  tmp.write("memory.stat", "anon many\n");
  const auto keyed = open(tmp, "memory.stat").keyed();
  REQUIRE_FALSE(keyed);
  CHECK_THAT(keyed.error().message(), Catch::Contains(tmp.path("memory.stat")));
}

TEST_CASE("cgroup_file: One that was never opened is not valid and gives errors") {
  const CgroupFile file;
  CHECK_FALSE(file.valid());
  CHECK_FALSE(file.counter());
  CHECK_FALSE(file.keyed());
}

TEST_CASE("cgroup_file: It is not inherited by the job") {
  const TemporaryDirectory tmp;
  tmp.write("memory.current", "1\n");
  const auto file = open(tmp, "memory.current");
  REQUIRE(file.valid());
  CHECK((::fcntl(file.fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("cgroup_file: A counter that an older kernel does not have counts as 0") {
  const FlatKeyed keyed{{"oom", 3}};
  CHECK(value_or_zero(keyed, "oom") == 3);
  CHECK(value_or_zero(keyed, "oom_kill") == 0);
}

TEST_CASE("cgroup_file: A file that is longer than one reading is an error, not cut off") {
  const TemporaryDirectory tmp;
  const std::string filler(16384 - 10, 'k');
  tmp.write("memory.stat", filler + " 1\nanon 123456\n");  // the 16 KiB end within the number
  const auto keyed = open(tmp, "memory.stat").keyed();
  CHECK_FALSE(keyed);
}
