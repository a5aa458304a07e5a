#include "launcher/run_lock.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <optional>

#include "tests/support/partner.h"
#include "tests/support/temporary_directory.h"

using namespace jobward::launcher;
using jobward::test::Partner;
using jobward::test::TemporaryDirectory;

namespace {

bool lock_file_exists(const TemporaryDirectory& directory, const std::string& run) {
  return ::access((directory.path() + "/" + run + ".lock").c_str(), F_OK) == 0;
}

// A process that takes the lock, says so, and dies without cleaning up when it is released.
std::unique_ptr<Partner> holder(const TemporaryDirectory& directory, const std::string& run) {
  auto child = std::make_unique<Partner>([&](const Partner::Turn& turn) {
    const auto lock = RunLock::take(directory.path(), run);
    if (!lock) return 1;
    turn.tell();
    turn.wait();
    ::_exit(0);
  });
  REQUIRE(child->await());
  return child;
}

// How often a run was called supervised.
int asked(const std::string& directory, const std::string& run, int times) {
  int yes = 0;
  for (int i = 0; i < times; ++i)
    yes += is_supervised(directory, run) ? 1 : 0;
  return yes;
}

}  // namespace

TEST_CASE("run_lock: A run whose lock another process holds is supervised") {
  const TemporaryDirectory directory;
  CHECK(!is_supervised(directory.path(), "run1"));
  const auto child = holder(directory, "run1");
  CHECK(is_supervised(directory.path(), "run1"));
  CHECK(!is_supervised(directory.path(), "run2"));
  CHECK(is_supervised(directory.path(), "run1"));
}

TEST_CASE("run_lock: The kernel lets go when the supervisor dies, though the file stays") {
  const TemporaryDirectory directory;
  const auto child = holder(directory, "run1");
  CHECK(child->finish() == 0);
  CHECK(lock_file_exists(directory, "run1"));
  CHECK(!is_supervised(directory.path(), "run1"));
}

TEST_CASE("run_lock: A lock that is held is not taken a second time") {
  const TemporaryDirectory directory;
  const auto child = holder(directory, "run1");
  CHECK(!RunLock::take(directory.path(), "run1"));
  CHECK(is_supervised(directory.path(), "run1"));
  CHECK(RunLock::take(directory.path(), "run2").has_value());
  child->finish();
  CHECK(RunLock::take(directory.path(), "run1").has_value());
}

TEST_CASE("run_lock: A lock that is given back leaves no file") {
  const TemporaryDirectory directory;
  {
    const auto lock = RunLock::take(directory.path(), "run1");
    REQUIRE(lock);
    CHECK(lock_file_exists(directory, "run1"));
    CHECK(is_supervised(directory.path(), "run1"));
  }
  CHECK(!lock_file_exists(directory, "run1"));
  CHECK(!is_supervised(directory.path(), "run1"));
}

TEST_CASE("run_lock: A lock that has moved is held by its new owner only") {
  const TemporaryDirectory directory;
  auto first = RunLock::take(directory.path(), "run1");
  REQUIRE(first);
  {
    const RunLock second(std::move(*first));
    first = tl::unexpected(jobward::Error{});
    CHECK(is_supervised(directory.path(), "run1"));
  }
  CHECK(!lock_file_exists(directory, "run1"));
}

TEST_CASE("run_lock: A directory that is missing is an error that names the file") {
  const TemporaryDirectory directory;
  const auto lock = RunLock::take(directory.path() + "/none", "run1");
  REQUIRE(!lock);
  CHECK_THAT(lock.error().message(), Catch::Contains("/none/run1.lock"));
}

TEST_CASE("run_lock: Two who ask at once do not take each other for the supervisor") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() + "/dead.lock").close();
  Partner other([&](const Partner::Turn& turn) {
    turn.tell();
    int yes = 0;
    while (turn.held())
      yes += asked(directory.path(), "dead", 1000);
    return yes > 0 ? 1 : 0;
  });
  REQUIRE(other.await());
  CHECK(asked(directory.path(), "dead", 50000) == 0);
  CHECK(other.finish() == 0);
}

TEST_CASE("run_lock: Somebody who only asks does not keep a supervisor from its lock") {
  const TemporaryDirectory directory;
  Partner other([&](const Partner::Turn& turn) {
    turn.tell();
    while (turn.held())
      asked(directory.path(), "run1", 1000);
    return 0;
  });
  REQUIRE(other.await());
  int refused = 0;
  for (int i = 0; i < 3000; ++i)
    refused += RunLock::take(directory.path(), "run1") ? 0 : 1;
  CHECK(refused == 0);
  CHECK(other.finish() == 0);
}

TEST_CASE(
    "run_lock: What dead supervisors left is removed, but for runs on record and living ones") {
  const TemporaryDirectory directory;
  const auto living = holder(directory, "living");
  for (const auto* run : {"dead", "recorded"})
    std::ofstream(directory.path() + "/" + run + ".lock").close();
  std::ofstream(directory.path() + "/other").close();
  remove_abandoned(directory.path(), {"recorded"});
  CHECK(!lock_file_exists(directory, "dead"));
  CHECK(lock_file_exists(directory, "recorded"));
  CHECK(lock_file_exists(directory, "living"));
  CHECK(::access((directory.path() + "/other").c_str(), F_OK) == 0);
}

TEST_CASE("run_lock: Somebody who sweeps does not take the file of one who is just locking it") {
  const TemporaryDirectory directory;
  Partner other([&](const Partner::Turn& turn) {
    turn.tell();
    while (turn.held())
      remove_abandoned(directory.path(), {});
    return 0;
  });
  REQUIRE(other.await());
  int lost = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto lock = RunLock::take(directory.path(), "run1");
    lost += lock && lock_file_exists(directory, "run1") ? 0 : 1;
  }
  CHECK(lost == 0);
  CHECK(other.finish() == 0);
}
