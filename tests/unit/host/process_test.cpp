#include "host/observe/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "common/files.h"
#include "tests/support/child.h"
#include "tests/support/fake_kernel.h"

using namespace jobward;
using namespace jobward::host;
using test::Child;
using test::FakeKernel;
using Pids = std::vector<int>;

namespace {

constexpr int kNoSuchPid = 4194305;  // above PID_MAX_LIMIT

void fake_stat(FakeKernel& kernel, int pid, int parent, const std::string& name, char state = 'S',
               int threads = 1) {
  const std::string number = std::to_string(pid);
  kernel.proc(number + "/stat", number + " (" + name + ") " + state + " " + std::to_string(parent) +
                                    " 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 " + std::to_string(threads) +
                                    " 0 5 0 0 0\n");
}

// The CPU time of a process, and of the children that it has waited for, in ticks.
void fake_times(FakeKernel& kernel, int pid, const std::string& times) {
  kernel.proc(std::to_string(pid) + "/stat",
              std::to_string(pid) + " (x) S 1 1 1 0 -1 0 0 0 0 0 " + times + " 20 0 1 0 5 0 0 0\n");
}

void fake_transferred(FakeKernel& kernel, int pid, int read, int written) {
  kernel.proc(std::to_string(pid) + "/io", "rchar: " + std::to_string(read) +
                                               "\nwchar: " + std::to_string(written) +
                                               "\nread_bytes: 0\nwrite_bytes: 0\n");
}

void fake_status(FakeKernel& kernel, int pid, const std::string& memory) {
  kernel.proc(std::to_string(pid) + "/status", "Name:\tx\n" + memory + "Threads:\t1\n");
}

// Memory in kB.
void fake_need(FakeKernel& kernel, int pid, int anon, int shmem, int swap, int file = 0) {
  fake_status(kernel, pid,
              "RssAnon:\t" + std::to_string(anon) + " kB\nRssFile:\t" + std::to_string(file) +
                  " kB\nRssShmem:\t" + std::to_string(shmem) + " kB\nVmSwap:\t" +
                  std::to_string(swap) + " kB\n");
}

constexpr double kBurnt = 0.1;     // seconds
constexpr double kRounded = 0.02;  // user and system time are each rounded down to 10 ms

// In a child: uses the CPU.
void burn() {
  timespec used{};
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while (used.tv_sec == 0 && static_cast<double>(used.tv_nsec) * 1e-9 < kBurnt);
}

bool has(const Pids& pids, int pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

// In a child: becomes `sleep` with this environment, in a session of its own.
void become_sleep(const std::string& entry) {
  ::setsid();
  std::string name = "sleep";
  std::string seconds = "600";
  std::string variable = entry;
  char* const argv[] = {name.data(), seconds.data(), nullptr};
  char* const environment[] = {variable.data(), nullptr};
  ::execve("/bin/sleep", argv, environment);
  ::_exit(1);
}

// In a child: touches this much memory, and keeps it.
void hold_memory(std::size_t bytes) {
  // Volatile: an optimiser would leave out writes that nobody reads.
  auto* memory = static_cast<volatile char*>(
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  for (std::size_t i = 0; i < bytes; i += 4096)
    memory[i] = 1;
}

char own_state() {
  const auto text = read_file("/proc/" + std::to_string(::getpid()) + "/stat");
  const auto stat = text ? parse_stat(*text) : parse_stat("");
  return stat ? stat->state : '?';
}

// Ends the main thread of the calling process only; another thread lives on and reports.
void become_zombie_leader(const Child::Notify& notify) {
  std::thread([notify] {
    if (test::eventually([] { return own_state() == 'Z'; })) notify(0);
    Child::wait_for_kill();
  }).detach();
  ::syscall(SYS_exit, 0);
}

int g_ticks = 0;
int g_release_fd = -1;
// Interrupts whatever waits; after some ticks lets the child go.
void tick(int) {
  if (++g_ticks == 20 && ::write(g_release_fd, "x", 1) != 1) ::_exit(1);
}

}  // namespace

TEST_CASE("process: A process that does not exist has no pidfd") {
  const auto process = open_pidfd(kNoSuchPid);
  REQUIRE_FALSE(process);
  CHECK(process.error().errnum == ESRCH);
}

TEST_CASE("process: A signal through a pidfd arrives") {
  Child child;
  const auto process = open_pidfd(child.pid());
  REQUIRE(process);
  CHECK_FALSE(wait_for_exit(*process, 0));
  REQUIRE(send_signal(*process, SIGTERM));
  CHECK(wait_for_exit(*process, test::kPatienceMs));
  const int status = child.wait();
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
}

TEST_CASE("process: A signal to a process that was reaped is an error and hits no newcomer") {
  Child child;
  const auto process = open_pidfd(child.pid());
  REQUIRE(process);
  REQUIRE(send_signal(*process, SIGKILL));
  child.wait();
  CHECK(send_signal(*process, SIGKILL).error().errnum == ESRCH);
}

TEST_CASE("process: Waiting for an exit goes on when a signal interrupts it") {
  auto release = test::make_pipe(O_CLOEXEC);
  Child child([&](const auto& notify) {
    release.writer.reset();
    notify(0);
    test::readable(release.reader.get());
    ::_exit(0);
  });
  const auto process = open_pidfd(child.pid());
  REQUIRE(process);
  g_ticks = 0;
  g_release_fd = release.writer.get();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = &tick;
  ::sigaction(SIGALRM, &action, &before);
  const itimerval every_ms{{0, 1000}, {0, 1000}};
  const itimerval off{};
  ::setitimer(ITIMER_REAL, &every_ms, nullptr);
  const bool exited = wait_for_exit(*process, test::kPatienceMs);
  ::setitimer(ITIMER_REAL, &off, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  CHECK(exited);
}

TEST_CASE("process: A running process is alive, a zombie and a missing one are not") {
  const KernelRoots roots;
  Child child;
  CHECK(is_alive(roots, child.pid()));
  const auto process = open_pidfd(child.pid());
  REQUIRE(send_signal(*process, SIGKILL));
  REQUIRE(wait_for_exit(*process, test::kPatienceMs));
  CHECK_FALSE(is_alive(roots, child.pid()));
  CHECK_FALSE(is_alive(roots, kNoSuchPid));
}

TEST_CASE("process: A name does not make a process a zombie") {
  FakeKernel kernel;
  fake_stat(kernel, 10, 1, "foo) Z 1 (");
  fake_stat(kernel, 11, 1, "x) S ", 'Z');
  fake_stat(kernel, 12, 1, "leader", 'Z', 2);
  fake_stat(kernel, 13, 1, "dead", 'X');
  CHECK(is_alive(kernel.roots(), 10));
  CHECK_FALSE(is_alive(kernel.roots(), 11));
  CHECK(is_alive(kernel.roots(), 12));
  CHECK_FALSE(is_alive(kernel.roots(), 13));
}

TEST_CASE("process: A zombie main thread with live threads is alive and still holds its memory") {
  const Child child([](const auto& notify) {
    hold_memory(32U << 20U);
    become_zombie_leader(notify);
  });
  CHECK(is_alive(KernelRoots{}, child.pid()));
  CHECK(tree_memory(KernelRoots{}, {child.pid()}, false).need >= 32U << 20U);
  CHECK(tree_memory(KernelRoots{}, {child.pid()}, true).need >= 32U << 20U);
}

TEST_CASE("process: Descendants are told, parents before children, without the ancestor") {
  const Child child([](const auto& notify) {
    const pid_t parent = ::getpid();
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      Child::die_with(parent);
      Child::wait_for_kill();
    }
    notify(grandchild);
  });
  CHECK(descendants(KernelRoots{}, child.pid()) == Pids{child.reported()});
  const auto all = descendants(KernelRoots{}, ::getpid());
  const auto first = std::find(all.begin(), all.end(), child.pid());
  const auto second = std::find(all.begin(), all.end(), child.reported());
  CHECK(first < second);
  CHECK(second != all.end());
  CHECK(std::find(all.begin(), all.end(), ::getpid()) == all.end());
}

TEST_CASE("process: Without the kernel's lists of children all of /proc is scanned") {
  FakeKernel kernel;
  fake_stat(kernel, 10, 1, "root");
  fake_stat(kernel, 9, 10, ") Z 10 (");
  fake_stat(kernel, 8, 9, "grand\nchild");
  fake_stat(kernel, 7, 1, "other) S 10 10 10");
  kernel.proc("11/stat", "broken");
  kernel.proc("self/stat", "");
  CHECK(descendants(kernel.roots(), 10) == Pids{9, 8});
  CHECK(descendants(kernel.roots(), 8).empty());
}

TEST_CASE("process: The need of a tree is anonymous, shared and swapped memory, not its files") {
  FakeKernel kernel;
  fake_status(kernel, 10, "RssAnon:\t100 kB\nRssFile:\t40 kB\nRssShmem:\t7 kB\nVmSwap:\t3 kB\n");
  fake_status(kernel, 11, "RssAnon:\t1 kB\nRssFile:\t0 kB\nRssShmem:\t0 kB\nVmSwap:\t0 kB\n");
  fake_status(kernel, 12, "");  // a zombie
  const auto memory = tree_memory(kernel.roots(), {10, 11, 12, 13}, false);
  CHECK(memory.need == 111 * 1024);
  CHECK(memory.anon == 101 * 1024);
  CHECK(memory.file == 40 * 1024);
  CHECK(memory.shmem == 7 * 1024);
  CHECK(memory.processes == 2);
}

TEST_CASE("process: The exact need counts shared pages by their share, where it can be read") {
  FakeKernel kernel;
  fake_status(kernel, 10, "RssAnon:\t100 kB\nRssFile:\t0 kB\nRssShmem:\t0 kB\nVmSwap:\t0 kB\n");
  fake_status(kernel, 11, "RssAnon:\t100 kB\nRssFile:\t0 kB\nRssShmem:\t0 kB\nVmSwap:\t0 kB\n");
  kernel.proc("10/smaps_rollup", "Pss: 70 kB\nPss_Anon: 60 kB\nPss_Shmem: 0 kB\nSwapPss: 1 kB\n");
  CHECK(tree_memory(kernel.roots(), {10, 11}, true).need == 161 * 1024);
  CHECK(tree_memory(kernel.roots(), {10, 11}, false).need == 200 * 1024);
}

TEST_CASE("process: The memory of a real child is seen") {
  const Child child([](const auto& notify) {
    hold_memory(16U << 20U);
    notify(0);
  });
  for (const bool exact : {false, true}) {
    const auto memory = tree_memory(KernelRoots{}, {child.pid()}, exact);
    CHECK(memory.processes == 1);
    CHECK(memory.need >= 16U << 20U);
    CHECK(memory.need < 256U << 20U);  // a sanitizer's own memory is in it
  }
}

TEST_CASE("process: The I/O of waited-for children is that of the process less its own threads'") {
  FakeKernel kernel;
  const auto io = [](int read, int write) {
    return "rchar: 9\nread_bytes: " + std::to_string(read) +
           "\nwrite_bytes: " + std::to_string(write) + "\n";
  };
  kernel.proc("self/io", io(1000, 500));
  kernel.proc("self/task/1/io", io(200, 100));
  kernel.proc("self/task/2/io", io(50, 600));
  const auto waited = waited_children_io(kernel.roots());
  REQUIRE(waited);
  CHECK(waited->read_bytes == 750);
  CHECK(waited->write_bytes == 0);
  kernel.proc("self/io", "junk\n");
  CHECK_FALSE(waited_children_io(kernel.roots()));
}

TEST_CASE("process: The own oom_score_adj is absent where it cannot be read") {
  FakeKernel kernel;
  CHECK_FALSE(own_oom_score_adj(kernel.roots()));
  kernel.proc("self/oom_score_adj", "-1000\n");
  CHECK(own_oom_score_adj(kernel.roots()) == -1000);
  kernel.proc("self/oom_score_adj", "x\n");
  CHECK_FALSE(own_oom_score_adj(kernel.roots()));
}

TEST_CASE("process: The largest is the one that needs most, page cache left out") {
  FakeKernel kernel;
  fake_need(kernel, 10, 100, 0, 0, 9000);
  fake_need(kernel, 11, 10, 80, 70);
  fake_need(kernel, 12, 120, 0, 0);
  CHECK(largest_of(kernel.roots(), {10, 11, 12}) == 11);
  CHECK(largest_of(kernel.roots(), {10, 12}) == 12);
  CHECK(largest_of(kernel.roots(), {10}) == 10);
}

TEST_CASE("process: Of equals the youngest is the largest, parents being listed before children") {
  FakeKernel kernel;
  for (const int pid : {10, 11, 12})
    fake_need(kernel, pid, 100, 0, 0);
  CHECK(largest_of(kernel.roots(), {10, 11, 12}) == 12);
}

TEST_CASE("process: Of those without memory none is the largest") {
  FakeKernel kernel;
  fake_status(kernel, 10, "");  // a zombie
  CHECK_FALSE(largest_of(kernel.roots(), {10, 11}));
  CHECK_FALSE(largest_of(kernel.roots(), {}));
  fake_need(kernel, 12, 0, 0, 0);
  CHECK(largest_of(kernel.roots(), {10, 12, 11}) == 12);
}

TEST_CASE("process: The largest of real children is found") {
  const Child small;
  const Child large([](const auto& notify) {
    hold_memory(32U << 20U);
    notify(0);
  });
  CHECK(largest_of(KernelRoots{}, {small.pid(), large.pid()}) == large.pid());
  CHECK(largest_of(KernelRoots{}, {large.pid(), small.pid()}) == large.pid());
}

TEST_CASE("process: The CPU time of a tree is that of each and of those it has waited for") {
  FakeKernel kernel;
  fake_times(kernel, 10, "100 20 3 4");
  fake_times(kernel, 11, "1000 0 0 0");
  kernel.proc("12/stat", "broken");
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  CHECK(tree_cpu_seconds(kernel.roots(), {10}) == Approx(127 / ticks));
  CHECK(tree_cpu_seconds(kernel.roots(), {10, 11, 12, 13}) == Approx(1127 / ticks));
  CHECK(tree_cpu_seconds(kernel.roots(), {}) == 0);
}

TEST_CASE("process: The CPU time of a real child is seen") {
  const Child child([](const auto& notify) {
    burn();
    notify(0);
  });
  const double seconds = tree_cpu_seconds(KernelRoots{}, {child.pid()});
  CHECK(seconds >= kBurnt - kRounded);
  CHECK(seconds < 1);
}

TEST_CASE("process: The CPU time of a process that has ended is not lost once it was waited for") {
  const Child child([](const auto& notify) {
    const pid_t worker = ::fork();
    if (worker == 0) {
      burn();
      ::_exit(0);
    }
    ::waitpid(worker, nullptr, 0);
    notify(0);
  });
  CHECK(tree_cpu_seconds(KernelRoots{}, {child.pid()}) >= kBurnt - kRounded);
}

TEST_CASE("process: Activity is the same while nothing is read or written") {
  FakeKernel kernel;
  fake_transferred(kernel, 10, 500, 20);
  const auto before = activity_of(kernel.roots(), {10, 11});
  CHECK(activity_of(kernel.roots(), {10, 11}) == before);
}

TEST_CASE("process: Activity changes with what is read, what is written, and who is there") {
  FakeKernel kernel;
  fake_transferred(kernel, 10, 500, 20);
  fake_transferred(kernel, 11, 500, 20);
  const auto before = activity_of(kernel.roots(), {10, 11});
  CHECK(activity_of(kernel.roots(), {10}) != before);
  CHECK(activity_of(kernel.roots(), {10, 11, 12}) != before);
  CHECK(activity_of(kernel.roots(), {10, 12}) != before);
  fake_transferred(kernel, 10, 501, 20);
  const auto after_reading = activity_of(kernel.roots(), {10, 11});
  CHECK(after_reading != before);
  fake_transferred(kernel, 11, 500, 21);
  CHECK(activity_of(kernel.roots(), {10, 11}) != after_reading);
}

TEST_CASE("process: Two that do nothing but talk to each other are active") {
  FakeKernel kernel;
  for (const int sizes : {1, 2, 64, 4096}) {
    for (const int partner : {11, 12, 13, 74, 4107}) {
      CAPTURE(sizes, partner);
      fake_transferred(kernel, 10, 0, 0);
      fake_transferred(kernel, partner, 0, 0);
      const auto before = activity_of(kernel.roots(), {10, partner});
      fake_transferred(kernel, 10, 0, sizes);
      fake_transferred(kernel, partner, sizes, 0);
      CHECK(activity_of(kernel.roots(), {10, partner}) != before);
    }
  }
}

TEST_CASE("process: A real child that reads and writes pipes is active") {
  auto to_child = test::make_pipe(O_CLOEXEC);
  auto from_child = test::make_pipe(O_CLOEXEC);
  const Child child([&](const auto& notify) {
    notify(0);
    char byte = 0;
    while (::read(to_child.reader.get(), &byte, 1) == 1 &&
           ::write(from_child.writer.get(), &byte, 1) == 1) {
    }
  });
  const Pids pids{child.pid()};
  for (int turn = 0; turn < 3; ++turn) {
    const auto before = activity_of(KernelRoots{}, pids);
    char byte = 'x';
    REQUIRE(::write(to_child.writer.get(), &byte, 1) == 1);
    REQUIRE(test::readable(from_child.reader.get()));
    REQUIRE(::read(from_child.reader.get(), &byte, 1) == 1);
    CHECK(test::eventually([&] { return activity_of(KernelRoots{}, pids) != before; }));
  }
}

TEST_CASE("process: Processes are found by a whole entry of their environment") {
  FakeKernel kernel;
  using namespace std::string_literals;
  kernel.proc("10/environ", "PATH=/bin\0JOBWARD_RUN_ID=ab\0HOME=/\0"s);
  kernel.proc("11/environ", "JOBWARD_RUN_ID=abc\0"s);
  kernel.proc("12/environ", "NOT_JOBWARD_RUN_ID=ab\0X=JOBWARD_RUN_ID=ab\0"s);
  kernel.proc("13/environ", "JOBWARD_RUN_ID=a\0JOBWARD_RUN_ID\0"s);
  kernel.proc("14/environ", "JOBWARD_RUN_ID=ab"s);  // cut off
  kernel.proc("15/environ", ""s);                   // a kernel thread, or a zombie
  kernel.proc("16/stat", "no environ");
  kernel.proc("self/environ", "JOBWARD_RUN_ID=ab\0"s);
  auto pids = processes_with_environment(kernel.roots(), "JOBWARD_RUN_ID=ab");
  std::sort(pids.begin(), pids.end());
  CHECK(pids == Pids{10, 14});
}

TEST_CASE("process: A process in a session of its own is found by what it was executed with") {
  const std::string entry = "JOBWARD_TEST=" + std::to_string(::getpid());
  const Child child([&](const auto& notify) {
    notify(0);
    become_sleep(entry);
  });
  CHECK(test::eventually(
      [&] { return has(processes_with_environment(KernelRoots{}, entry), child.pid()); }));
  CHECK_FALSE(has(processes_with_environment(KernelRoots{}, entry + "0"), child.pid()));
}

TEST_CASE("process: What a process sets later is not the environment it was executed with") {
  const std::string entry = "JOBWARD_TEST_LATER=" + std::to_string(::getpid());
  const Child child([&](const auto& notify) {
    static std::string kept = entry;
    ::putenv(kept.data());
    notify(0);
  });
  CHECK_FALSE(has(processes_with_environment(KernelRoots{}, entry), child.pid()));
}

TEST_CASE("process: A process has a name, as a zombie too, whatever it is") {
  for (const auto* name : {"plain", ") Z 1 (", "a b\n"}) {
    Child child([&](const auto& notify) {
      ::prctl(PR_SET_NAME, name);
      notify(0);
    });
    CHECK(name_of(KernelRoots{}, child.pid()) == std::string(name));
    REQUIRE(child.send(SIGKILL));
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT) == 0);
    CHECK(name_of(KernelRoots{}, child.pid()) == std::string(name));
  }
}

TEST_CASE("process: One that is gone has no name") {
  CHECK_FALSE(name_of(KernelRoots{}, kNoSuchPid));
}

TEST_CASE("process: What waited-for children transferred is without what its own threads did") {
  FakeKernel kernel;
  kernel.proc("self/io", "rchar: 1000\nwchar: 100\nread_bytes: 0\nwrite_bytes: 0\n");
  kernel.proc("self/task/1/io", "rchar: 400\nwchar: 40\nread_bytes: 0\nwrite_bytes: 0\n");
  CHECK(waited_children_io(kernel.roots()).value().transferred == 660);
}

TEST_CASE("process: Of equals the youngest is the largest, in whatever order they are listed") {
  FakeKernel kernel;
  for (const int pid : {10, 11, 12}) {
    fake_need(kernel, pid, 100, 0, 0);
    kernel.proc(std::to_string(pid) + "/stat", std::to_string(pid) +
                                                   " (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 " +
                                                   std::to_string(pid * 100) + " 0 0 0\n");
  }
  CHECK(largest_of(kernel.roots(), {12, 10, 11}) == 12);
}
