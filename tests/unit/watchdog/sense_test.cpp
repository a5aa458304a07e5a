#include "watchdog/sense.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/files.h"
#include "tests/unit/host/ordinary_user.h"
#include "tests/unit/watchdog/fake_machine.h"
#include "watchdog/tmpfs.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

std::string refusal(const FakeMachine& m, const std::string& within) {
  const auto sensor = Sensor::open(m.kernel.roots(), within);
  return sensor ? "" : sensor.error().message();
}

}  // namespace

TEST_CASE("sense: The machine as /proc/meminfo has it") {
  FakeMachine m;
  m.memory(300 * kMiB, 200 * kMiB, 50 * kMiB, 7 * kMiB);
  Eyes eyes(m);
  const auto seen = eyes.sensor.sense();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].memory_total == kTotal);
  CHECK(seen[0].memory_available == 300 * kMiB);
  CHECK(seen[0].swap_total == 200 * kMiB);
  CHECK(seen[0].swap_free == 50 * kMiB);
  CHECK(seen[0].shmem == 7 * kMiB);
  CHECK(seen[0].within.empty());
  CHECK(seen[0].time_ms > 1'600'000'000'000);
  m.memory(100 * kMiB);
  CHECK(eyes.sensor.sense()[0].memory_available == 100 * kMiB);
}

TEST_CASE(
    "sense: No pressure file, or one that cannot be read: it says so, and the shares are absent") {
  FakeMachine m;
  Eyes absent(m);
  CHECK_FALSE(absent.sensor.last().some);
  CHECK_FALSE(absent.sensor.last().full);
  CHECK(absent.sensor.trigger() < 0);
  CHECK_THAT(absent.sensor.trigger_words(), Catch::Contains("no pressure trigger"));
  m.kernel.proc("pressure/memory", "");  // psi=0
  Eyes empty(m);
  CHECK_FALSE(empty.sensor.last().full);
}

TEST_CASE("sense: Where a window of 1 s is refused, one of 2 s wakes it") {
  const TemporaryDirectory dir;
  // Unprivileged triggers are refused windows that are no multiple of 2 s.
  const auto answer = as_ordinary_user(dir, [] {
    const auto takes = [](const std::string& trigger) {
      const Fd fd(::open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC));
      return fd && ::write(fd.get(), trigger.c_str(), trigger.size() + 1) > 0;
    };
    const bool takes_one = takes("some 100000 1000000");
    const bool takes_two = takes("some 150000 2000000");
    const auto sensor = Sensor::open({}, "");
    if (!sensor) return 1;
    const std::string& words = sensor->trigger_words();
    if ((sensor->trigger() >= 0) != (takes_one || takes_two)) return 2;
    const char* wanted = takes_one ? "100 ms in 1 s" : takes_two ? "150 ms in 2 s" : "no pressure";
    if (words.find(wanted) == std::string::npos) return 3;
    return takes_one || !takes_two ? 10 : 0;
  });
  if (!answer) return;
  CHECK((*answer == 0 || *answer == 10));
  if (*answer == 10) WARN("this kernel refuses both windows, or none: the second was not needed");
}

TEST_CASE("sense: Pressure as the kernel tells it") {
  FakeMachine m;
  m.kernel.proc(
      "pressure/memory",
      "some avg10=25.50 avg60=1 avg300=1 total=1\nfull avg10=10.00 avg60=1 avg300=1 total=1\n");
  Eyes eyes(m);
  m.kernel.proc(
      "pressure/memory",
      "some avg10=25.50 avg60=1 avg300=1 total=1\nfull avg10=10.00 avg60=1 avg300=1 total=1\n");
  eyes.sensor.sense();
  CHECK(eyes.sensor.last().some.value_or(-1) == Approx(0.255));
  CHECK(eyes.sensor.last().full.value_or(-1) == Approx(0.1));
  // Without, and added afterwards.
  const auto seen = eyes.sensor.sense_memory();
  REQUIRE(seen.size() == 1);
  CHECK_FALSE(seen[0].some);
  CHECK_FALSE(seen[0].full);
  eyes.sensor.complete_pressure();
  CHECK(seen[0].some.value_or(-1) == Approx(0.255));
  CHECK(seen[0].full.value_or(-1) == Approx(0.1));
}

