// Between deciding and killing there may be no memory to be had: the watchdog asks for none. Every
// allocation of this program is counted; the victims are its own children.
#include <signal.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "tests/support/fake_processes.h"
#include "watchdog/action.h"
#include "watchdog/hooks.h"
#include "watchdog/journal.h"
#include "watchdog/report.h"
#include "watchdog/tmpfs.h"
#include "watchdog/watch.h"

namespace {

std::atomic<bool> counting = false;
std::atomic<int> allocations = 0;

void* counted(void* memory) {
  if (counting) ++allocations;
  return memory;
}

}  // namespace

// glibc's own, by the names under which it has them besides.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) { return counted(__libc_calloc(count, size)); }
void* realloc(void* memory, std::size_t size) { return counted(__libc_realloc(memory, size)); }
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return counted(__libc_memalign(alignment, size));
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  *out = counted(__libc_memalign(alignment, size));
  return *out == nullptr ? ENOMEM : 0;
}
}

namespace jobward::watchdog {
namespace {

int failures = 0;

template <class F>
void allocates_nothing(const char* what, F&& f) {
  allocations = 0;
  counting = true;
  const bool worked = f();
  counting = false;
  const int seen = allocations;
  std::printf("%s: %d allocations%s\n", what, seen, worked ? "" : ", BUT IT DID NOT WORK");
  if (seen != 0 || !worked) ++failures;
}

template <class T>
T require(Result<T> result) {
  if (result) return std::move(*result);
  std::printf("cannot be tested: %s\n", result.error().message().c_str());
  std::exit(1);
}

// A child that ends with the test, and ignores SIGTERM where told to.
pid_t start_child(bool ignores_term) {
  int ends[2];
  if (::pipe(ends) != 0) std::exit(1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    if (ignores_term) ::signal(SIGTERM, SIG_IGN);
    (void)!::write(ends[1], "x", 1);
    while (true)
      ::pause();
  }
  char byte = 0;
  if (child < 0 || ::read(ends[0], &byte, 1) != 1) std::exit(1);
  ::close(ends[0]);
  ::close(ends[1]);
  return child;
}

Unit unit_of(Survey& survey, pid_t pid) {
  const auto facts = survey.processes().facts(pid);
  if (!facts) std::exit(1);
  Unit out;
  out.pid = pid;
  out.start_ticks = facts->start_ticks;
  out.uid = facts->uid;
  out.size = 1;
  out.name = facts->name.view();
  out.has_facts = true;
  return out;
}

// Each way to the end of a process: SIGTERM; SIGTERM and SIGKILL; SIGKILL.
void check_action(Config config, Sensor& sensor, Survey& survey, const Releaser& releaser,
                  Level level, bool ignores_term, const char* what) {
  config.grace_seconds = 0.05;
  config.settle_seconds = 0.5;
  const pid_t child = start_child(ignores_term);
  const Unit victim = unit_of(survey, child);
  const Snapshot snapshot = sensor.last();
  Notify notify;
  Action action(config, sensor, survey, notify, releaser);
  allocates_nothing(what,
                    [&] { return (action.prepare(victim, level, snapshot) && action.strike()); });
  allocates_nothing("  and its end", [&] {
    action.finish();
    return action.result().ended == Ended::gone;
  });
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

// A job on a made-up machine, with a child of the test in it: from the look to the end.
void check_job(const Releaser& releaser) {
  const pid_t child = start_child(true);
  test::FakeKernel kernel;
  kernel.mount_v2("/cg", "memory");
  kernel.membership("0::/user\n");
  kernel.cgroup("/cg/user");
  kernel.proc("meminfo",
              "MemTotal: 1048576 kB\nMemFree: 1024 kB\nMemAvailable: 1024 kB\nShmem: 0 kB\n"
              "SwapTotal: 0 kB\nSwapFree: 0 kB\n");
  const std::string job = "/jobward-0/r1/job";
  kernel.cgroup("/cg" + job, {{"memory.stat", "anon 524288000\nshmem 0\n"}});
  const std::string attribute = "run=r1\nsupervisor=7\nboot=b\nowner=0\n";
  if (::setxattr(kernel.path("/cg" + job).c_str(), "user.jobward", attribute.data(),
                 attribute.size(), 0) != 0)
    std::exit(1);
  test::FakeProcess member{.pid = child, .rss_mib = 500};
  member.cgroup = job + "/main";
  test::add_process(kernel, member);
  kernel.directory().write("/cg" + job + "/main/cgroup.procs", std::to_string(child) + "\n");

  const auto roots = kernel.roots();
  auto sensor = require(Sensor::open(roots, ""));
  auto survey = require(Survey::open(roots, sensor));
  Config config;
  config.memory_kill = {};
  config.grace_seconds = 0.05;
  config.settle_seconds = 0.1;  // the made-up list of processes goes on naming it
  Notify notify;
  Action action(config, sensor, survey, notify, releaser);
  allocates_nothing("a job, from the look to its signal", [&] {
    const auto seen = sensor.sense();
    const auto* found = seen.empty() ? nullptr : survey.find_victim(config, seen[0]);
    return found != nullptr && found->is_job && action.prepare(*found, Level::term, seen[0]) &&
           action.strike();
  });
  allocates_nothing("  and its end", [&] {
    action.finish();
    return action.result().sent_count == 2 && action.result().released;
  });
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) ++failures;
}

void check_report(const Config& config, const host::KernelRoots& roots, Sensor& sensor,
                  Survey& survey, const std::string& directory) {
  auto journal = require(Journal::open(directory, 8U << 20U, 2));
  Config with_hooks = config;
  with_hooks.hook_before.argv = {"/bin/true"};
  auto hooks = require(Hooks::start(with_hooks));
  Report report(roots, &journal, &hooks, false);
  const Unit* victim = survey.find_victim(config, sensor.last());
  if (victim == nullptr) std::exit(1);
  allocates_nothing("announcing and recording", [&] {
    report.announce(*victim, Level::term);
    survey.complete(config, 10);
    report.kill(config, survey, *victim, Level::term, sensor.last(), ActionResult(), true);
    return journal.used() > 0;
  });
}

int run() {
  const host::KernelRoots roots;
  auto sensor = require(Sensor::open(roots, ""));
  auto survey = require(Survey::open(roots, sensor));
  Config config;
  config.protect = default_protection();
  // So that memory is always short.
  config.memory_warn = config.memory_term = config.memory_kill = {1.0, {}};
  config.memory_kill = {{}, 1};
  config.swap_term = config.swap_kill = {1.0, {}};
  allocates_nothing("sensing", [&] { return !sensor.sense().empty(); });
  for (const auto by : {SizeBy::rss, SizeBy::pss, SizeBy::oom_score}) {
    config.by = by;
    allocates_nothing("choosing", [&] {
      survey.find_victim(config, sensor.last());
      return survey.seen() > 0;
    });
  }
  config.by = SizeBy::rss;
  allocates_nothing("looking for a full tmpfs", [&] {
    fullest_tmpfs(roots);
    return true;
  });
  const auto releaser = require(Releaser::start());
  check_action(config, sensor, survey, releaser, Level::term, false, "SIGTERM");
  check_action(config, sensor, survey, releaser, Level::term, true,
               "SIGTERM, to be followed by SIGKILL");
  config.memory_kill = {1.0, {}};
  check_action(config, sensor, survey, releaser, Level::kill, true, "SIGKILL");
  check_job(releaser);
  char directory[] = "/tmp/jobward-test.XXXXXX";
  if (::mkdtemp(directory) == nullptr) return 1;
  check_report(config, roots, sensor, survey, directory);
  for (const auto* file : {"/journal", "/journal.next", ""})
    ::remove((std::string(directory) + file).c_str());
  // The counter counts.
  allocations = 0;
  counting = true;
  const std::string text(1000, 'x');
  counting = false;
  if (allocations == 0 || text.empty()) ++failures;
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace jobward::watchdog

int main() { return jobward::watchdog::run(); }
