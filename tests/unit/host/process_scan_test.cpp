#include "host/observe/process_scan.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include "common/files.h"
#include "tests/support/child.h"
#include "tests/support/fake_processes.h"

using namespace jobward;
using namespace jobward::host;
using namespace jobward::test;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr int kPid = kFirstFakePid;

ProcessScan scan_of(const FakeKernel& kernel, const std::string& controller = "",
                    const std::string& root = "") {
  auto scan = ProcessScan::open(kernel.roots(), controller, root);
  REQUIRE(scan);
  return std::move(*scan);
}

std::set<int> pids_of(ProcessScan& scan) {
  std::set<int> out;
  REQUIRE(scan.rewind());
  while (const int pid = scan.next())
    out.insert(pid);
  return out;
}

}  // namespace

TEST_CASE("process_scan: Every process once, nothing else, and anew after a rewind") {
  FakeKernel kernel;
  kernel.proc("meminfo", "");
  kernel.proc("12x/stat", "");
  kernel.proc("-5/stat", "");
  kernel.proc("99999999999/stat", "");
  std::set<int> expected;
  for (int i = 0; i < 700; ++i) {  // more than one getdents64 gives
    expected.insert(kPid + i);
    kernel.proc(std::to_string(kPid + i) + "/stat", "");
  }
  auto scan = scan_of(kernel);
  CHECK(pids_of(scan) == expected);
  CHECK(pids_of(scan) == expected);
}

TEST_CASE("process_scan: Resident memory, with swap where it was asked for") {
  FakeKernel kernel;
  add_process(kernel, {.pid = kPid, .rss_mib = 100, .swap_mib = 40});
  auto scan = scan_of(kernel);
  const auto without = scan.size(kPid, false);
  REQUIRE(without);
  CHECK(without->rss == 100 * kMiB);
  CHECK(without->swap == 0);
  const auto with = scan.size(kPid, true);
  REQUIRE(with);
  CHECK(with->rss == 100 * kMiB);
  CHECK(with->swap == 40 * kMiB);
}

TEST_CASE("process_scan: A zombie main thread with living threads holds what they hold") {
  FakeKernel kernel;
  add_process(kernel, {.pid = kPid, .state = 'Z', .threads = 3, .rss_mib = 70, .swap_mib = 5});
  auto scan = scan_of(kernel);
  for (const bool with_swap : {false, true}) {
    const auto size = scan.size(kPid, with_swap);
    REQUIRE(size);
    CHECK(size->rss == 70 * kMiB);
  }
  const auto facts = scan.facts(kPid);
  REQUIRE(facts);
  CHECK_FALSE(facts->gone);
  CHECK(facts->exe.view() == "/usr/bin/worker");
}

TEST_CASE("process_scan: The kernel's own zombie main thread: its memory and its program") {
  const Child child([](const Child::Notify& notify) {
    std::thread([notify] {
      const std::string stat = "/proc/" + std::to_string(::getpid()) + "/stat";
      const bool is_zombie = eventually([&] {
        const auto text = read_file(stat);
        return text && text->find(") Z ") != std::string::npos;
      });
      if (is_zombie) notify(0);
      Child::wait_for_kill();
    }).detach();
    ::syscall(SYS_exit, 0);
  });
  auto scan = ProcessScan::open(KernelRoots(), "", "");
  REQUIRE(scan);
  const auto size = scan->size(child.pid(), false);
  REQUIRE(size);
  CHECK(size->rss > 0);
  const auto facts = scan->facts(child.pid());
  REQUIRE(facts);
  CHECK_FALSE(facts->gone);
  CHECK(facts->exe.view() == std::filesystem::read_symlink("/proc/self/exe").string());
}

TEST_CASE("process_scan: A zombie alone holds nothing and is gone") {
  FakeKernel kernel;
  add_process(kernel, {.pid = kPid, .state = 'Z', .threads = 1, .rss_mib = 70});
  auto scan = scan_of(kernel);
  CHECK_FALSE(scan.size(kPid, false));
  CHECK_FALSE(scan.size(kPid, true));
  const auto facts = scan.facts(kPid);
  REQUIRE(facts);
  CHECK(facts->gone);
}

TEST_CASE("process_scan: Kernel threads have no memory") {
  FakeKernel kernel;
  add_process(kernel,
              {.pid = kPid, .name = "kswapd0", .exe = "", .flags = 0x00200000, .threads = 4});
  auto scan = scan_of(kernel);
  CHECK_FALSE(scan.size(kPid, false));
  CHECK_FALSE(scan.size(kPid, true));
  const auto facts = scan.facts(kPid);
  REQUIRE(facts);
  CHECK(facts->kernel_thread);
  CHECK(facts->exe.empty());
}

TEST_CASE("process_scan: Processes that vanish under the scan are absent, not wrong") {
  FakeKernel kernel;
  for (int i = 0; i < 3; ++i)
    add_process(kernel, {.pid = kPid + i, .rss_mib = 10});
  auto scan = scan_of(kernel);
  REQUIRE(scan.rewind());
  int looked_at = 0;
  while (const int pid = scan.next()) {
    if (pid >= kPid) remove_process(kernel, pid);
    CHECK_FALSE(scan.size(pid, false));
    CHECK_FALSE(scan.size(pid, true));
    CHECK_FALSE(scan.facts(pid));
    CHECK_FALSE(scan.start_ticks(pid));
    CHECK_FALSE(scan.parent(pid));
    CHECK_FALSE(scan.pss(pid));
    CHECK_FALSE(scan.oom_score(pid));
    CHECK(scan.cgroup(pid).empty());
    ++looked_at;
  }
  CHECK(looked_at == 3);
}

