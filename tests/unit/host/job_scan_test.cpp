#include "host/observe/job_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "host/observe/job_attribute.h"
#include "tests/support/fake_processes.h"

using namespace jobward;
using namespace jobward::host;
using namespace jobward::test;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr int kPid = kFirstFakePid;
constexpr auto kAttribute = "run=r1\nsupervisor=7\nboot=b\nowner=1000\np99=1048576\n";

// A v2 hierarchy at /cg, and the user to whom the jobs' directories belong.
struct Machine {
  explicit Machine(bool is_v2 = true) : v2(is_v2) { kernel.cgroup("/cg"); }

  // A directory `job` with its memory, one process in its leaf, and an attribute.
  void job(const std::string& path, unsigned long anon_mib, const std::vector<int>& pids,
           const std::string& attribute = kAttribute) {
    const std::string bytes = std::to_string(anon_mib * kMiB);
    kernel.cgroup("/cg" + path, {{"memory.stat", v2 ? "anon " + bytes + "\nfile 1\nshmem 0\n"
                                                    : "rss 1\ntotal_rss " + bytes +
                                                          "\ntotal_shmem 0\ntotal_swap 0\n"},
                                 {"memory.swap.current", "0\n"}});
    set(path, attribute);
    std::string procs;
    for (const int pid : pids)
      procs += std::to_string(pid) + "\n";
    kernel.directory().write("/cg" + path + "/main/cgroup.procs", procs);
  }
  void set(const std::string& path, const std::string& attribute) const {
    REQUIRE(::setxattr(kernel.path("/cg" + path).c_str(), kJobAttributeName, attribute.data(),
                       attribute.size(), 0) == 0);
  }
  void give(const std::string& path, uid_t uid) const {
    REQUIRE(::chown(kernel.path("/cg" + path).c_str(), uid, uid) == 0);
  }
  std::vector<JobFacts> find(const std::string& below = "", std::size_t most = 8) {
    auto scan = ProcessScan::open(kernel.roots(), "", "");
    REQUIRE(scan);
    std::vector<JobFacts> out(most);
    out.resize(find_jobs({kernel.path("/cg"), v2}, below, *scan, out));
    return out;
  }

  bool v2;
  FakeKernel kernel;
};

void need_root() {
  if (::geteuid() != 0) FAIL("run as root: directories have to be given to other users");
}

}  // namespace

TEST_CASE("job_scan: Jobs largest first, with what is known of them") {
  need_root();
  Machine m;
  add_process(m.kernel, {.pid = kPid, .uid = 1000, .rss_mib = 5});
  add_process(m.kernel, {.pid = kPid + 1, .uid = 1000, .rss_mib = 9});
  add_process(m.kernel, {.pid = kPid + 2, .uid = 1000, .rss_mib = 7});
  m.job("/jobward-1000/a/job", 50, {kPid, kPid + 1});
  m.job("/jobward-1000/b/job", 80, {kPid + 2},
        "run=r2\nsupervisor=7\nboot=b\nowner=1000\nfuture=x\n");
  const auto found = m.find();
  REQUIRE(found.size() == 2);
  CHECK(found[0].run == "r2");
  CHECK(found[0].path == "/jobward-1000/b/job");
  CHECK(found[0].size() == 80 * kMiB);
  CHECK_FALSE(found[0].p99);
  CHECK(found[1].run == "r1");
  CHECK(found[1].p99 == kMiB);
  CHECK(found[1].largest == kPid + 1);
  CHECK(found[1].largest_rss == 9 * kMiB);
  CHECK(found[1].owner == 1000);
  struct stat info {};
  REQUIRE(::stat(m.kernel.path("/cg/jobward-1000/a/job").c_str(), &info) == 0);
  CHECK(found[1].inode == info.st_ino);
}

