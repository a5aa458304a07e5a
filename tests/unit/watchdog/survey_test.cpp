#include "watchdog/survey.h"

#include <sys/sysinfo.h>

#include <filesystem>
#include <string>

#include "tests/unit/watchdog/fake_machine.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

constexpr int kPid = kFirstFakePid;

ProtectRule protect(const std::string& exe) {
  ProtectRule out;
  out.exe = exe;
  return out;
}

}  // namespace

TEST_CASE("survey: The largest goes, with all that is known of it") {
  FakeMachine m;
  m.process({.pid = kPid, .rss_mib = 100});
  m.process({.pid = kPid + 1,
             .name = "hog",
             .exe = "/opt/hog",
             .cgroup = "/x",
             .start = 77,
             .uid = 5,
             .rss_mib = 300});
  m.process({.pid = kPid + 2, .rss_mib = 200});
  Eyes eyes(m);
  const auto* victim = eyes.victim();
  REQUIRE(victim != nullptr);
  CHECK(victim->pid == kPid + 1);
  CHECK(victim->size == 300 * kMiB);
  CHECK(victim->name == "hog");
  CHECK(victim->exe == "/opt/hog");
  CHECK(victim->cgroup == "/x");
  CHECK(victim->uid == 5);
  CHECK(victim->start_ticks == 77);
  CHECK(victim->why == Why::largest);
  REQUIRE(eyes.survey.units().size() == 3);
  CHECK(eyes.survey.units()[1].pid == kPid + 2);
  CHECK(eyes.survey.units()[2].pid == kPid);
  CHECK(eyes.survey.seen() == 3);
}

TEST_CASE("survey: Of equals the youngest goes, then the highest pid") {
  FakeMachine m;
  m.process({.pid = kPid, .start = 9, .rss_mib = 300});
  m.process({.pid = kPid + 1, .start = 8, .rss_mib = 300});
  m.process({.pid = kPid + 2, .start = 9, .rss_mib = 300});
  m.process({.pid = kPid + 3, .start = 7, .rss_mib = 300});
  Eyes eyes(m);
  CHECK(eyes.victim_pid() == kPid + 2);
  remove_process(m.kernel, kPid + 2);
  CHECK(eyes.victim_pid() == kPid);
  remove_process(m.kernel, kPid);
  CHECK(eyes.victim_pid() == kPid + 1);
}

TEST_CASE("survey: Of many equals the youngest goes, wherever it is listed") {
  FakeMachine m;
  for (int i = 0; i < 100; ++i)
    m.process({.pid = kPid + i, .start = static_cast<unsigned>(1000 - i), .rss_mib = 300});
  Eyes eyes(m);
  CHECK(eyes.victim_pid() == kPid);
  for (const auto& unit : eyes.survey.units())
    CHECK(unit.why != Why::largest);
}

TEST_CASE("survey: Nobody there, or nobody with memory: no victim") {
  FakeMachine m;
  Eyes eyes(m);
  CHECK(eyes.victim() == nullptr);
  m.process({.pid = kPid, .state = 'Z'});
  m.process({.pid = kPid + 1, .flags = 0x00200000, .threads = 2});
  CHECK(eyes.victim() == nullptr);
}

TEST_CASE("survey: A zombie main thread with living threads can be chosen") {
  FakeMachine m;
  m.process({.pid = kPid, .rss_mib = 100});
  m.process({.pid = kPid + 1, .state = 'Z', .threads = 2, .rss_mib = 300});
  Eyes eyes(m);
  CHECK(eyes.victim_pid() == kPid + 1);
}

TEST_CASE("survey: A protected hog survives, the second goes, however it calls itself") {
  FakeMachine m;
  m.process({.pid = kPid, .exe = "/opt/precious", .rss_mib = 500});
  m.process({.pid = kPid + 1, .name = "precious", .exe = "/tmp/precious", .rss_mib = 400});
  m.process({.pid = kPid + 2, .rss_mib = 10});
  Config config;
  config.protect = {protect("/opt/precious")};
  Eyes eyes(m);
  CHECK(eyes.victim_pid(config) == kPid + 1);
  CHECK(eyes.why(kPid) == Why::rule);
}