TEST_CASE("process_scan: The facts of a process") {
  FakeKernel kernel;
  add_process(kernel, {.pid = kPid,
                       .name = "foo) Z ",
                       .exe = "/opt/with space/x",
                       .cgroup = "/a/b",
                       .parent = 77,
                       .start = 4242,
                       .uid = 1234,
                       .rss_mib = 9,
                       .shmem_mib = 3,
                       .pss_mib = 5,
                       .oom_score_adj = -1000,
                       .oom_score = 666});
  auto scan = scan_of(kernel);
  const auto facts = scan.facts(kPid);
  REQUIRE(facts);
  CHECK(facts->name == "foo) Z ");
  CHECK(facts->exe == "/opt/with space/x");
  CHECK(facts->cgroup == "/a/b");
  CHECK(facts->parent == 77);
  CHECK(facts->start_ticks == 4242);
  CHECK(facts->uid == 1234);
  CHECK(facts->shmem == 3 * kMiB);
  CHECK(facts->oom_score_adj == -1000);
  CHECK_FALSE(facts->gone);
  CHECK_FALSE(facts->kernel_thread);
  CHECK(scan.pss(kPid) == 5 * kMiB);
  CHECK(scan.oom_score(kPid) == 666);
}

TEST_CASE("process_scan: The uid is the effective one") {
  FakeKernel kernel;
  add_process(kernel, {.pid = kPid, .rss_mib = 1});
  kernel.proc(std::to_string(kPid) + "/status", "Name:\tx\nUid:\t1000\t0\t0\t0\nVmRSS:\t1 kB\n");
  auto scan = scan_of(kernel);
  CHECK(scan.facts(kPid)->uid == 0);
}

TEST_CASE("process_scan: A program that is too deep or unlinked is known as such or not at all") {
  FakeKernel kernel;
  const std::string deep = "/" + std::string(2 * kLongestExe, 'd');
  add_process(kernel, {.pid = kPid, .exe = deep});
  add_process(kernel, {.pid = kPid + 1, .exe = ""});
  auto scan = scan_of(kernel);
  CHECK(scan.facts(kPid)->exe.empty());  // cut, it could match another rule than the whole
  CHECK(scan.facts(kPid + 1)->exe.empty());
}

TEST_CASE("process_scan: The cgroup is where memory is counted, below the mount") {
  FakeKernel kernel;
  add_process(kernel, {.pid = kPid, .cgroup = "/docker/abc/work"}, "memory");
  add_process(kernel, {.pid = kPid + 1, .cgroup = "/elsewhere"}, "memory");
  add_process(kernel, {.pid = kPid + 2, .cgroup = "/docker/abcd/work"}, "memory");
  auto v1 = scan_of(kernel, "memory", "/docker/abc");
  CHECK(v1.cgroup(kPid) == "/work");
  CHECK(v1.cgroup(kPid + 1).empty());
  CHECK(v1.cgroup(kPid + 2).empty());  // a neighbour, whatever its name begins with
  auto v2 = scan_of(kernel, "", "");
  CHECK(v2.cgroup(kPid) == "/");
}

TEST_CASE("process_scan: Files that are empty, cut or of another kind do not confuse it") {
  FakeKernel kernel;
  for (const auto* text :
       {"", "\n", "5", "5 ", "x y\n", "-1 -1\n", "99999999999999999999999 1\n"}) {
    CAPTURE(text);
    add_process(kernel, {.pid = kPid, .rss_mib = 1});
    kernel.proc(std::to_string(kPid) + "/statm", text);
    auto scan = scan_of(kernel);
    CHECK_FALSE(scan.size(kPid, false));
    remove_process(kernel, kPid);
  }
}

TEST_CASE("process_scan: It sees this process as the kernel shows it") {
  auto scan = ProcessScan::open(KernelRoots{}, "memory", "");
  REQUIRE(scan);
  CHECK(pids_of(*scan).count(::getpid()) == 1);
  const auto facts = scan->facts(::getpid());
  REQUIRE(facts);
  CHECK(facts->parent == ::getppid());
  CHECK(facts->uid == ::geteuid());
  CHECK_FALSE(facts->gone);
  CHECK(scan->size(::getpid(), false)->rss > kMiB);
  CHECK(scan->size(::getpid(), true)->rss > kMiB);
  CHECK(scan->start_ticks(::getpid()) == facts->start_ticks);
}

TEST_CASE("process_scan: A process that has ended and was not waited for is gone") {
  const Child child([](const Child::Notify& notify) {
    notify(0);
    ::_exit(0);
  });
  auto scan = ProcessScan::open(KernelRoots{}, "memory", "");
  REQUIRE(scan);
  CHECK(eventually([&] {
    const auto facts = scan->facts(child.pid());
    return facts && facts->gone;
  }));
  CHECK_FALSE(scan->size(child.pid(), false));
}
