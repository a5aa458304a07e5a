#include "watchdog/decide.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace jobward;
using namespace jobward::watchdog;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

// 10 GiB: the shares (1.5, 1, 0.5 GiB) are lower than the amounts.
Snapshot machine(std::uint64_t available, std::uint64_t swap_total = 0,
                 std::uint64_t swap_free = 0) {
  Snapshot out;
  out.memory_total = 10 * kGiB;
  out.memory_available = available;
  out.swap_total = swap_total;
  out.swap_free = swap_free;
  return out;
}

Unit process(int pid, std::uint64_t size, std::uint64_t start = 100) {
  Unit out;
  out.pid = pid;
  out.size = size;
  out.start_ticks = start;
  out.uid = 1000;
  out.name = "worker";
  out.exe = "/usr/bin/worker";
  out.cgroup = "/user/x";
  return out;
}

Unit job(int pid, std::uint64_t size, std::optional<std::uint64_t> p99 = {}) {
  Unit out = process(pid, size);
  out.is_job = true;
  out.p99 = p99;
  out.run = "r1";
  out.cgroup = "/jobward-1000/r1/job";
  return out;
}

ProtectRule rule(const std::string& exe, const std::string& name = "",
                 std::optional<uid_t> uid = {}, const std::string& cgroup = "") {
  ProtectRule out;
  out.exe = exe;
  out.name = name;
  out.uid = uid;
  out.cgroup = cgroup;
  return out;
}

struct Shields {
  Config config;
  Self self;
  int rule = -1;
  Why of(const Unit& unit, const host::ProcessFacts& facts = {}) {
    return shield_of(unit, facts, config, self, rule);
  }
};

}  // namespace

TEST_CASE("decide: At the threshold or below counts, one byte above does not") {
  const Config config;
  const std::uint64_t term = 10 * kGiB / 10;
  const std::uint64_t kill = 10 * kGiB / 20;
  CHECK(level_of(config, machine(10 * kGiB)) == Level::none);
  CHECK(level_of(config, machine(term * 3 / 2)) == Level::warn);
  CHECK(level_of(config, machine(term + 1)) == Level::warn);
  CHECK(level_of(config, machine(term)) == Level::term);
  CHECK(level_of(config, machine(kill + 1)) == Level::term);
  CHECK(level_of(config, machine(kill)) == Level::kill);
  CHECK(level_of(config, machine(0)) == Level::kill);
}

TEST_CASE("decide: Of share and amount the lower holds") {
  Config config;
  auto snapshot = machine(0);
  CHECK(threshold_of(config, Level::term, snapshot) == kGiB);  // 10 % of 10 GiB, not 2 GiB
  snapshot.memory_total = 100 * kGiB;
  CHECK(threshold_of(config, Level::warn, snapshot) == 3 * kGiB);
  CHECK(threshold_of(config, Level::term, snapshot) == 2 * kGiB);
  CHECK(threshold_of(config, Level::kill, snapshot) == kGiB);
  config.memory_term = {{}, 5 * kGiB};
  CHECK(threshold_of(config, Level::term, snapshot) == 5 * kGiB);
}

TEST_CASE("decide: With swap both have to be low, a machine without swap has none to wait for") {
  Config config;
  config.pressure_term.reset();
  const std::uint64_t swap = 10 * kGiB;
  CHECK(level_of(config, machine(0, swap, swap)) == Level::warn);
  CHECK(level_of(config, machine(0, swap, swap / 10 + 1)) == Level::warn);
  CHECK(level_of(config, machine(0, swap, swap / 10)) == Level::term);
  CHECK(level_of(config, machine(0, swap, swap / 20)) == Level::kill);
  CHECK(level_of(config, machine(10 * kGiB, swap, 0)) == Level::none);
  CHECK(level_of(config, machine(0)) == Level::kill);
}

TEST_CASE("decide: Pressure counts only together with low memory, and only for TERM") {
  Config config;
  config.pressure_term = 0.4;
  auto plenty = machine(5 * kGiB, kGiB, kGiB);
  plenty.full = 1.0;
  plenty.some = 1.0;
  CHECK(level_of(config, plenty) == Level::none);
  auto low = machine(kMiB, kGiB, kGiB);
  CHECK(level_of(config, low) == Level::warn);
  low.some = 1.0;
  CHECK(level_of(config, low) == Level::warn);
  low.full = 0.39;
  CHECK(level_of(config, low) == Level::warn);
  low.full = 0.4;
  CHECK(level_of(config, low) == Level::term);
  auto off = config;
  off.pressure_term.reset();
  CHECK(level_of(off, low) == Level::warn);
}