TEST_CASE("sense: meminfo that is missing or lacks what is needed is an error, never 0") {
  FakeMachine m;
  Eyes eyes(m);
  for (const auto* text :
       {"", "MemTotal: 5 kB\n", "MemTotal: 5 kB\nMemAvailable: 4 kB\nSwapTotal: 0 kB\n",
        "MemTotal: x kB\nMemAvailable: 4 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"}) {
    CAPTURE(text);
    m.kernel.proc("meminfo", text);
    CHECK(eyes.sensor.sense().empty());
    CHECK_FALSE(Sensor::open(m.kernel.roots(), ""));
  }
  std::filesystem::remove(m.kernel.directory().path("proc/meminfo"));
  CHECK_FALSE(Sensor::open(m.kernel.roots(), ""));
}

TEST_CASE("sense: Unknown fields are passed over, shared memory may be missing") {
  FakeMachine m;
  m.kernel.proc(
      "meminfo",
      "New: 1 kB\nMemTotal: 1024 kB\nOdd\nMemAvailable: 512 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
  Eyes eyes(m);
  CHECK(eyes.sensor.last().memory_available == 512 * 1024);
  CHECK(eyes.sensor.last().shmem == 0);
}

TEST_CASE("sense: What ZFS can give back of its cache is available") {
  FakeMachine m;
  m.memory(100 * kMiB);
  const auto arc = [&](std::uint64_t size, std::uint64_t least) {
    m.kernel.proc("spl/kstat/zfs/arcstats", "13 1 0x01 96 26112 1 2\nname type data\nc_min 4 " +
                                                std::to_string(least) + "\nsize 4 " +
                                                std::to_string(size) + "\ncompressed_size 4 1\n");
  };
  arc(300 * kMiB, 50 * kMiB);
  Eyes eyes(m);
  CHECK(eyes.sensor.last().memory_available == 350 * kMiB);
  arc(40 * kMiB, 50 * kMiB);
  CHECK(eyes.sensor.sense()[0].memory_available == 100 * kMiB);
  arc(99999 * kMiB, 0);
  CHECK(eyes.sensor.sense()[0].memory_available == kTotal);
}

TEST_CASE("sense: Within a cgroup its own limit counts, and page cache is no use of it") {
  FakeMachine m;
  m.kernel.cgroup("/cg/mine",
                  {{"memory.current", std::to_string(150 * kMiB)},
                   {"memory.max", std::to_string(200 * kMiB)},
                   {"memory.swap.current", "0"},
                   {"memory.swap.max", "0"},
                   {"memory.stat", "inactive_file " + std::to_string(30 * kMiB) + "\n"}});
  for (const auto& within :
       {std::string("/mine"), std::string("/mine/"), m.kernel.path("/cg/mine")}) {
    Eyes eyes(m, within);
    const auto seen = eyes.sensor.sense();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].within == "/mine");
    CHECK(seen[0].memory_total == 200 * kMiB);
    CHECK(seen[0].memory_available == 80 * kMiB);
    CHECK(seen[0].swap_total == 0);
  }
}

TEST_CASE("sense: Within a cgroup no more is available than the machine has") {
  FakeMachine m;
  m.memory(20 * kMiB);
  m.kernel.cgroup(
      "/cg/mine",
      {{"memory.current", "0"}, {"memory.max", std::to_string(200 * kMiB)}, {"memory.stat", ""}});
  Eyes eyes(m, "/mine");
  CHECK(eyes.sensor.last().memory_available == 20 * kMiB);
}