TEST_CASE("survey: More protected large ones than it lists do not hide the victim") {
  static constexpr int kMost = Survey::kMost;
  const auto protected_ones =
      GENERATE(kMost - 1, kMost, kMost + 1, 2 * kMost - 1, 2 * kMost, 2 * kMost + 1, 150);
  CAPTURE(protected_ones);
  FakeMachine m;
  for (int i = 0; i < protected_ones; ++i)
    m.process({.pid = kPid + i, .exe = "/opt/precious", .rss_mib = 500});  // all alike
  m.process({.pid = kPid + 1000, .rss_mib = 300});
  m.process({.pid = kPid + 1001, .rss_mib = 200});
  Config config;
  config.protect = {protect("/opt/precious")};
  Eyes eyes(m);
  const auto* victim = eyes.victim(config);
  REQUIRE(victim != nullptr);
  CHECK(victim->pid == kPid + 1000);
  CHECK(victim->why == Why::largest);
  CHECK(eyes.survey.units().size() ==
        std::min<std::size_t>(Survey::kMost, static_cast<std::size_t>(protected_ones) + 2));
}

TEST_CASE("survey: However many are protected, all are looked at twice at most") {
  FakeMachine m;
  constexpr int kMany = 300;
  for (int i = 0; i < kMany; ++i)
    m.process({.pid = kPid + i,
               .rss_mib = std::uint64_t{500} - static_cast<std::uint64_t>(i),
               .oom_score_adj = -1000});
  Eyes eyes(m);
  CHECK(eyes.victim_pid() == -1);
  CHECK(eyes.survey.seen() <= 2 * kMany);
  m.process({.pid = kPid + kMany, .rss_mib = 20});
  CHECK(eyes.victim_pid() == kPid + kMany);
  CHECK(eyes.survey.seen() <= 2 * (kMany + 1));
}

TEST_CASE("survey: All protected, also where they are many: nobody") {
  FakeMachine m;
  for (int i = 0; i < 70; ++i)
    m.process({.pid = kPid + i, .exe = "/opt/precious", .rss_mib = 500});
  Config config;
  config.protect = {protect("/opt/precious")};
  Eyes eyes(m);
  CHECK(eyes.victim(config) == nullptr);
}

TEST_CASE("survey: Swapped memory counts where swap is in use") {
  FakeMachine m;
  m.memory(100 * kMiB, 500 * kMiB, 100 * kMiB);
  m.process({.pid = kPid, .rss_mib = 200});
  m.process({.pid = kPid + 1, .rss_mib = 100, .swap_mib = 300});
  Eyes eyes(m);
  const auto* victim = eyes.victim();
  REQUIRE(victim != nullptr);
  CHECK(victim->pid == kPid + 1);
  CHECK(victim->size == 400 * kMiB);
}

TEST_CASE("survey: by pss the largest share goes, not the most pages mapped") {
  Config config;
  config.by = SizeBy::pss;
  FakeMachine m;
  m.process({.pid = kPid, .rss_mib = 900, .pss_mib = 100});
  m.process({.pid = kPid + 1, .rss_mib = 500, .pss_mib = 450});
  m.process({.pid = kPid + 2, .rss_mib = 460, .pss_mib = 460});
  m.process({.pid = kPid + 3, .rss_mib = 400, .pss_mib = 400});
  Eyes eyes(m);
  const auto* victim = eyes.victim(config);
  REQUIRE(victim != nullptr);
  CHECK(victim->pid == kPid + 2);
  CHECK(victim->size == 460 * kMiB);
}