TEST_CASE("decide: A threshold of 0 is off, also when nothing at all is left") {
  Config config;
  config.memory_kill = {0.0, {}};
  CHECK(level_of(config, machine(0)) == Level::term);
  config.memory_term = {{}, 0};
  CHECK(level_of(config, machine(0)) == Level::warn);
  CHECK(memory_is_low(config, machine(0)));
  config.memory_warn = {};
  CHECK(level_of(config, machine(0)) == Level::none);
  CHECK_FALSE(memory_is_low(config, machine(0)));
  config.memory_term = {0.1, {}};
  CHECK(memory_is_low(config, machine(kGiB)));
  CHECK_FALSE(memory_is_low(config, machine(kGiB + 1)));
}

TEST_CASE("decide: A level never falls as memory gets less") {
  std::mt19937_64 random(5);
  const auto up_to = [&](std::uint64_t most) { return random() % (most + 1); };
  for (int i = 0; i < 5000; ++i) {
    Config config;
    config.memory_term = {static_cast<double>(up_to(100)) / 100, up_to(10 * kGiB)};
    config.memory_kill = {static_cast<double>(up_to(100)) / 100, up_to(10 * kGiB)};
    auto snapshot = machine(up_to(10 * kGiB), up_to(kGiB), 0);
    snapshot.swap_free = up_to(snapshot.swap_total);
    auto less = snapshot;
    less.memory_available = up_to(snapshot.memory_available);
    less.swap_free = up_to(snapshot.swap_free);
    REQUIRE(level_of(config, less) >= level_of(config, snapshot));
  }
}

TEST_CASE("decide: The wait is what the fastest filling takes to the threshold, within bounds") {
  Config config;
  config.fill_bytes_per_second = static_cast<double>(kGiB);
  CHECK(seconds_until(config, machine(10 * kGiB), false) == kLongestWait);
  // 1 GiB is the threshold.
  CHECK(seconds_until(config, machine(kGiB + kGiB / 2), false) == Approx(0.5));
  CHECK(seconds_until(config, machine(kGiB + kGiB / 2), true) == Approx(0.5));
  CHECK(seconds_until(config, machine(kGiB), false) == kNearWait);
  CHECK(seconds_until(config, machine(kGiB), true) == kShortestWait);
  CHECK(seconds_until(config, machine(0), true) == kShortestWait);
  // Swap that has to fill first gives time.
  CHECK(seconds_until(config, machine(kGiB, 10 * kGiB, 10 * kGiB), true) == kLongestWait);
  // Slowly filled, it is looked at when it gets there: 20 MiB/s, 1 MiB above the threshold.
  const auto slowly = [&](std::uint64_t now, std::uint64_t before) {
    return seconds_at_this_rate(config, machine(now), before, 0.1);
  };
  CHECK(slowly(kGiB + kMiB, kGiB + 3 * kMiB) == Approx(0.05));
  CHECK(slowly(kGiB + kMiB / 16, kGiB + 3 * kMiB) == kShortestWait);
  CHECK(slowly(kGiB + 100 * kMiB, kGiB + 101 * kMiB) == kLongestWait);
  CHECK(slowly(kGiB + kMiB, kGiB + kMiB) == kLongestWait);
  CHECK(slowly(kGiB, kGiB + kMiB) == kLongestWait);
}

TEST_CASE("decide: Until SIGKILL is due, swap has to fill as well as memory") {
  Config config;
  config.fill_bytes_per_second = static_cast<double>(kGiB);
  const std::uint64_t least = threshold_of(config, Level::kill, machine(0));
  CHECK(seconds_until_kill(config, machine(least)) == 0);
  CHECK(seconds_until_kill(config, machine(least + kGiB / 2)) == Approx(0.5));
  CHECK(seconds_until_kill(config, machine(least + 10 * kGiB)) == Approx(10));
  // 5 % of it is the threshold; 800 MiB/s.
  CHECK(seconds_until_kill(config, machine(0, 1000 * kMiB, 850 * kMiB)) == Approx(1));
  CHECK(seconds_until_kill(config, machine(0, 1000 * kMiB, 40 * kMiB)) == 0);
}

