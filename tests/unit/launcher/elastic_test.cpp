#include "launcher/elastic.h"

#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "common/files.h"
#include "host/observe/cgroup_dir.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::launcher;
using jobward::test::TemporaryDirectory;

namespace {

constexpr double kMiB = 1U << 20U;

struct FakeJob {
  FakeJob() {
    directory.write("memory.max", "max");
    directory.write("memory.high", "max");
    directory.write("memory.events.local", "high 0\n");
    job = host::CgroupDir::open(directory.path()).value();
    hold.emplace(host::MemoryHold::on_v2(job, 1U << 30U, {"0abc", 42, "b00t", 0, {}, {}}).value());
  }
  [[nodiscard]] bool is_released() const {
    return read_file(directory.path("memory.high"), 64).value().compare(0, 3, "max") == 0;
  }
  // The kernel would say so when the job passes the mark.
  void pass_mark() const { directory.write("memory.events.local", "high 1\n"); }

  TemporaryDirectory directory;
  host::CgroupDir job;
  std::optional<host::MemoryHold> hold;
};

host::MemorySample at_mark() {
  host::MemorySample out;
  out.current = 1U << 30U;
  return out;
}

bool comes_true(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::unique_ptr<Elastic> begin(FakeJob& fake, Elastic::Grow grow) {
  return Elastic::begin(*fake.hold, std::move(grow), [] {}).value();
}

}  // namespace

TEST_CASE("elastic: A step is half as much again, in whole pages") {
  const auto step = next_growth(100 * kMiB, 1000 * kMiB);
  REQUIRE(step);
  CHECK(step->wanted == 150 * kMiB);
  CHECK(step->least == Approx(112.5 * kMiB));
}

TEST_CASE("elastic: The last step reaches what there is at most, however short") {
  const auto step = next_growth(100 * kMiB, 101 * kMiB);
  REQUIRE(step);
  CHECK(step->wanted == 101 * kMiB);
  CHECK(step->least == 101 * kMiB);
  CHECK_FALSE(next_growth(100 * kMiB, 100 * kMiB));
  CHECK_FALSE(next_growth(100 * kMiB, 100 * kMiB + 4095));
}

TEST_CASE("elastic: A job at its mark is given what was reserved, and the raise is noted") {
  FakeJob fake;
  double asked = 0;
  const auto elastic = begin(fake, [&](double limit) {
    asked = limit;
    return tl::expected<double, std::string>(limit * 2);
  });
  CHECK(elastic->look(3, at_mark()));
  CHECK(asked == 1024 * kMiB);
  CHECK(elastic->limit() == 2048 * kMiB);
  REQUIRE(elastic->raises().size() == 1);
  CHECK(elastic->raises()[0].seconds == 3);
  CHECK(elastic->raises()[0].from == 1024 * kMiB);
  CHECK(elastic->raises()[0].to == 2048 * kMiB);
  CHECK_FALSE(elastic->look(4, at_mark()));  // the mark is higher now
  CHECK(elastic->raises().size() == 1);
}

TEST_CASE("elastic: A job below its mark is not asked about") {
  FakeJob fake;
  const auto elastic = begin(fake, [](double) -> tl::expected<double, std::string> {
    FAIL("nobody is at the limit");
    return tl::unexpected(std::string());
  });
  CHECK_FALSE(elastic->look(1, {}));
  CHECK(elastic->is_active());
  CHECK_FALSE(fake.is_released());
}

TEST_CASE("elastic: Where there is no more the mark is lifted, and the hard limit decides") {
  FakeJob fake;
  int asked = 0;
  const auto elastic = begin(fake, [&](double) -> tl::expected<double, std::string> {
    ++asked;
    return tl::unexpected(std::string("all is taken"));
  });
  CHECK_FALSE(elastic->look(1, at_mark()));
  CHECK(fake.is_released());
  CHECK_FALSE(elastic->is_active());
  CHECK(elastic->refusal() == "all is taken");
  CHECK_FALSE(elastic->look(2, at_mark()));
  CHECK(asked == 1);
}

TEST_CASE(
    "elastic: A supervisor that is silent after an event is taken for dead, and holds again "
    "later") {
  FakeJob fake;
  const auto elastic =
      begin(fake, [](double limit) { return tl::expected<double, std::string>(limit * 2); });
  fake.pass_mark();
  CHECK(comes_true([&] { return fake.is_released(); }));
  CHECK(elastic->look(5, at_mark()));
  CHECK(elastic->is_active());
  CHECK_FALSE(fake.is_released());
  REQUIRE(elastic->problems().size() == 1);
  CHECK(elastic->problems()[0].find("silent") != std::string::npos);
}

// The last sign of life came after the event, which was not answered all the same.
TEST_CASE("elastic: A supervisor that stops in the middle of its look is taken for dead") {
  FakeJob fake;
  const auto guardian = Guardian::post(*fake.hold, [] {});
  REQUIRE(guardian);
  guardian->look_begins();
  guardian->look_ends();
  fake.pass_mark();
  guardian->look_begins();
  CHECK(comes_true([&] { return fake.is_released(); }));
  CHECK(guardian->has_released());
}

TEST_CASE("elastic: Without its guardian nothing is held any more") {
  FakeJob fake;
  int guardian = 0;
  const auto told = test::make_pipe();
  const auto elastic =
      Elastic::begin(
          *fake.hold, [](double limit) { return tl::expected<double, std::string>(limit * 2); },
          [&] {
            const int pid = ::getpid();
            static_cast<void>(::write(told.writer.get(), &pid, sizeof pid));
          })
          .value();
  REQUIRE(::read(told.reader.get(), &guardian, sizeof guardian) == sizeof guardian);
  ::kill(guardian, SIGKILL);  // our child, which nobody has reaped
  CHECK(comes_true([&] {
    elastic->look(1, {});
    return !elastic->is_active();
  }));
  CHECK(fake.is_released());
  REQUIRE(elastic->problems().size() == 1);
}

TEST_CASE("elastic: A supervisor that looks after its job is left alone") {
  FakeJob fake;
  const auto elastic =
      begin(fake, [](double limit) { return tl::expected<double, std::string>(limit * 2); });
  fake.pass_mark();
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(Guardian::kPatienceMs + 500);
  while (std::chrono::steady_clock::now() < end) {
    elastic->look(1, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK_FALSE(fake.is_released());
  CHECK(elastic->is_active());
}

TEST_CASE("elastic: A dead supervisor releases its job at once, without any event") {
  FakeJob fake;
  const auto ready = test::make_pipe();
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto guardian = Guardian::post(*fake.hold, [] {});
    const char byte = guardian ? '+' : '-';
    static_cast<void>(::write(ready.writer.get(), &byte, 1));
    ::raise(SIGKILL);
  }
  char byte = 0;
  REQUIRE(::read(ready.reader.get(), &byte, 1) == 1);
  REQUIRE(byte == '+');
  REQUIRE(::waitpid(pid, nullptr, 0) == pid);
  CHECK(comes_true([&] { return fake.is_released(); }));
}

TEST_CASE("elastic: When the run is over the guardian is gone, and has touched nothing") {
  FakeJob fake;
  int guardian = 0;
  const auto told = test::make_pipe();
  {
    const auto elastic =
        Elastic::begin(
            *fake.hold, [](double limit) { return tl::expected<double, std::string>(limit * 2); },
            [&] {
              const int pid = ::getpid();
              static_cast<void>(::write(told.writer.get(), &pid, sizeof pid));
            })
            .value();
    REQUIRE(::read(told.reader.get(), &guardian, sizeof guardian) == sizeof guardian);
  }
  CHECK(::kill(guardian, 0) != 0);
  CHECK_FALSE(fake.is_released());
}