TEST_CASE("survey: by pss those that share much do not hide a larger one that shares nothing") {
  // As the processes of a database with a large shared buffer.
  Config config;
  config.by = SizeBy::pss;
  FakeMachine m;
  for (int i = 0; i < 100; ++i)
    m.process({.pid = kPid + i, .rss_mib = 600, .pss_mib = 6});
  m.process({.pid = kPid + 1000, .rss_mib = 500, .pss_mib = 500});
  Eyes eyes(m);
  CHECK(eyes.victim_pid(config) == kPid + 1000);
}

TEST_CASE("survey: by pss of what may not be read the resident memory counts") {
  Config config;
  config.by = SizeBy::pss;
  FakeMachine m;
  m.process({.pid = kPid, .rss_mib = 500, .pss_mib = 100});
  m.process({.pid = kPid + 1, .rss_mib = 300, .pss_mib = 1});
  std::filesystem::remove(
      m.kernel.directory().path("proc/" + std::to_string(kPid + 1) + "/smaps_rollup"));
  Eyes eyes(m);
  CHECK(eyes.victim_pid(config) == kPid + 1);
}

TEST_CASE("survey: by oom_score the kernel's own order counts") {
  Config config;
  config.by = SizeBy::oom_score;
  FakeMachine m;
  m.process({.pid = kPid, .rss_mib = 900, .oom_score = 10});
  m.process({.pid = kPid + 1, .rss_mib = 100, .oom_score = 800});
  m.process({.pid = kPid + 2, .rss_mib = 200, .oom_score = 800});
  Eyes eyes(m);
  CHECK(eyes.victim_pid(config) == kPid + 2);
}

TEST_CASE("survey: by oom_score a job counts for all it holds") {
  Config config;
  config.by = SizeBy::oom_score;
  FakeMachine m;
  // The kernel gives two thirds of a thousandth of all memory and swap each.
  struct sysinfo info {};
  REQUIRE(::sysinfo(&info) == 0);
  const auto thousandth =
      (std::uint64_t{info.totalram} + info.totalswap) * info.mem_unit / 1000 / kMiB;
  m.job("r1", 100 + 90 * thousandth,
        {{.pid = kPid, .rss_mib = 100, .oom_score = 700},
         {.pid = kPid + 1, .rss_mib = 20, .oom_score = 690}});
  m.process({.pid = kPid + 5, .rss_mib = 400, .oom_score = 750});
  SECTION("larger than any process") {
    Eyes eyes(m);
    const auto* victim = eyes.victim(config);
    REQUIRE(victim != nullptr);
    CHECK(victim->is_job);
    CHECK(victim->score >= 758);
    CHECK(victim->score <= 761);
  }
  SECTION("smaller than one") {
    m.process({.pid = kPid + 6, .rss_mib = 10, .oom_score = 800});
    Eyes eyes(m);
    CHECK(eyes.victim_pid(config) == kPid + 6);
  }
}

TEST_CASE("survey: A job is one unit, its processes are no others") {
  FakeMachine m;
  m.job("r1", 600,
        {{.pid = kPid, .rss_mib = 200}, {.pid = kPid + 1, .name = "big", .rss_mib = 350}});
  m.process({.pid = kPid + 5, .rss_mib = 400});
  Eyes eyes(m);
  const auto* victim = eyes.victim();
  REQUIRE(victim != nullptr);
  CHECK(victim->is_job);
  CHECK(victim->run == "r1");
  CHECK(victim->size == 600 * kMiB);
  CHECK(victim->pid == kPid + 1);
  CHECK(victim->cgroup == "/jobward-0/r1/job");
  eyes.survey.complete({}, Survey::kMost);
  CHECK(eyes.why(kPid + 5) == Why::smaller);
  CHECK(eyes.why(kPid) == Why::part_of_job);
}

TEST_CASE("survey: A job whose largest process has just gone is a job still") {
  FakeMachine m;
  m.job("r1", 600, {{.pid = kPid, .rss_mib = 200}, {.pid = kPid + 1, .rss_mib = 350}});
  REQUIRE(std::filesystem::remove(
      m.kernel.directory().path("proc/" + std::to_string(kPid + 1) + "/stat")));
  Eyes eyes(m);
  const auto* victim = eyes.victim();
  REQUIRE(victim != nullptr);
  CHECK(victim->is_job);
  CHECK(victim->pid == kPid);
}