TEST_CASE("decide: Where only the KILL level is on, the wait is to that one") {
  Config config;
  config.fill_bytes_per_second = static_cast<double>(kGiB);
  config.memory_term = {{}, 0};
  config.memory_kill = {{}, kGiB};
  CHECK(seconds_until(config, machine(kGiB + kGiB / 2), false) == Approx(0.5));
  CHECK(seconds_at_this_rate(config, machine(kGiB + kMiB), kGiB + 3 * kMiB, 0.1) == Approx(0.05));
}

TEST_CASE("decide: An amount for the machine does not condemn all below a small limit") {
  Config config;
  config.memory_term = {{}, 2 * kGiB};
  config.memory_kill = {{}, kGiB};
  auto small = machine(kGiB);
  small.memory_total = 2 * kGiB;
  small.within = "/container";
  CHECK(level_of(config, small) == Level::kill);  // 1 GiB is a threshold there as well
  small.memory_available = kGiB + kMiB;
  CHECK(level_of(config, small) == Level::none);
  CHECK(threshold_of(config, Level::term, small) == 2 * kGiB / 10);
  small.memory_total = kGiB;
  small.memory_available = kGiB / 2;
  CHECK(level_of(config, small) == Level::none);
}

TEST_CASE("decide: A process of whom nothing speaks against it has no shield") {
  Shields s;
  CHECK(s.of(process(50, kMiB)) == Why::smaller);
  CHECK(s.of(job(50, kMiB)) == Why::smaller);
  CHECK(s.rule == -1);
}

TEST_CASE(
    "decide: Itself, its ancestors, process 1, kernel threads and -1000 are out of the question") {
  Shields s;
  const std::vector<int> ancestors{30, 20};
  s.self.pid = 40;
  s.self.ancestors = ancestors;
  CHECK(s.of(process(40, kGiB)) == Why::itself);
  CHECK(s.of(process(30, kGiB)) == Why::ancestor);
  CHECK(s.of(process(20, kGiB)) == Why::ancestor);
  CHECK(s.of(process(1, kGiB)) == Why::init);
  host::ProcessFacts facts;
  facts.kernel_thread = true;
  CHECK(s.of(process(50, kGiB), facts) == Why::kernel_thread);
  facts = {};
  facts.oom_score_adj = -1000;
  CHECK(s.of(process(50, kGiB), facts) == Why::unkillable);
  facts.oom_score_adj = -999;
  CHECK(s.of(process(50, kGiB), facts) == Why::smaller);
  facts = {};
  facts.gone = true;
  CHECK(s.of(process(50, kGiB), facts) == Why::gone);
  for (const auto why : {Why::itself, Why::ancestor, Why::init, Why::kernel_thread, Why::unkillable,
                         Why::gone, Why::other_user, Why::rule, Why::holds_watchdog})
    CHECK(is_protected(why));
}

TEST_CASE("decide: A job that the watchdog runs in is not ended") {
  Shields s;
  s.self.cgroup = "/jobward-1000/r1/job/main";
  CHECK(s.of(job(50, kGiB)) == Why::holds_watchdog);
  s.self.cgroup = "/jobward-1000/r1/job";
  CHECK(s.of(job(50, kGiB)) == Why::holds_watchdog);
  s.self.cgroup = "/jobward-1000/r1/jobs";
  CHECK(s.of(job(50, kGiB)) == Why::smaller);
  s.self.cgroup = "/jobward-1000/r1";
  CHECK(s.of(job(50, kGiB)) == Why::smaller);
}

TEST_CASE("decide: Without privilege only the own user's processes") {
  Shields s;
  s.self.uid = 1000;
  CHECK(s.of(process(50, kGiB)) == Why::smaller);
  auto other = process(50, kGiB);
  other.uid = 1001;
  CHECK(s.of(other) == Why::other_user);
  other.uid = 0;
  CHECK(s.of(other) == Why::other_user);
  s.self.uid = 0;
  CHECK(s.of(other) == Why::smaller);
}