TEST_CASE("job_scan: The size is anonymous, shared and swapped memory, not page cache") {
  need_root();
  Machine v2;
  add_process(v2.kernel, {.pid = kPid, .rss_mib = 5});
  v2.job("/a/job", 1, {kPid});
  v2.kernel.directory().write("/cg/a/job/memory.stat",
                              "anon 1048576\nfile 900000000\nshmem 2097152\nunknown_field 5 6\n");
  v2.kernel.directory().write("/cg/a/job/memory.swap.current", "4194304\n");
  REQUIRE(v2.find().size() == 1);
  CHECK(v2.find()[0].size() == 7 * kMiB);
  Machine v1(false);
  add_process(v1.kernel, {.pid = kPid, .rss_mib = 5});
  v1.job("/a/job", 1, {kPid});
  v1.kernel.directory().write("/cg/a/job/memory.stat",
                              "cache 5\nrss 9\nshmem 9\nswap 9\ntotal_cache 900000000\ntotal_rss "
                              "1048576\ntotal_shmem 2097152\n"
                              "total_swap 4194304\n");
  REQUIRE(v1.find().size() == 1);
  CHECK(v1.find()[0].size() == 7 * kMiB);
}

TEST_CASE("job_scan: An empty, dead or dying cgroup is skipped for the next") {
  need_root();
  Machine m;
  add_process(m.kernel, {.pid = kPid, .uid = 1000, .rss_mib = 5});
  m.job("/empty/job", 100, {});
  m.job("/nothing/job", 0, {kPid});
  m.job("/broken/job", 100, {kPid});
  m.kernel.directory().write("/cg/broken/job/memory.stat", "anon lots\n");
  m.job("/missing/job", 100, {kPid});
  std::filesystem::remove(m.kernel.path("/cg/missing/job/memory.stat"));
  m.job("/good/job", 3, {kPid});
  const auto found = m.find();
  REQUIRE(found.size() == 1);
  CHECK(found[0].path == "/good/job");
}

TEST_CASE("job_scan: An attribute is believed from root and from the processes' own user only") {
  need_root();
  Machine m;
  add_process(m.kernel, {.pid = kPid, .uid = 1000, .rss_mib = 5});
  add_process(m.kernel, {.pid = kPid + 1, .uid = 1000, .rss_mib = 5});
  add_process(m.kernel, {.pid = kPid + 2, .uid = 1000, .rss_mib = 5});
  m.job("/root/job", 10, {kPid});
  m.job("/own/job", 20, {kPid + 1});
  m.give("/own/job", 1000);
  m.job("/forged/job", 30,
        {kPid + 2});  // another user's directory, with somebody else's process in it
  m.give("/forged/job", 4321);
  std::set<std::string> paths;
  for (const auto& job : m.find())
    paths.emplace(job.path.view());
  CHECK(paths == std::set<std::string>{"/root/job", "/own/job"});
}

TEST_CASE("job_scan: What is no attribute makes no job") {
  need_root();
  for (const auto* text : {"run=../../x\nowner=0\n", "run=\nowner=0\n", "owner=0\n", "run=r1\n",
                           "run=r1\nowner=-1\n", "run=r1\nowner=4294967295\n", "run=a b\nowner=0\n",
                           "run=r\x01\nowner=0\n", "garbage", "=\n=\n"}) {
    CAPTURE(text);
    Machine m;
    add_process(m.kernel, {.pid = kPid, .rss_mib = 5});
    m.job("/a/job", 10, {kPid}, text);
    CHECK(m.find().empty());
  }
  Machine m;
  add_process(m.kernel, {.pid = kPid, .rss_mib = 5});
  m.job("/a/job", 10, {kPid}, "run=" + std::string(200, 'r') + "\nowner=0\n");
  m.job("/a/jobs", 10, {kPid});  // not called `job`
  CHECK(m.find().empty());
}

TEST_CASE("job_scan: A job within a job is part of it") {
  need_root();
  Machine m;
  add_process(m.kernel, {.pid = kPid, .rss_mib = 5});
  add_process(m.kernel, {.pid = kPid + 1, .rss_mib = 6});
  m.job("/a/job", 50, {kPid});
  m.job("/a/job/main/inner/job", 40, {kPid + 1}, "run=inner\nowner=0\n");
  const auto found = m.find();
  REQUIRE(found.size() == 1);
  CHECK(found[0].run == "r1");
  CHECK(found[0].largest == kPid + 1);
}