TEST_CASE(
    "survey: A larger process goes before a job, and the job's processes are not taken for it") {
  FakeMachine m;
  m.job("r1", 300,
        {{.pid = kPid, .rss_mib = 900}});  // rss counts shared pages that the job does not pay for
  m.process({.pid = kPid + 5, .rss_mib = 400});
  Eyes eyes(m);
  const auto* victim = eyes.victim();
  REQUIRE(victim != nullptr);
  CHECK(victim->pid == kPid + 5);
  CHECK_FALSE(victim->is_job);
}

TEST_CASE("survey: An agent that was started as a job goes last, what it has started goes before") {
  ProtectRule rule;
  rule.exe = "/opt/agent";
  Config config;
  config.protect = {rule};
  FakeMachine m;
  const FakeProcess agent{.pid = kPid + 1, .exe = "/opt/agent", .start = 5, .rss_mib = 200};
  const FakeProcess tool{.pid = kPid, .start = 6, .rss_mib = 350};
  SECTION("a process of it") {
    m.job("r1", 600, {tool, agent});
    Eyes eyes(m);
    const auto* victim = eyes.victim(config);
    REQUIRE(victim != nullptr);
    CHECK_FALSE(victim->is_job);
    CHECK(victim->pid == kPid);
    eyes.survey.complete(config, Survey::kMost);
    CHECK(eyes.why(kPid + 1) == Why::rule);
  }
  SECTION("a job in it") {
    m.job("r1", 600, {agent});
    m.job("r2", 350, {tool}, "", 0, "/jobward-0/r1/job/main");
    Eyes eyes(m);
    const auto* victim = eyes.victim(config);
    REQUIRE(victim != nullptr);
    CHECK(victim->is_job);
    CHECK(victim->run == "r2");
  }
  SECTION("one that a job has started, which goes as a whole") {
    auto later = agent;
    later.start = 7;
    m.job("r1", 600, {tool, later});
    Eyes eyes(m);
    const auto* victim = eyes.victim(config);
    REQUIRE(victim != nullptr);
    CHECK(victim->is_job);
  }
}

TEST_CASE("survey: A job behind many larger ones that are protected is found as one") {
  FakeMachine m;
  for (int i = 0; i < static_cast<int>(Survey::kMost) + 8; ++i)
    m.process({.pid = kPid + i, .rss_mib = 700, .oom_score_adj = -1000});
  m.job("r1", 600, {{.pid = kPid + 100, .rss_mib = 100}, {.pid = kPid + 101, .rss_mib = 90}});
  m.process({.pid = kPid + 200, .rss_mib = 300});
  Eyes eyes(m);
  const auto* victim = eyes.victim();
  REQUIRE(victim != nullptr);
  CHECK(victim->is_job);
  CHECK(victim->run == "r1");
}

TEST_CASE("survey: unit process takes processes only") {
  Config config;
  config.unit = UnitKind::process;
  FakeMachine m;
  m.job("r1", 600, {{.pid = kPid, .rss_mib = 200}, {.pid = kPid + 1, .rss_mib = 350}});
  m.process({.pid = kPid + 5, .rss_mib = 300});
  Eyes eyes(m);
  const auto* victim = eyes.victim(config);
  REQUIRE(victim != nullptr);
  CHECK(victim->pid == kPid + 1);
  CHECK_FALSE(victim->is_job);
}

TEST_CASE("survey: prefer_over_estimate looks beyond the largest") {
  Config config;
  FakeMachine m;
  m.process({.pid = kPid, .rss_mib = 500});
  m.job("r1", 470, {{.pid = kPid + 1, .rss_mib = 470}}, "p99=1048576\n");
  Eyes eyes(m);
  CHECK(eyes.victim_pid(config) == kPid);
  config.prefer_over_estimate = true;
  CHECK(eyes.victim_pid(config) == kPid + 1);
}