TEST_CASE("decide: All of a rule has to match, and which it was is told") {
  Shields s;
  s.config.protect = {rule("/usr/sbin/sshd", "", 0), rule("", "worker", 1000),
                      rule("", "", {}, "/precious/*"), rule("/opt/*/agent")};
  auto unit = process(50, kGiB);
  CHECK(s.of(unit) == Why::rule);
  CHECK(s.rule == 1);
  unit.uid = 1001;  // the name of another user's process is worth nothing
  CHECK(s.of(unit) == Why::smaller);
  unit.exe = "/opt/a/b/agent";
  CHECK(s.of(unit) == Why::rule);
  CHECK(s.rule == 3);
  unit.exe = "/usr/sbin/sshd";
  CHECK(s.of(unit) == Why::smaller);  // not root's
  unit.uid = 0;
  CHECK(s.of(unit) == Why::rule);
  unit = process(50, kGiB);
  unit.name = "x";
  unit.cgroup = "/precious/a";
  CHECK(s.of(unit) == Why::rule);
  CHECK(s.rule == 2);
}

TEST_CASE("decide: A name that is put on protects nobody") {
  Shields s;
  s.config.protect = default_protection();
  for (const auto* name : {"claude", "sshd", "systemd", "tmux: server", "jobward"}) {
    CAPTURE(name);
    auto unit = process(50, kGiB);
    unit.name = name;
    CHECK(s.of(unit) == Why::smaller);
    unit.exe = std::string("/tmp/") + name;
    CHECK(s.of(unit) == Why::smaller);
    unit.exe = std::string("/home/eve/bin/") + name;
    CHECK(s.of(unit) == Why::smaller);
    unit.exe = "";
    CHECK(s.of(unit) == Why::smaller);
  }
}

TEST_CASE("decide: A program that was upgraded while it ran stays protected, for root alone") {
  Shields s;
  s.config.protect = default_protection();
  auto deleted = process(50, kGiB);
  deleted.exe = "/usr/sbin/cron (deleted)";
  deleted.uid = 0;
  CHECK(s.of(deleted) == Why::rule);
  deleted.uid = 1000;
  CHECK(s.of(deleted) == Why::smaller);
}

TEST_CASE("decide: The agent and the session go last") {
  Shields s;
  s.config.protect = default_protection();
  for (const auto* exe :
       {"/usr/bin/tmux", "/usr/bin/Xorg", "/usr/bin/dbus-daemon", "/usr/lib/systemd/systemd",
        "/usr/bin/claude", "/home/ann/.local/share/claude/versions/2.0.1",
        "/usr/local/bin/jobward"}) {
    CAPTURE(exe);
    auto unit = process(50, kGiB);
    unit.exe = exe;
    CHECK(s.of(unit) == Why::rule);
  }
  auto sshd = process(50, kGiB);
  sshd.exe = "/usr/sbin/sshd";
  sshd.uid = 0;
  CHECK(s.of(sshd) == Why::rule);
}

TEST_CASE("decide: What could not be read whole is not matched") {
  Shields s;
  s.config.protect = {rule("", "", {}, "/*")};
  auto unit = process(50, kGiB);
  unit.cgroup = "/" + std::string(2 * host::kLongestCgroup, 'x');
  CHECK(s.of(unit) == Why::smaller);
  s.config.protect = {rule("*")};
  unit.exe = "";
  CHECK(s.of(unit) == Why::smaller);
}

TEST_CASE("decide: The order is total, and the youngest of equals goes first") {
  std::vector<Unit> units;
  for (const std::uint64_t score : {0U, 5U})
    for (const std::uint64_t size : {kMiB, kGiB})
      for (const std::uint64_t start : {7U, 8U})
        for (const int pid : {11, 12}) {
          auto unit = process(pid, size, start);
          unit.score = score;
          units.push_back(unit);
        }
  for (const auto& a : units) {
    CHECK_FALSE(goes_before(a, a));
    for (const auto& b : units) {
      if (&a == &b) continue;
      CHECK(goes_before(a, b) != goes_before(b, a));
      for (const auto& c : units)
        if (goes_before(a, b) && goes_before(b, c)) CHECK(goes_before(a, c));
    }
  }
  CHECK(goes_before(process(1, kGiB, 9), process(2, kGiB, 8)));
  CHECK(goes_before(process(1, kGiB, 1), process(2, kMiB, 8)));
}

