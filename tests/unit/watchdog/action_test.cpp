// What is signalled here are children of the test, whatever the made-up /proc says of them.
#include "watchdog/action.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <filesystem>
#include <string>

#include "host/observe/kill_mark.h"
#include "tests/support/child.h"
#include "tests/unit/host/ordinary_user.h"
#include "tests/unit/watchdog/fake_machine.h"
#include "watchdog/clock.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

constexpr std::uint64_t kPlenty = 900 * kMiB;
constexpr std::uint64_t kLow = 80 * kMiB;      // TERM at 102 MiB
constexpr std::uint64_t kVeryLow = 10 * kMiB;  // KILL at 51 MiB

void ignore_term(const Child::Notify& notify) {
  ::signal(SIGTERM, SIG_IGN);
  notify(0);
}

// A machine that is short of memory, and one large process on it: a child of this test.
struct Scene {
  explicit Scene(const Child& child, std::uint64_t available = kLow) : pid(child.pid()) {
    m.memory(available);
    m.process({.pid = pid, .start = 5, .rss_mib = 300});
  }
  bool begin() {
    const auto* found = eyes.victim(config);
    REQUIRE(found != nullptr);
    return begin(*found);
  }
  bool begin(const Unit& victim) {
    const auto snapshot = eyes.sensor.last();
    return (action.prepare(victim, level_of(config, snapshot), snapshot) && action.strike());
  }
  const ActionResult& result() { return action.result(); }

  int pid;
  FakeMachine m;
  Config config;
  Eyes eyes{m};
  Notify notify;
  const Releaser releaser;
  Action action{config, eyes.sensor, eyes.survey, notify, releaser};
};

bool died_of(Child& child, int signal) {
  const int status = child.wait();
  return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

std::int64_t milliseconds(const std::function<void()>& what) {
  const auto begun = monotonic_ms();
  what();
  return monotonic_ms() - begun;
}

}  // namespace

TEST_CASE("action: SIGTERM, and the memory that came back is verified") {
  Child child;
  Scene s(child);
  REQUIRE(s.begin());
  CHECK(s.result().sent_count == 1);
  CHECK_FALSE(s.result().sent[0].kill);
  CHECK(s.result().sent[0].time_ms > 0);
  s.m.memory(kPlenty);
  s.action.finish();
  CHECK(s.result().ended == Ended::gone);
  CHECK(s.result().exited_after_ms);
  CHECK(s.result().verified);
  CHECK(s.result().available_before == kLow);
  CHECK(s.result().available_after == kPlenty);
  CHECK(s.result().freed == kPlenty - kLow);
  CHECK(died_of(child, SIGTERM));
}

TEST_CASE("action: At the KILL level there is no SIGTERM") {
  Child child(ignore_term);
  Scene s(child, kVeryLow);
  REQUIRE(s.begin());
  s.m.memory(kPlenty);
  s.action.finish();
  CHECK(s.result().sent_count == 1);
  CHECK(s.result().sent[0].kill);
  CHECK(died_of(child, SIGKILL));
}

TEST_CASE("action: A grace of 0 kills at once") {
  Child child(ignore_term);
  Scene s(child);
  s.config.grace_seconds = 0;
  REQUIRE(s.begin());
  CHECK(s.result().sent[0].kill);
  CHECK(died_of(child, SIGKILL));
}

TEST_CASE("action: Who ignores SIGTERM is killed when the grace is over") {
  Child child(ignore_term);
  Scene s(child);
  s.config.grace_seconds = 0.3;
  REQUIRE(s.begin());
  const auto took = milliseconds([&] { s.action.finish(); });
  CHECK(took >= 300);
  CHECK(took < 3000);
  REQUIRE(s.result().sent_count == 2);
  CHECK_FALSE(s.result().sent[0].kill);
  CHECK(s.result().sent[1].kill);
  CHECK(s.result().ended == Ended::gone);
  CHECK(died_of(child, SIGKILL));
}

TEST_CASE("action: Memory that falls to the KILL level ends the grace") {
  Child child(ignore_term);
  Scene s(child);
  s.config.grace_seconds = 60;
  REQUIRE(s.begin());
  s.m.memory(kVeryLow);
  CHECK(milliseconds([&] { s.action.finish(); }) < 5000);
  CHECK(s.result().sent_count == 2);
  CHECK(died_of(child, SIGKILL));
}

TEST_CASE("action: Who ignores SIGTERM is spared when memory is back without it") {
  Child child(ignore_term);
  Scene s(child);
  s.config.grace_seconds = 0.1;
  REQUIRE(s.begin());
  s.m.memory(kPlenty);
  s.action.finish();
  CHECK(s.result().sent_count == 1);
  CHECK(s.result().ended == Ended::spared);
  CHECK_FALSE(s.result().exited_after_ms);
  CHECK(s.result().verified);
  CHECK_FALSE(child.ended());
}

TEST_CASE("action: Memory that did not come back is not verified") {
  Child child;
  Scene s(child);
  REQUIRE(s.begin());
  s.action.finish();
  CHECK(s.result().ended == Ended::gone);
  CHECK_FALSE(s.result().verified);
  CHECK(s.result().freed == 0);
}

