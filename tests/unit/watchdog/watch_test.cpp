// Only as a dry run, or on processes that cannot exist: nothing is signalled here.
#include "watchdog/watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/files.h"
#include "common/text.h"
#include "tests/unit/watchdog/fake_machine.h"
#include "watchdog/clock.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;
using nlohmann::json;

namespace {

constexpr int kPid = kFirstFakePid;
constexpr std::uint64_t kPlenty = 900 * kMiB;
constexpr std::uint64_t kWarn = 140 * kMiB;
constexpr std::uint64_t kLow = 80 * kMiB;

// What is said to people goes nowhere for as long as this lives.
class Silence {
 public:
  Silence() : kept_(::dup(STDERR_FILENO)) {
    const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    ::dup2(null.get(), STDERR_FILENO);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() { ::dup2(kept_.get(), STDERR_FILENO); }

 private:
  Fd kept_;
};

Journal open_journal(const std::string& directory) {
  auto made = Journal::open(directory, 8U << 20U, 2);
  if (!made) FAIL(made.error().message());
  return std::move(*made);
}

struct PreparedMachine : FakeMachine {
  explicit PreparedMachine(void (*prepare)(FakeMachine&)) { prepare(*this); }
};

// What is free on the made-up machine, outright.
std::uint64_t free_bytes = 0;
std::optional<Sensor::Free> free_now() { return Sensor::Free{free_bytes, 0}; }

// A watchdog on a made-up machine, and its journal.
struct Scene {
  explicit Scene(
      bool dry_run = true, void (*prepare)(FakeMachine&) = [](FakeMachine&) {})
      : m(prepare),
        watch(roots, eyes.sensor, eyes.survey, report, notify, releaser, dry_run, &free_now) {}

  Watch::Tick tick(bool by_pressure = true) {
    const Silence silence;
    return watch.tick(config, by_pressure);
  }
  // What is in the journal, strictly read.
  std::vector<json> lines() {
    const auto text = read_file(journal.path());
    REQUIRE(text);
    std::vector<json> out;
    for (const auto line : split(std::string_view(*text).substr(0, journal.used()), '\n'))
      if (!line.empty()) out.push_back(json::parse(line));
    return out;
  }
  std::vector<std::string> events() {
    std::vector<std::string> out;
    for (const auto& line : lines())
      out.push_back(line["event"]);
    return out;
  }

