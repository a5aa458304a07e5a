#include "watchdog/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <future>

#include "common/files.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

Lock taken(const std::string& directory, Role role) {
  auto lock = take_lock(directory, role);
  if (!lock) FAIL(lock.error().message());
  return std::move(*lock);
}

}  // namespace

TEST_CASE("watchdog lock: One has it, and the others learn who") {
  const TemporaryDirectory dir;
  const std::string place = dir.path("state");
  const auto first = taken(place, Role::daemon);
  REQUIRE(first.file);
  for (const auto role : {Role::daemon, Role::once}) {
    const auto second = taken(place, role);
    CHECK_FALSE(second.file);
    CHECK(second.holder == ::getpid());
    CHECK(second.holder_role == Role::daemon);
  }
}

TEST_CASE("watchdog lock: A check that goes on is not taken for the daemon, which waits for it") {
  const TemporaryDirectory dir;
  const std::string place = dir.path("state");
  auto once = taken(place, Role::once);
  REQUIRE(once.file);
  const auto other = taken(place, Role::once);
  CHECK_FALSE(other.file);
  CHECK(other.holder_role == Role::once);
  auto daemon = std::async(std::launch::async, [&] { return taken(place, Role::daemon); });
  CHECK(daemon.wait_for(std::chrono::milliseconds(200)) == std::future_status::timeout);
  once.file.reset();
  CHECK(daemon.get().file);
}

TEST_CASE("watchdog lock: Who only looks for a moment is waited for") {
  const TemporaryDirectory dir;
  const std::string place = dir.path("state");
  taken(place, Role::daemon).file.reset();  // its pid stays in the file
  Fd looks(::open((place + "/lock").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(::flock(looks.get(), LOCK_SH | LOCK_NB) == 0);
  auto daemon = std::async(std::launch::async, [&] { return taken(place, Role::daemon); });
  CHECK(daemon.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
  looks.reset();
  CHECK(daemon.get().file);
}
