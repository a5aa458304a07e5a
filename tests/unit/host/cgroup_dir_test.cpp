#include "host/observe/cgroup_dir.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fake_kernel.h"
#include "tests/unit/host/ordinary_user.h"

using jobward::host::CgroupDir;
using jobward::test::FakeKernel;
using jobward::test::TemporaryDirectory;

namespace {

CgroupDir open(const std::string& path) {
  auto dir = CgroupDir::open(path);
  if (!dir) FAIL(dir.error().message());
  return std::move(*dir);
}

// What an ordinary user finds in and below /job when its child was locked so, and if it can be
// removed.
struct Locked {
  bool listed = false;
  bool removed = false;
};
std::optional<Locked> with_child_locked(mode_t mode) {
  const TemporaryDirectory tmp;
  const auto answer = jobward::test::as_ordinary_user(tmp, [&] {
    tmp.write("job/cgroup.procs", "4711\n");
    tmp.write("job/hidden/cgroup.procs", "4712\n");
    const auto lock = [&] { return ::chmod(tmp.path("job/hidden").c_str(), mode) == 0; };
    const auto job = CgroupDir::open(tmp.path("job"));
    if (!job || !lock()) return 0;
    const auto pids = job->processes_below(true);
    const bool listed = pids && *pids == std::vector<int>{4711, 4712};
    // Unlike a cgroup's, the files of a directory keep it from being removed.
    std::filesystem::permissions(tmp.path("job/hidden"), std::filesystem::perms::owner_all);
    std::filesystem::remove(tmp.path("job/hidden/cgroup.procs"));
    tmp.make_directory("job/hidden/deeper");
    const bool removed = lock() && job->remove_child("hidden");
    return (listed ? 1 : 0) + (removed ? 2 : 0);
  });
  if (!answer) return std::nullopt;
  return Locked{(*answer & 1) != 0, (*answer & 2) != 0};
}

void check_not_hidden(mode_t mode) {
  CAPTURE(mode);
  const auto locked = with_child_locked(mode);
  if (!locked) return;
  CHECK(locked->listed);
  CHECK(locked->removed);
}

// In a child with mounts of its own: what stands in the way on a read-only mount of `path`.
int obstacle_when_read_only(const std::string& path) {
  const jobward::test::Child child([&](const auto& notify) {
    constexpr unsigned long kReadOnly = MS_REMOUNT | MS_BIND | MS_RDONLY;
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        ::mount(nullptr, path.c_str(), nullptr, kReadOnly, nullptr) != 0)
      return notify(-1);
    const auto dir = CgroupDir::open(path);
    notify(dir ? dir->write_obstacle() : -2);
  });
  return child.reported();
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

TEST_CASE("cgroup_dir: No job hides in a directory that it has locked") {
  check_not_hidden(0000);
  check_not_hidden(0100);
  check_not_hidden(0300);
}

TEST_CASE("cgroup_dir: No job hides in a directory that can be listed but not entered") {
  check_not_hidden(0400);
  check_not_hidden(0600);
}

TEST_CASE("cgroup_dir: Who only looks unlocks nothing") {
  const TemporaryDirectory tmp;
  const auto answer = jobward::test::as_ordinary_user(tmp, [&] {
    tmp.write("job/cgroup.procs", "");
    tmp.write("job/hidden/cgroup.procs", "");
    const auto dir = CgroupDir::open(tmp.path("job"));
    if (!dir || ::chmod(tmp.path("job/hidden").c_str(), 0000) != 0) return 1;
    static_cast<void>(dir->processes_below());
    static_cast<void>(dir->child("hidden", false));
    struct stat info {};
    return ::stat(tmp.path("job/hidden").c_str(), &info) == 0 && (info.st_mode & 0777U) == 0 ? 0
                                                                                             : 2;
  });
  if (answer) CHECK(*answer == 0);
}

TEST_CASE("cgroup_dir: A locked directory of somebody else's stays locked and is an error") {
  const TemporaryDirectory tmp;
  const TemporaryDirectory others;
  others.make_directory("hidden");
  REQUIRE(::chmod(others.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(others.path("hidden").c_str(), 0000) == 0);
  if (::geteuid() != 0) return;  // nobody else's
  const auto answer = jobward::test::as_ordinary_user(tmp, [&] {
    const auto dir = CgroupDir::open(others.path());
    return dir && !dir->unlocked_child("hidden") ? 1 : 0;
  });
  if (!answer) return;
  CHECK(*answer == 1);
  struct stat info {};
  REQUIRE(::stat(others.path("hidden").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0);
}

TEST_CASE("cgroup_dir: Nothing stands in the way of writing to a directory of one's own") {
  const TemporaryDirectory tmp;
  tmp.write("cgroup.procs", "");
  CHECK(open(tmp.path()).write_obstacle() == 0);
  CHECK(open(tmp.path()).writable());
}

TEST_CASE("cgroup_dir: A directory that is no cgroup cannot be written") {
  const TemporaryDirectory tmp;
  CHECK(open(tmp.path()).write_obstacle() == ENOENT);
  CHECK_FALSE(open(tmp.path()).writable());
}

TEST_CASE("cgroup_dir: Without rights to the directory or its processes that is the obstacle") {
  const TemporaryDirectory tmp;
  const auto answer = jobward::test::as_ordinary_user(tmp, [&] {
    const auto procs = tmp.write("a/cgroup.procs", "");
    const auto dir = CgroupDir::open(tmp.path("a"));
    if (!dir || dir->write_obstacle() != 0) return 1;
    if (::chmod(procs.c_str(), 0444) != 0 || dir->write_obstacle() != EACCES) return 2;
    if (::chmod(procs.c_str(), 0644) != 0 || ::chmod(tmp.path("a").c_str(), 0555) != 0) return 3;
    return dir->write_obstacle() == EACCES && !dir->writable() ? 0 : 4;
  });
  if (answer) CHECK(*answer == 0);
}

TEST_CASE("cgroup_dir: A read-only mount is the obstacle on it, also for root") {
  const TemporaryDirectory tmp;
  tmp.write("cgroup.procs", "");
  const int obstacle = obstacle_when_read_only(tmp.path());
  if (obstacle == -1) {
    WARN("no mounts of one's own here: a read-only one is not tested");
    return;
  }
  CHECK(obstacle == EROFS);
}