TEST_CASE("sense: A cgroup that cannot be watched is refused, with the reason") {
  FakeMachine m;
  m.kernel.cgroup("/cg/mine",
                  {{"memory.current", "5"}, {"memory.max", "max\n"}, {"memory.stat", ""}});
  CHECK_THAT(refusal(m, "/mine"), Catch::Contains("no memory limit"));
  CHECK_THAT(refusal(m, "/absent"), Catch::Contains("No such file"));
  CHECK_FALSE(refusal(m, "/").empty());
  CHECK_FALSE(refusal(m, "mine").empty());
  CHECK_FALSE(refusal(m, "/cg/user").empty());
  CHECK_FALSE(refusal(m, "/" + std::string(1000, 'x')).empty());
  CHECK_FALSE(refusal(m, "/../proc").empty());
}

TEST_CASE("sense: Limits around this process are watched as well, where they hold others") {
  FakeMachine m;
  m.kernel.membership("0::/outer/inner\n");
  const auto limited = [&](const std::string& path, std::uint64_t limit, const std::string& procs) {
    m.kernel.cgroup(
        "/cg" + path,
        {{"memory.current", "0"}, {"memory.max", std::to_string(limit)}, {"memory.stat", ""}});
    m.kernel.directory().write("/cg" + path + "/cgroup.procs", procs);
  };
  limited("/outer/inner", 100 * kMiB, std::to_string(::getpid()) + "\n");
  limited("/outer", 400 * kMiB, std::to_string(kFirstFakePid) + "\n");
  Eyes eyes(m);
  const auto seen = eyes.sensor.sense();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].within.empty());
  CHECK(seen[1].within == "/outer");
  CHECK(seen[1].memory_total == 400 * kMiB);
}

TEST_CASE("tmpfs: The real mounts are read, and what one holds is never more than it may") {
  const auto found = fullest_tmpfs({});
  if (!found) return;
  CHECK(found->used <= found->size);
  CHECK(found->used_by_all >= found->used);
  CHECK(std::filesystem::is_directory(std::string(found->point.view())));
}

TEST_CASE("tmpfs: Lines that are no mounts, cut or of other kinds name none") {
  FakeMachine m;
  for (const auto* text : {"", "\n", "36 25 0:31 / /dev/shm rw", "36 25 0:31 / /dev/shm rw - tmpfs",
                           "a - tmpfs tmpfs rw\n",
                           "36 25 0:31 / /proc rw - tmpfs tmpfs rw\n",  // not one, whatever it says
                           "36 25 0:31 / /no/such\\040place rw - tmpfs tmpfs rw\n"}) {
    CAPTURE(text);
    m.kernel.proc("self/mountinfo", text);
    CHECK_FALSE(fullest_tmpfs(m.kernel.roots()));
  }
}

TEST_CASE("tmpfs: However many mounts there are, the one that holds most is found") {
  constexpr const char* kReal = "/dev/shm";  // a tmpfs on every Linux with POSIX shared memory
  struct statfs info {};
  REQUIRE(::statfs(kReal, &info) == 0);
  REQUIRE(info.f_type == 0x01021994);
  const std::string path = std::string(kReal) + "/jobward-test-" + std::to_string(::getpid());
  REQUIRE(write_file_atomic(path, std::string(1U << 20U, 'x')));
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += "36 25 0:" + std::to_string(100 + i) + " / /no/such/place/" + std::to_string(i) +
            " rw,relatime shared:1 - " + (i % 2 == 0 ? "tmpfs" : "overlay") + " none rw\n";
  text += "36 25 0:99 / /long rw - overlay none lowerdir=" + std::string(20000, 'l') + "\n";
  const std::string real = "36 25 0:31 / /dev/shm rw - tmpfs shm rw\n";
  FakeMachine m;
  m.kernel.proc("self/mountinfo", text + real + real);
  const auto found = fullest_tmpfs(m.kernel.roots());
  ::unlink(path.c_str());
  REQUIRE(found);
  CHECK(found->point == kReal);
  CHECK(found->used >= 1U << 20U);
  CHECK(found->used_by_all == found->used);  // mounted twice, counted once
}