TEST_CASE("action: Half of the victim's size given back is enough, though memory is still low") {
  Child child;
  Scene s(child, 1 * kMiB);
  s.config.memory_term = {{}, 500 * kMiB};
  s.config.memory_kill = {{}, 500 * kMiB};
  REQUIRE(s.begin());
  s.m.memory(200 * kMiB);
  s.action.finish();
  CHECK(s.result().verified);
  CHECK(s.result().freed == 199 * kMiB);
}

TEST_CASE("action: Memory that is back after choosing ends nobody") {
  Child child;
  Scene s(child);
  const auto* found = s.eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  const auto before = s.eyes.sensor.last();
  s.m.memory(kPlenty);
  CHECK_FALSE((s.action.prepare(victim, Level::term, before) && s.action.strike()));
  CHECK(s.result().ended == Ended::recovered);
  CHECK(s.result().sent_count == 0);
  CHECK_FALSE(child.ended());
}

TEST_CASE("action: Memory that got worse after choosing is acted on as it is now") {
  Child child(ignore_term);
  Scene s(child);
  const auto* found = s.eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  const auto before = s.eyes.sensor.last();
  s.m.memory(kVeryLow);
  CHECK((s.action.prepare(victim, Level::term, before) && s.action.strike()));
  CHECK(s.result().sent[0].kill);
  CHECK(s.result().available_before == kVeryLow);
}

TEST_CASE("action: A newcomer that has the victim's pid is not signalled") {
  Child child;
  Scene s(child);
  const auto* found = s.eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  remove_process(s.m.kernel, s.pid);
  s.m.process({.pid = s.pid, .start = 6, .rss_mib = 300});  // started later
  CHECK_FALSE(s.begin(victim));
  CHECK(s.result().ended == Ended::not_there);
  CHECK_FALSE(child.ended());
}

TEST_CASE("action: A victim that is gone is no trouble") {
  Child child;
  Scene s(child);
  const auto* found = s.eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  REQUIRE(child.send(SIGKILL));
  child.wait();
  CHECK_FALSE(s.begin(victim));
  CHECK(s.result().ended == Ended::not_there);
}

TEST_CASE("action: A victim that we may not signal is told as such") {
  if (::geteuid() != 0) FAIL("run as root: somebody else's process is needed");
  Child child;  // root's, but the made-up /proc says it is nobody's
  FakeMachine m;
  m.memory(kLow);
  m.process({.pid = child.pid(), .uid = 65534, .rss_mib = 300});
  const auto answer = as_ordinary_user(m.kernel.directory(), [&] {
    Eyes eyes(m);
    const Config config;
    const auto* found = eyes.victim(config);
    if (found == nullptr) return 1;
    const Unit victim = *found;
    Notify notify;
    const Releaser releaser;
    Action action(config, eyes.sensor, eyes.survey, notify, releaser);
    if (action.prepare(victim, Level::term, eyes.sensor.last()) && action.strike()) return 2;
    return action.result().ended == Ended::refused && action.result().errnum == EPERM ? 0 : 3;
  });
  if (answer) CHECK(*answer == 0);
  CHECK_FALSE(child.ended());
}