TEST_CASE("decide: The same one is chosen in whatever order they are given") {
  std::vector<Unit> units{process(1, kMiB, 5), process(2, kGiB, 5), process(3, kGiB, 9),
                          process(4, kGiB, 9), process(5, 5 * kGiB, 1)};
  units[4].why = Why::rule;
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    std::shuffle(units.begin(), units.end(), random);
    const int chosen = choose(units, {});
    REQUIRE(chosen >= 0);
    const auto& victim = units[static_cast<std::size_t>(chosen)];
    CHECK(victim.pid == 4);
    CHECK(victim.why == Why::largest);
    for (const auto& unit : units) {
      if (unit.pid == 4) continue;
      CHECK(unit.why == (unit.pid == 5 ? Why::rule : Why::smaller));
    }
  }
}

TEST_CASE("decide: Nobody is chosen where there is nobody, or all are protected") {
  CHECK(choose({}, {}) == -1);
  std::vector<Unit> units{process(1, kGiB), job(2, kGiB)};
  units[0].why = Why::init;
  units[1].why = Why::holds_watchdog;
  CHECK(choose(units, {}) == -1);
}

TEST_CASE("decide: prefer_over_estimate favours a job beyond its own p99 where sizes are close") {
  Config config;
  config.prefer_over_estimate = true;
  const auto chosen = [&](std::vector<Unit> units) {
    const int at = choose(units, config);
    return at < 0 ? -1 : units[static_cast<std::size_t>(at)].pid;
  };
  const std::uint64_t size = 1000 * kMiB;
  const auto beyond = [&](int pid, std::uint64_t s) { return job(pid, s, s - 1); };
  CHECK(chosen({process(1, size), beyond(2, size * 95 / 100)}) == 2);
  CHECK(chosen({process(1, size), beyond(2, size * 90 / 100)}) == 2);
  CHECK(chosen({process(1, size), beyond(2, size * 89 / 100)}) == 1);
  CHECK(chosen({process(1, size), job(2, size - 1, size - 1)}) == 1);  // within its estimate
  CHECK(chosen({process(1, size), job(2, size - 1)}) == 1);            // has none
  CHECK(chosen({beyond(1, size), beyond(2, size - 1)}) == 1);
  CHECK(chosen({process(1, size), beyond(2, size - 2), beyond(3, size - 1)}) == 3);
  auto shielded = beyond(2, size - 1);
  shielded.why = Why::rule;
  CHECK(chosen({process(1, size), shielded}) == 1);
  config.prefer_over_estimate = false;
  CHECK(chosen({process(1, size), beyond(2, size - 1)}) == 1);
}

TEST_CASE("decide: Below a cgroup is what its path says, not what a name begins with") {
  CHECK(is_below("/a/b", "/a"));
  CHECK(is_below("/a", "/a"));
  CHECK(is_below("/a/b", ""));
  CHECK(is_below("/a", "/"));
  CHECK_FALSE(is_below("/ab", "/a"));
  CHECK_FALSE(is_below("/a", "/a/b"));
  CHECK_FALSE(is_below("", "/a"));
}

TEST_CASE("decide: Globs") {
  CHECK(glob_matches("", ""));
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("*", "/any/thing"));
  CHECK(glob_matches("/usr/*bin/x", "/usr/local/bin/x"));
  CHECK(glob_matches("/a?c", "/abc"));
  CHECK(glob_matches("*ab*ab*", "aabab"));
  CHECK(glob_matches("/x**", "/x"));
  for (const auto& [pattern, text] :
       {std::pair("", "x"), std::pair("/a", "/ab"), std::pair("/ab", "/a"), std::pair("/a?", "/a"),
        std::pair("*ab*ab*", "aab"), std::pair("/usr/*bin/x", "/usr/bin/x/y"),
        std::pair("?", "")}) {
    CAPTURE(pattern);
    CHECK_FALSE(glob_matches(pattern, text));
  }
  CHECK(glob_matches("/a\xFF*", "/a\xFF\n\t"));
}

TEST_CASE("decide: A glob that backtracks ends soon") {
  const std::string text(host::kLongestExe, 'a');
  std::string pattern;
  for (int i = 0; i < 100; ++i)
    pattern += "a*";
  CHECK(glob_matches(pattern, text));
  CHECK_FALSE(glob_matches(pattern + "b*", text));
}