TEST_CASE(
    "job_scan: Only below the cgroup that was asked for, and the largest where room is short") {
  need_root();
  Machine m;
  add_process(m.kernel, {.pid = kPid, .rss_mib = 5});
  for (int i = 1; i <= 9; ++i)
    m.job((i % 2 == 0 ? "/even/r" : "/odd/r") + std::to_string(i) + "/job",
          static_cast<unsigned>(i), {kPid});
  CHECK(m.find("/even").size() == 4);
  CHECK(m.find("/absent").empty());
  const auto three = m.find("", 3);
  REQUIRE(three.size() == 3);
  CHECK(three[0].size() == 9 * kMiB);
  CHECK(three[2].size() == 7 * kMiB);
}

TEST_CASE("job_scan: A path that is too long to name is no job, and the walk ends") {
  need_root();
  Machine m;
  add_process(m.kernel, {.pid = kPid, .rss_mib = 5});
  std::string deep;
  for (int i = 0; i < 6; ++i)
    deep += "/" + std::string(100, 'd');
  m.job(deep + "/job", 10, {kPid});
  m.job("/near/job", 1, {kPid});
  REQUIRE(m.find().size() == 1);
  CHECK(m.find()[0].path == "/near/job");
}

TEST_CASE("job_scan: All processes of a cgroup and of those below, wherever they hide") {
  Machine m;
  std::string many;
  std::set<int> expected;
  for (int i = 0; i < 2000; ++i) {  // longer than one read
    many += std::to_string(kPid + i) + "\n";
    expected.insert(kPid + i);
  }
  m.kernel.directory().write("/cg/top/cgroup.procs", many);
  m.kernel.directory().write("/cg/top/a/b/cgroup.procs", "17\n");
  m.kernel.directory().write("/cg/top/.hidden/cgroup.procs", "18\n");
  m.kernel.directory().write("/cg/top/..x/cgroup.procs", "19\n");
  m.kernel.directory().write("/cg/beside/cgroup.procs", "20\n");
  for (const int pid : {17, 18, 19})
    expected.insert(pid);
  const Fd top = open_cgroup({m.kernel.path("/cg"), true}, "/top");
  REQUIRE(top);
  std::set<int> found;
  each_process(
      top.get(), [](void* out, int pid) { static_cast<std::set<int>*>(out)->insert(pid); }, &found);
  for (const int pid : {17, 18, 19})
    CHECK(found.count(pid) == 1);
  CHECK((found == expected));
}

TEST_CASE("job_scan: What a cgroup holds that cannot be had back") {
  Machine m;
  m.kernel.cgroup(
      "/cg/v2",
      {{"memory.current", "1000000\n"},
       {"memory.max", "4194304\n"},
       {"memory.swap.current", "77\n"},
       {"memory.stat", "active_file 1000\ninactive_file 2000\nslab_reclaimable 3000\nnew x\n"}});
  const auto at = [&](const char* path) { return open_cgroup({m.kernel.path("/cg"), true}, path); };
  const auto v2 = read_room(at("/v2").get(), true);
  REQUIRE(v2);
  CHECK(v2->limit == 4194304);
  CHECK(v2->unreclaimable == 994000);
  CHECK(v2->swap == 77);
  m.kernel.directory().write("/cg/v2/memory.max", "max\n");
  CHECK_FALSE(read_room(at("/v2").get(), true)->limit);
  m.kernel.cgroup("/cg/v1",
                  {{"memory.usage_in_bytes", "1000\n"},
                   {"memory.limit_in_bytes", "9223372036854771712\n"},
                   {"memory.stat",
                    "inactive_file 9\ntotal_inactive_file 5000\ntotal_swap 66\ntotal_shmem 55\n"}});
  const auto v1 = read_room(at("/v1").get(), false);
  REQUIRE(v1);
  CHECK_FALSE(v1->limit);
  CHECK(v1->swap == 66);
  CHECK(v1->shmem == 55);
  CHECK(v1->unreclaimable == 0);  // counters that are out of step
  CHECK_FALSE(read_room(at("/beside").get(), true));
}
