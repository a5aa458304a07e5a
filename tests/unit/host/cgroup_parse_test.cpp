// /proc/self/cgroup and /proc/self/mountinfo as machines of each kind show them.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/observe/proc_parse.h"

using namespace jobward::host;
using Names = std::vector<std::string>;

TEST_CASE("cgroup_parse: Membership on a unified machine is one line") {
  const auto list = parse_membership("0::/user.slice/user-1000.slice/session-2.scope\n");
  REQUIRE(list);
  REQUIRE(list->size() == 1);
  CHECK(list->front().controllers.empty());
  CHECK(list->front().path == "/user.slice/user-1000.slice/session-2.scope");
}

TEST_CASE("cgroup_parse: Membership on a hybrid machine has a line for each hierarchy") {
  const auto list = parse_membership(
      "13:name=systemd:/user.slice\n12:cpu,cpuacct:/a\n4:memory:/docker/0f:1/x\n1::/odd\n0::/\n");
  REQUIRE(list);
  REQUIRE(list->size() == 5);
  CHECK((*list)[0].controllers == Names{"name=systemd"});
  CHECK((*list)[1].controllers == Names{"cpu", "cpuacct"});
  CHECK((*list)[2].path == "/docker/0f:1/x");  // a path may hold colons
  CHECK((*list)[4].path == "/");
}

TEST_CASE("cgroup_parse: Membership keeps spaces and marks of the path") {
  CHECK(parse_membership("0::/../my job (deleted)\n").value().front().path ==
        "/../my job (deleted)");
  CHECK(parse_membership("").value().empty());
}

TEST_CASE("cgroup_parse: Broken membership is an error") {
  for (const auto* text :
       {"0:/\n", "0::\n", "x::/\n", "::/\n", "0::relative\n", "junk\n", "0::/\n4:memory\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_membership(text));
  }
}

TEST_CASE("cgroup_parse: The mounts of a hybrid machine") {
  const auto mounts = parse_cgroup_mounts(
      "24 29 0:22 / /proc rw,nosuid shared:14 - proc proc rw\n"
      "31 30 0:27 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,size=4096k,mode=755\n"
      "32 31 0:28 / /sys/fs/cgroup/unified rw,nosuid,noexec shared:10 - cgroup2 cgroup2 "
      "rw,nsdelegate\n"
      "33 31 0:29 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd\n"
      "35 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 master:3 - cgroup cgroup "
      "rw,cpu,cpuacct\n"
      "36 31 0:32 /docker/ab /sys/fs/cgroup/memory ro,relatime - cgroup cgroup "
      "rw,memory,clone_children,release_agent=/sbin/agent\n");
  REQUIRE(mounts);
  REQUIRE(mounts->size() == 4);
  CHECK((*mounts)[0].v2);
  CHECK((*mounts)[0].controllers.empty());
  CHECK((*mounts)[0].point == "/sys/fs/cgroup/unified");
  CHECK((*mounts)[1].controllers == Names{"name=systemd"});
  CHECK((*mounts)[2].controllers == Names{"cpu", "cpuacct"});
  CHECK_FALSE((*mounts)[2].read_only);
  CHECK((*mounts)[3].controllers == Names{"memory"});
  CHECK((*mounts)[3].root == "/docker/ab");
  CHECK((*mounts)[3].read_only);
}

TEST_CASE("cgroup_parse: The mount of a unified machine, with its escapes undone") {
  const auto mounts = parse_cgroup_mounts(
      "30 24 0:26 /a\\040b /mnt/c\\011d\\134e\\012f rw shared:4 - cgroup2 cgroup2 rw\n");
  REQUIRE(mounts);
  REQUIRE(mounts->size() == 1);
  CHECK(mounts->front().root == "/a b");
  CHECK(mounts->front().point == "/mnt/c\td\\e\nf");
}

TEST_CASE("cgroup_parse: Options that are no controllers are told apart from them") {
  // cgroup1_show_options() of the kernel, and what a security module adds.
  const auto mounts = parse_cgroup_mounts(
      "33 31 0:29 / /s rw - cgroup cgroup rw,seclabel,xattr,name=systemd\n"
      "34 31 0:30 / /c rw - cgroup cgroup "
      "rw,seclabel,cpuset,noprefix,cpuset_v2_mode,favordynmods\n");
  REQUIRE(mounts);
  CHECK((*mounts)[0].controllers == Names{"name=systemd"});
  CHECK((*mounts)[1].controllers == Names{"cpuset"});
}

TEST_CASE("cgroup_parse: Another mount with an empty source is passed over") {
  // What `mount -t tmpfs "" /mnt` shows [checked on 6.18].
  const auto mounts = parse_cgroup_mounts(
      "63 43 0:39 / /mnt rw,relatime - tmpfs  rw\n30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 "
      "rw\n");
  REQUIRE(mounts);
  CHECK(mounts->size() == 1);
}

TEST_CASE("cgroup_parse: A machine without cgroups has no cgroup mounts") {
  CHECK(parse_cgroup_mounts("24 29 0:22 / /cgroup rw - proc cgroup2 rw\n").value().empty());
  CHECK(parse_cgroup_mounts("").value().empty());
}

TEST_CASE("cgroup_parse: Broken mountinfo is an error") {
  for (const auto* text : {"junk\n", "1 2 3 / /x rw cgroup cgroup rw\n", "- cgroup2 cgroup2 rw\n",
                           "1 2 3 / - cgroup2 cgroup2 rw\n", "1 2 0:3 / /x rw - cgroup2\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_cgroup_mounts(text));
  }
}