  PreparedMachine m;
  Config config;
  host::KernelRoots roots = m.kernel.roots();
  Eyes eyes{m};
  Journal journal = open_journal(m.kernel.directory().path("state"));
  Report report{roots, &journal, nullptr, false};
  Notify notify;
  Releaser releaser;
  Watch watch;
};

using Events = std::vector<std::string>;

std::string control_characters(std::size_t count, int seed) {
  std::string out = "/" + std::to_string(seed);
  while (out.size() < count)
    out += static_cast<char>(1 + (out.size() + static_cast<unsigned>(seed)) % 9);
  return out;
}

}  // namespace

TEST_CASE("watch: With plenty of memory nothing is done and nothing is said") {
  Scene s;
  s.m.process({.pid = kPid, .rss_mib = 500});
  s.m.memory(kPlenty);
  const auto tick = s.tick();
  CHECK_FALSE(tick.acted);
  CHECK_FALSE(tick.failed);
  CHECK(s.events().empty());
}

TEST_CASE("watch: A warning once, and again after memory was back") {
  Scene s;
  for (int i = 0; i < 5; ++i) {
    s.m.memory(kWarn);
    CHECK_FALSE(s.tick().acted);
  }
  CHECK(s.events() == Events{"warning"});
  s.m.memory(kPlenty);
  s.tick();
  s.m.memory(kWarn);
  s.tick();
  CHECK(s.events() == Events{"warning", "warning"});
  const auto line = s.lines()[0];
  CHECK(line["severity"] == "INFO");
  CHECK(line["snapshot"]["memory_available_bytes"] == kWarn);
  CHECK(line["snapshot"]["memory_total_bytes"] == kTotal);
  CHECK_FALSE(line["snapshot"].contains("pressure_full_avg10"));
}

TEST_CASE("watch: Pressure takes the place of low swap, with a warning before it or without") {
  const auto prepare = [](FakeMachine& m) {
    m.kernel.proc(
        "pressure/memory",
        "some avg10=90.00 avg60=1 avg300=1 total=1\nfull avg10=80.00 avg60=1 avg300=1 total=1\n");
    m.process({.pid = kPid, .rss_mib = 500});
    m.memory(kPlenty, kTotal, kTotal);
  };
  const bool has_warning = GENERATE(true, false);
  CAPTURE(has_warning);
  Scene s(true, prepare);
  if (!has_warning) s.config.memory_warn = {};
  CHECK_FALSE(s.tick().acted);
  s.m.memory(kLow, kTotal, kTotal);
  CHECK(s.tick().acted);
  REQUIRE_FALSE(s.lines().empty());
  CHECK(s.lines().back()["snapshot"]["pressure_full_avg10"] == 80.0);
}

TEST_CASE("watch: On an idle machine a look costs no reading of /proc") {
  Scene s;
  s.m.memory(kPlenty);
  free_bytes = kPlenty;
  CHECK_FALSE(s.tick(false).failed);
  s.m.kernel.proc("meminfo", "");
  CHECK_FALSE(s.tick(false).failed);
  CHECK(s.tick(true).failed);   // pressure is never without a full look
  CHECK(s.tick(false).failed);  // nor is what follows one that failed
}

TEST_CASE("watch: Memory that falls is seen without pressure") {
  Scene s;
  s.m.process({.pid = kPid, .rss_mib = 500});
  s.m.memory(kPlenty);
  free_bytes = kPlenty;
  CHECK_FALSE(s.tick(false).acted);
  s.m.memory(kLow);
  free_bytes = kLow;
  CHECK(s.tick(false).acted);
}

TEST_CASE("watch: A warning comes again after memory was back, without pressure as well") {
  Scene s;
  for (int i = 0; i < 3; ++i) {
    s.m.memory(kWarn);
    free_bytes = kWarn;
    s.tick(false);
    s.m.memory(kPlenty);
    free_bytes = kPlenty;
    s.tick(false);
  }
  CHECK(s.events() == Events{"warning", "warning", "warning"});
}

namespace {

// The watchdog beside this process in /outer, whose limit is 400 MiB.
void put_in_full_cgroup(FakeMachine& m) {
  m.kernel.membership("0::/outer/inner\n");
  m.kernel.cgroup("/cg/outer/inner");
  m.kernel.cgroup("/cg/outer", {{"memory.current", std::to_string(395 * kMiB)},
                                {"memory.max", std::to_string(400 * kMiB)},
                                {"memory.stat", ""}});
  m.kernel.directory().write("/cg/outer/cgroup.procs",
                             std::to_string(kPid) + "\n" + std::to_string(kPid + 1) + "\n");
  m.process({.pid = kPid, .cgroup = "/outer", .rss_mib = 100});
  m.process({.pid = kPid + 1, .cgroup = "/outer", .rss_mib = 200});
  m.process({.pid = kPid + 2, .rss_mib = 300});
  m.memory(kPlenty);
}

}  // namespace

TEST_CASE("watch: A cgroup around it that fills is seen, however much the machine has") {
  Scene s(true, put_in_full_cgroup);
  free_bytes = kPlenty;
  const auto use = [&](std::uint64_t mib) {
    s.m.kernel.directory().write("cg/outer/memory.current", std::to_string(mib * kMiB));
  };
  use(100);
  CHECK_FALSE(s.tick(false).acted);
  use(395);
  CHECK(s.tick(false).acted);
}

TEST_CASE("watch: A full cgroup around it costs the largest in there, not the machine's") {
  Scene s(true, put_in_full_cgroup);
  CHECK(s.tick().acted);
  REQUIRE(s.events() == Events{"kill"});
  const auto kill = s.lines()[0];
  CHECK(kill["victim"]["pid"] == kPid + 1);
  CHECK(kill["snapshot"]["within"] == "/outer");
  CHECK(kill["snapshot"]["memory_total_bytes"] == 400 * kMiB);
  CHECK(kill["snapshot"]["memory_available_bytes"] == 5 * kMiB);
  for (const auto& candidate : kill["candidates"])
    CHECK(candidate["pid"] != kPid + 2);
}

TEST_CASE("watch: A dry run logs what it would have done, with reasons") {
  Scene s;
  ProtectRule rule;
  rule.exe = "/opt/precious";
  rule.text = "exe:/opt/precious";
  s.config.protect = {rule};
  s.m.process(
      {.pid = kPid, .name = "pre) Z \n\x1b[2J\xFF", .exe = "/opt/precious", .rss_mib = 600});
  s.m.process({.pid = kPid + 1,
               .name = "ho\"g\\\n",
               .exe = "/opt/h\xFFog",
               .cgroup = "/x",
               .start = 5,
               .uid = 77,
               .rss_mib = 300});
  for (int i = 2; i < 20; ++i)
    s.m.process({.pid = kPid + i, .rss_mib = 10});
  s.m.memory(kLow);
  const auto tick = s.tick();
  CHECK(tick.acted);
  REQUIRE(s.events() == Events{"kill"});  // no time was lost on a warning
  const auto kill = s.lines()[0];
  CHECK(kill["dry_run"] == true);
  CHECK(kill["severity"] == "WARN");
  CHECK(kill["level"] == "term");
  CHECK(kill["signals"].empty());
  CHECK(kill["victim"]["pid"] == kPid + 1);
  CHECK(kill["victim"]["unit"] == "process");
  CHECK(kill["victim"]["uid"] == 77);
  CHECK(kill["victim"]["name"] == "ho\"g\\\n");
  CHECK(kill["victim"]["exe"] == "/opt/h\xEF\xBF\xBDog");
  CHECK(kill["victim"]["cgroup"] == "/x");
  CHECK(kill["victim"]["size_bytes"] == 300 * kMiB);
  CHECK(kill["snapshot"]["threshold_bytes"] == kTotal / 10);
  REQUIRE(kill["candidates"].size() == 10);
  CHECK(kill["candidates"][0]["why"] == "protected by rule exe:/opt/precious");
  CHECK(kill["candidates"][0]["chosen"] == false);
  CHECK(kill["candidates"][1]["chosen"] == true);
  CHECK(kill["candidates"][1]["why"] == "largest");
  CHECK(kill["candidates"][2]["why"] == "smaller");
  for (const auto* key :
       {"schema_version", "instance", "seq", "time_ms", "watchdog_pid", "message"})
    CHECK(kill.contains(key));
  CHECK(kill["instance"].get<std::string>().size() == 16);
  CHECK(kill["message"].get<std::string>().find('\x1b') == std::string::npos);
}

TEST_CASE("watch: Whatever candidates call themselves, the kill is on record") {
  // An ordinary user can give programs and cgroups names that JSON can only write in six bytes
  // each.
  Scene s;
  for (int i = 0; i < 12; ++i)
    s.m.process({.pid = kPid + i,
                 .name = std::string(15, '\x01'),
                 .exe = control_characters(500, i),
                 .cgroup = control_characters(500, i),
                 .rss_mib = 300});
  s.m.memory(kLow);
  CHECK(s.tick().acted);
  REQUIRE(s.events() == Events{"kill"});
  CHECK(s.lines()[0]["victim"]["pid"] == kPid + 11);
  CHECK_FALSE(s.lines()[0]["candidates"].empty());
}

TEST_CASE("watch: Low memory and nobody who may be ended is a HARD_FAIL, once a minute") {
  Scene s;
  s.m.process({.pid = kPid, .rss_mib = 500, .oom_score_adj = -1000});
  s.m.memory(kLow);
  for (int i = 0; i < 5; ++i)
    CHECK_FALSE(s.tick().acted);
  REQUIRE(s.events() == Events{"no_victim"});
  const auto line = s.lines()[0];
  CHECK(line["severity"] == "HARD_FAIL");
  CHECK(line["candidates"][0]["why"] == "protected: oom_score_adj -1000");
  CHECK(line["snapshot"]["memory_available_bytes"] == kLow);
}

TEST_CASE("watch: Memory that cannot be read is a failure, and said once") {
  Scene s;
  s.m.kernel.proc("meminfo", "garbage\n");
  CHECK(s.tick().failed);
  CHECK(s.tick().failed);
  REQUIRE(s.events() == Events{"trouble"});
  CHECK(s.lines()[0]["severity"] == "WARN");
}

TEST_CASE("watch: A victim that is gone when it is to be signalled is no kill") {
  Scene s(false);
  s.m.process({.pid = kPid, .rss_mib = 500});  // there is no such process
  s.m.memory(kLow);
  const auto missed = s.tick();
  CHECK_FALSE(missed.acted);
  CHECK(missed.missed);
  CHECK(missed.wait_seconds == 0);  // somebody else may be there
  CHECK(s.events() == Events{"recovered"});
  // It goes on like that: once a minute is enough.
  for (int i = 0; i < 5; ++i)
    CHECK_FALSE(s.tick().acted);
  CHECK(s.events().size() == 1);
  for (int i = 0; i < 40; ++i)
    s.tick();
  CHECK(s.tick().wait_seconds > 0);  // and no reason to burn a processor
}

TEST_CASE("watch: Where nobody may be ended, processes are looked at less often than memory") {
  Scene s;
  s.m.process({.pid = kPid, .rss_mib = 500, .oom_score_adj = -1000});
  s.m.memory(kLow);
  CHECK_FALSE(s.tick().acted);
  s.m.process({.pid = kPid + 1, .rss_mib = 300});
  const auto soon = s.tick();
  CHECK_FALSE(soon.acted);  // not looked at again yet
  CHECK(soon.wait_seconds <= 0.1);
  SECTION("memory falls further") {
    s.m.memory(kLow / 2);
    CHECK(s.tick().acted);
  }
  SECTION("a while has passed") {
    const auto begun = monotonic_ms();
    while (!s.tick().acted && monotonic_ms() - begun < 30000)
      ::usleep(20000);
    CHECK(monotonic_ms() - begun < 30000);
  }
}

TEST_CASE("watch: Noise is no reason to look at all processes again") {
  Scene s;
  s.m.process({.pid = kPid, .rss_mib = 500, .oom_score_adj = -1000});
  s.m.memory(kLow);
  s.tick();
  s.m.process({.pid = kPid + 1, .rss_mib = 300});
  for (int i = 1; i <= 9; ++i) {  // a thousandth less each time: nine are less than a hundredth
    s.m.memory(kLow - static_cast<std::uint64_t>(i) * kTotal / 1000);
    CHECK_FALSE(s.tick().acted);
  }
}

TEST_CASE("watch: The fuller memory is, the sooner it looks again") {
  Scene s;
  s.config.fill_bytes_per_second = static_cast<double>(kTotal);
  s.m.memory(kPlenty);
  const auto calm = s.tick().wait_seconds;
  s.m.memory(kWarn);
  const auto tight = s.tick().wait_seconds;
  CHECK(calm > 0.7);
  CHECK(calm <= 1.0);
  CHECK(tight < 0.1);
}

TEST_CASE("watch: A dry run that goes on does not fill the journal") {
  Scene s;
  s.m.process({.pid = kPid, .rss_mib = 500});
  s.m.memory(kLow);
  for (int i = 0; i < 50; ++i)
    s.tick();
  CHECK(s.events().size() < 10);
}

namespace {

// Memory went from plenty to low since 20 MiB of files were written into a tmpfs; a real one
// (/dev/shm), since it is asked what it holds.
struct TmpfsScene : Scene {
  explicit TmpfsScene(unsigned long job_shmem_mib) {
    const std::string path = "/dev/shm/jobward-test-" + std::to_string(::getpid());
    file = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    REQUIRE(file);
    ::unlink(path.c_str());  // its space goes with the descriptor
    REQUIRE(::posix_fallocate(file.get(), 0, 30 * kMiB) == 0);
    m.kernel.proc("self/mountinfo", "36 25 0:31 / /dev/shm rw - tmpfs shm rw\n");
    config.memory_warn = {};
    m.process({.pid = kPid, .rss_mib = 500});
    m.job("r1", 10, {{.pid = kPid + 1, .rss_mib = 10}}, "", job_shmem_mib);
    m.memory(120 * kMiB);
    REQUIRE(tick(false).acted == false);
    m.memory(96 * kMiB, 0, 0, 20 * kMiB);
  }
  Fd file;
};

}  // namespace

TEST_CASE("watch: A full tmpfs costs the job whose files fill it, however small the rest of it") {
  TmpfsScene s(20);
  CHECK(s.tick().acted);
  REQUIRE(s.events() == Events{"kill"});
  const auto line = s.lines()[0];
  CHECK(line["victim"]["unit"] == "job");
  CHECK(line["victim"]["run"] == "r1");
  for (const auto& unit : line["candidates"]) {
    CAPTURE(unit.dump());
    CHECK(unit["chosen"] == (unit["unit"] == "job"));
    if (unit["pid"] == kPid) CHECK(unit["why"] == "smaller");
  }
}

TEST_CASE("watch: A full tmpfs that no job fills costs nobody, and is a HARD_FAIL once") {
  TmpfsScene s(9);  // less than half of it
  CHECK_FALSE(s.tick().acted);
  // It fills further: looked at again, not said again.
  s.m.memory(84 * kMiB, 0, 0, 29 * kMiB);
  CHECK_FALSE(s.tick().acted);
  REQUIRE(s.events() == Events{"tmpfs_full"});
  const auto line = s.lines()[0];
  CHECK(line["severity"] == "HARD_FAIL");
  CHECK(line["mount"] == "/dev/shm");
  CHECK(line["used_bytes"] >= 20 * kMiB);
  CHECK(line["size_bytes"] >= line["used_bytes"]);
}

TEST_CASE("watch: A process that holds the files itself goes, tmpfs or not") {
  TmpfsScene s(0);
  s.m.process({.pid = kPid + 2, .rss_mib = 600, .shmem_mib = 20});
  CHECK(s.tick().acted);
  REQUIRE(s.events() == Events{"kill"});
  CHECK(s.lines()[0]["victim"]["pid"] == kPid + 2);
}
