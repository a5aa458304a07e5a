// What the watchdog writes is what the records read: the two know each other by the file only.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "profiles/watchdog_intake.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/watchdog_lines.h"
#include "watchdog/journal.h"

using namespace jobward;
using test::watchdog_line;

TEST_CASE("watchdog intake: Through all rotations of a real journal nothing is lost or doubled") {
  const test::TemporaryDirectory directory;
  const test::FixedClock clock;
  const std::string state = directory.make_directory("state");
  const std::string place = state + "/watchdog";
  auto journal = watchdog::Journal::open(place, 4096, 4);
  REQUIRE(journal);
  const auto take = [&] {
    const auto intake = profiles::take_in_journal(
        {state, place, ::geteuid()}, clock, [](const std::string&) {}, profiles::Haste::none);
    REQUIRE(intake);
    CHECK(intake->broken.empty());
    CHECK(intake->problems.empty());
    return intake->events;
  };
  std::size_t taken = 0;
  const int count = 400;
  for (int seq = 1; seq <= count; ++seq) {
    REQUIRE(journal->append(watchdog_line(seq, "INFO", "warning", std::string(R"("x":0)"))));
    if (seq % 7 == 0) REQUIRE(journal->settle());
    // Often, now and then, and after some rotations: never more than the journal still has.
    if (seq % (seq < 100 ? 1 : seq < 200 ? 5 : 30) == 0) taken += take();
    if (seq == 250) {  // another process goes on
      journal = watchdog::Journal::open(place, 4096, 4);
      REQUIRE(journal);
    }
  }
  taken += take();
  CHECK(std::filesystem::exists(place + "/journal.3"));
  CHECK(taken == count);
  auto store = profiles::WatchdogStore::open(state, clock, [](const std::string&) {});
  REQUIRE(store);
  const auto events = (*store)->events(count + 1, true);
  REQUIRE(events);
  REQUIRE(events->size() == count);
  for (std::size_t i = 0; i < events->size(); ++i)
    CHECK((*events)[i].seq == count - static_cast<int>(i));
  CHECK(take() == 0);
}
