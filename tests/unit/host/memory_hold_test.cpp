#include "host/backends/memory_hold.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::host;
using jobward::test::TemporaryDirectory;

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

// A directory with the files of a v2 cgroup, as far as a hold knows them.
struct FakeJob {
  FakeJob() {
    directory.write("memory.max", "max");
    directory.write("memory.high", "max");
    directory.write("memory.events.local", "high 0\n");
    job = CgroupDir::open(directory.path()).value();
  }
  std::string text(const std::string& name) const {
    std::ifstream file(directory.path(name));
    std::string line;
    std::getline(file, line);
    return line;
  }
  MemoryHold hold(std::uint64_t limit) const {
    return MemoryHold::on_v2(job, limit, {"0abc", 42, "b00t", 0, {}, {}}).value();
  }
  TemporaryDirectory directory;
  CgroupDir job;
};

MemorySample sample(std::uint64_t current, std::uint64_t file) {
  MemorySample out;
  out.current = current;
  out.file = file;
  return out;
}

}  // namespace

TEST_CASE("memory_hold: The mark is 16 MiB, 4 MiB a processor or a 32nd below, whatever is most") {
  CHECK(mark_below(256 * kMiB, 1, Braking::slowed) == 240 * kMiB);
  CHECK(mark_below(256 * kMiB, 8, Braking::slowed) == 224 * kMiB);
  CHECK(mark_below(8192 * kMiB, 2, Braking::slowed) == 7936 * kMiB);
}

TEST_CASE("memory_hold: On v1 the mark is a quarter below") {
  CHECK(mark_below(1024 * kMiB, 2, Braking::free) == 768 * kMiB);
  CHECK(mark_below(40 * kMiB, 2, Braking::free) == 24 * kMiB);
}

TEST_CASE("memory_hold: The mark is never below half of the limit") {
  CHECK(mark_below(20 * kMiB, 64, Braking::slowed) == 10 * kMiB);
  CHECK(mark_below(4096, 1, Braking::slowed) == 2048);
}

TEST_CASE("memory_hold: On v2 the mark is set, and follows a raise, limit first") {
  const FakeJob fake;
  auto hold = fake.hold(1024 * kMiB);
  CHECK(fake.text("memory.high") == std::to_string(mark_below(1024 * kMiB, 2, Braking::slowed)));
  REQUIRE(hold.raise(2048 * kMiB));
  CHECK(fake.text("memory.max") == std::to_string(2048 * kMiB));
  CHECK(fake.text("memory.high") == std::to_string(mark_below(2048 * kMiB, 2, Braking::slowed)));
  CHECK(hold.limit() == 2048 * kMiB);
}

TEST_CASE("memory_hold: Others read the new limit from the attribute") {
  const FakeJob fake;
  auto hold = fake.hold(1024 * kMiB);
  REQUIRE(hold.raise(2048 * kMiB));
  const auto attribute = read_job_attribute(fake.directory.path());
  REQUIRE(attribute);
  REQUIRE(*attribute);
  CHECK((*attribute)->run_id == "0abc");
  CHECK((*attribute)->memory_limit_bytes == 2048 * kMiB);
}

TEST_CASE("memory_hold: Released, there is no mark any more") {
  const FakeJob fake;
  auto hold = fake.hold(1024 * kMiB);
  REQUIRE(hold.release());
  CHECK(fake.text("memory.high").compare(0, 3, "max") == 0);
}

TEST_CASE(
    "memory_hold: A change of the events is announced to each that watches, once read no more") {
  const FakeJob fake;
  const auto hold = fake.hold(1024 * kMiB);
  const auto other = hold.watch().value();
  CHECK_FALSE(test::readable(hold.event(), 0));
  fake.directory.write("memory.events.local", "high 1\n");
  CHECK(test::readable(hold.event()));
  CHECK(test::readable(other.get()));
  char ignored[4096];
  REQUIRE(::read(hold.event(), ignored, sizeof ignored) > 0);
  CHECK_FALSE(test::readable(hold.event(), 0));
  CHECK(test::readable(other.get(), 0));
}

TEST_CASE("memory_hold: Page cache at the mark holds nobody") {
  const FakeJob fake;
  const auto hold = fake.hold(1024 * kMiB);
  const auto mark = mark_below(1024 * kMiB, 2, Braking::slowed);
  CHECK(hold.holds(sample(mark, 0), true));
  CHECK(hold.holds(sample(mark + kMiB, 8 * kMiB), true));
  CHECK_FALSE(hold.holds(sample(mark - kMiB, 0), true));
  CHECK_FALSE(hold.holds(sample(mark, 700 * kMiB), true));
  CHECK_FALSE(hold.holds(sample(mark, 200 * kMiB), true));
  CHECK(hold.holds(sample(1024 * kMiB, 700 * kMiB),
                   true));  // locked, or the kernel would have given it back
}

TEST_CASE("memory_hold: A small limit is not raised for page cache either") {
  const FakeJob fake;
  const auto hold = fake.hold(24 * kMiB);
  CHECK_FALSE(hold.holds(sample(13 * kMiB, 11 * kMiB), true));
  CHECK(hold.holds(sample(13 * kMiB, kMiB), true));
}

TEST_CASE(
    "memory_hold: Without the kernel's files there is no hold, and the error names what is "
    "missing") {
  const TemporaryDirectory empty;
  const auto job = CgroupDir::open(empty.path()).value();
  const auto v2 = MemoryHold::on_v2(job, kMiB, {});
  REQUIRE_FALSE(v2);
  CHECK(v2.error().message().find("memory.high") != std::string::npos);
  const auto v1 = MemoryHold::on_v1(job, kMiB, {});
  REQUIRE_FALSE(v1);
  CHECK(v1.error().message().find("memory.oom_control") != std::string::npos);
}