namespace {

// A job with these children of the test in it.
struct JobScene {
  JobScene() { m.memory(kLow); }
  JobScene(const Child& a, const Child& b) : JobScene() { fill(a, b); }
  void fill(const Child& a, const Child& b) {
    m.job("r1", 500, {{.pid = a.pid(), .rss_mib = 200}, {.pid = b.pid(), .rss_mib = 200}});
  }
  [[nodiscard]] std::string path(const std::string& name = "") const {
    return m.kernel.path("/cg/jobward-0/r1/job" + name);
  }
  bool begin() {
    const auto* found = eyes.victim(config);
    REQUIRE(found != nullptr);
    REQUIRE(found->is_job);
    const Unit victim = *found;
    return (action.prepare(victim, level_of(config, eyes.sensor.last()), eyes.sensor.last()) &&
            action.strike());
  }
  [[nodiscard]] std::optional<KillMark> mark() const {
    const Fd directory(::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto read = host::read_kill_mark(directory.get(), "job");
    REQUIRE(read);
    return *read;
  }
  void everybody_left() const {
    m.kernel.directory().write("/cg/jobward-0/r1/job/main/cgroup.procs", "");
  }

  FakeMachine m;
  Config config;
  Eyes eyes{m};
  Notify notify;
  Releaser releaser;
  Action action{config, eyes.sensor, eyes.survey, notify, releaser};
};

}  // namespace

TEST_CASE("action: All of a job is signalled, and the mark is there before") {
  Child a;
  Child b;
  JobScene s(a, b);
  REQUIRE(s.begin());
  const auto mark = s.mark();
  REQUIRE(mark);
  CHECK(mark->level == KillLevel::term);
  CHECK(mark->available == kLow);
  CHECK(mark->threshold == kTotal / 10);
  CHECK(mark->size == 500 * kMiB);
  CHECK(mark->time_ms > 0);
  CHECK(died_of(a, SIGTERM));
  CHECK(died_of(b, SIGTERM));
  s.everybody_left();
  s.m.memory(kPlenty);
  s.action.finish();
  CHECK(s.action.result().ended == Ended::gone);
  CHECK(s.action.result().verified);
}

TEST_CASE("action: Whose memory is not back after SIGKILL is helped to give it back") {
  Child a(ignore_term);
  Child b(ignore_term);
  JobScene s(a, b);
  auto releaser = Releaser::start();
  REQUIRE(releaser);
  s.releaser = std::move(*releaser);
  s.config.grace_seconds = 0;
  s.config.settle_seconds = 0.2;
  REQUIRE(s.begin());
  s.action.finish();  // the made-up list of processes goes on naming them
  CHECK(s.action.result().ended == Ended::still_there);
  CHECK(s.action.result().released);
}

TEST_CASE("action: Who is signalled finds the mark there already") {
  JobScene s;
  static std::string job;
  job = s.path();
  const auto looks = [](const Child::Notify& notify) {
    ::signal(SIGTERM, [](int) {
      ::_exit(::getxattr(job.c_str(), host::kKillMarkName, nullptr, 0) > 0 ? 0 : 1);
    });
    notify(0);
  };
  Child a(looks);
  Child b(looks);
  s.fill(a, b);
  REQUIRE(s.begin());
  CHECK(a.wait() == 0);
  CHECK(b.wait() == 0);
}

TEST_CASE("action: A job that could not be signalled keeps no mark") {
  Child a;
  Child b;
  JobScene s(a, b);
  const auto* found = s.eyes.victim(s.config);
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  REQUIRE(s.action.prepare(victim, Level::term, s.eyes.sensor.last()));
  s.everybody_left();
  CHECK_FALSE(s.action.strike());
  CHECK(s.action.result().ended == Ended::not_there);
  CHECK_FALSE(s.mark());
  CHECK_FALSE(a.ended());
}

TEST_CASE("action: A job of which one ignores SIGTERM is killed after the grace") {
  Child a;
  Child b(ignore_term);
  JobScene s(a, b);
  s.config.grace_seconds = 0.2;
  s.config.settle_seconds = 0.2;
  REQUIRE(s.begin());
  CHECK(died_of(a, SIGTERM));
  s.action.finish();
  CHECK(died_of(b, SIGKILL));
  CHECK(s.action.result().sent_count == 2);
}

TEST_CASE("action: A job that is spared after all has that in its mark") {
  Child a(ignore_term);
  Child b(ignore_term);
  JobScene s(a, b);
  s.config.grace_seconds = 0.1;
  REQUIRE(s.begin());
  s.m.memory(kPlenty);
  s.action.finish();
  CHECK(s.action.result().ended == Ended::spared);
  const auto mark = s.mark();
  REQUIRE(mark);
  CHECK(mark->spared);
  CHECK(mark->level == KillLevel::term);
}

TEST_CASE("action: What cannot be held is refused, and not taken for gone") {
  Child child;
  Scene s(child);
  const auto* found = s.eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit none = limit;
  none.rlim_cur = 0;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool struck = s.begin(victim);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK_FALSE(struck);
  CHECK(s.result().ended == Ended::refused);
  CHECK(s.result().errnum == EMFILE);
}

TEST_CASE("action: Who has left the job's cgroup is not signalled") {
  Child a;
  Child b;
  JobScene s(a, b);
  s.m.kernel.proc(std::to_string(a.pid()) + "/cgroup", "0::/jobward-0/r1/jobs\n");
  REQUIRE(s.begin());
  CHECK(died_of(b, SIGTERM));
  // It is listed first, so that a signal to it would have been sent before.
  ::poll(nullptr, 0, 100);
  CHECK_FALSE(a.ended());
}

TEST_CASE("action: A job's cgroup that was made anew is left alone") {
  Child a;
  Child b;
  JobScene s(a, b);
  const auto* found = s.eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  std::filesystem::rename(s.path(), s.path(".old"));
  remove_process(s.m.kernel, a.pid());
  remove_process(s.m.kernel, b.pid());
  s.m.job("r1", 500, {{.pid = a.pid(), .rss_mib = 200}, {.pid = b.pid(), .rss_mib = 200}});
  CHECK_FALSE((s.action.prepare(victim, Level::term, s.eyes.sensor.last()) && s.action.strike()));
  CHECK(s.action.result().ended == Ended::not_there);
  CHECK_FALSE(a.ended());
  CHECK_FALSE(b.ended());
}

TEST_CASE("action: Memory that is back after choosing leaves no mark on the job") {
  Child a;
  Child b;
  JobScene s(a, b);
  const auto* found = s.eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  const auto before = s.eyes.sensor.last();
  s.m.memory(kPlenty);
  CHECK_FALSE((s.action.prepare(victim, Level::term, before) && s.action.strike()));
  CHECK(::getxattr(s.path().c_str(), host::kKillMarkName, nullptr, 0) < 0);
  CHECK_FALSE(a.ended());
}
