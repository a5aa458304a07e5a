#include "watchdog/releaser.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "host/observe/termination.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"
#include "watchdog/clock.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

int descriptors() {
  int out = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++out;
  return out;
}

// Within 5 s.
bool comes_to(int wanted) {
  const auto end = monotonic_ms() + 5000;
  while (descriptors() != wanted) {
    if (monotonic_ms() > end) return false;
    ::usleep(1000);
  }
  return true;
}

}  // namespace

TEST_CASE("releaser: Of any number of orders no descriptor is left, and with it its thread ends") {
  const int before = descriptors();
  {
    auto releaser = Releaser::start();
    REQUIRE(releaser);
    const int running = descriptors();
    Child child;
    const Fd process = host::open_process(child.pid());
    REQUIRE(process);
    ::kill(child.pid(), SIGKILL);
    CHECK(releaser->process(process));
    for (int i = 0; i < 10 * Releaser::kPending; ++i)
      static_cast<void>(releaser->process(process));
    const TemporaryDirectory empty;  // no cgroup: nobody is in it
    const Fd directory(::open(empty.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(eventually([&] { return releaser->cgroup(directory); }));
    CHECK_FALSE(releaser->process(Fd()));
    CHECK(comes_to(running + 2));
    child.wait();
  }
  CHECK(comes_to(before));
}

TEST_CASE("releaser: Without a thread nothing happens") {
  const Releaser none;
  const int before = descriptors();
  Child child;
  CHECK_FALSE(none.process(host::open_process(child.pid())));
  CHECK(descriptors() <= before + 2);
  CHECK_FALSE(child.ended());
}