TEST_CASE("survey: The watchdog, its ancestors and the job around it stay") {
  FakeMachine m;
  const int self = ::getpid();
  m.process({.pid = self, .parent = kPid, .rss_mib = 900});
  m.process({.pid = kPid, .parent = kPid + 1, .rss_mib = 800});
  m.process({.pid = kPid + 1, .parent = 1, .rss_mib = 700});
  m.process({.pid = 1, .name = "init", .parent = 0, .rss_mib = 600});
  m.process({.pid = kPid + 2, .rss_mib = 50});
  Eyes eyes(m);
  CHECK(eyes.victim_pid() == kPid + 2);
  CHECK(eyes.why(self) == Why::itself);
  CHECK(eyes.why(kPid) == Why::ancestor);
  CHECK(eyes.why(kPid + 1) == Why::ancestor);
  FakeMachine enclosed;
  enclosed.job("r1", 600,
               {{.pid = kPid, .rss_mib = 500}, {.pid = self, .parent = kPid, .rss_mib = 1}});
  Eyes within_job(enclosed);
  CHECK(within_job.victim() == nullptr);
  CHECK(within_job.why(kPid) == Why::holds_watchdog);
}

TEST_CASE("survey: Within a cgroup nobody outside is looked at") {
  FakeMachine m;
  m.kernel.cgroup(
      "/cg/mine",
      {{"memory.current", "104857600\n"}, {"memory.max", "209715200\n"}, {"memory.stat", ""}});
  m.process({.pid = kPid, .cgroup = "/", .rss_mib = 900});
  m.process({.pid = kPid + 1, .cgroup = "/mine/deep", .rss_mib = 60});
  m.process({.pid = kPid + 2, .cgroup = "/mine", .rss_mib = 40});
  m.kernel.directory().write("/cg/mine/cgroup.procs", std::to_string(kPid + 2) + "\n");
  m.kernel.directory().write("/cg/mine/deep/cgroup.procs", std::to_string(kPid + 1) + "\n");
  m.job("outside", 800, {{.pid = kPid + 3, .rss_mib = 800}});
  Eyes eyes(m, "/mine");
  CHECK(eyes.victim_pid() == kPid + 1);
  CHECK(eyes.survey.seen() == 2);
}

TEST_CASE("survey: Who was left out is not taken again, a newcomer of the same number is") {
  FakeMachine m;
  m.process({.pid = kPid, .start = 5, .rss_mib = 500});
  m.process({.pid = kPid + 1, .rss_mib = 100});
  Eyes eyes(m);
  const auto* stuck = eyes.victim();
  REQUIRE(stuck != nullptr);
  const Unit first = *stuck;
  eyes.survey.leave_out(first, Why::stuck);
  CHECK(eyes.victim_pid() == kPid + 1);
  CHECK(eyes.why(kPid) == Why::stuck);
  remove_process(m.kernel, kPid);
  m.process({.pid = kPid, .start = 6, .rss_mib = 500});
  CHECK(eyes.victim_pid() == kPid);
  CHECK_FALSE(eyes.survey.is_same(first));
}

TEST_CASE("survey: A cgroup that was made anew is not the old one") {
  FakeMachine m;
  m.job("r1", 600, {{.pid = kPid, .rss_mib = 200}});
  Eyes eyes(m);
  const auto* found = eyes.victim();
  REQUIRE(found != nullptr);
  const Unit victim = *found;
  CHECK(eyes.survey.is_same(victim));
  const auto path = m.kernel.path("/cg/jobward-0/r1/job");
  std::filesystem::rename(path, path + ".old");  // keeps its inode from being given out again
  CHECK_FALSE(eyes.survey.is_same(victim));
  remove_process(m.kernel, kPid);
  m.job("r1", 600, {{.pid = kPid, .rss_mib = 200}});
  CHECK_FALSE(eyes.survey.is_same(victim));
}
