#include "profiles/watchdog_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "profiles/watchdog_intake.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/watchdog_lines.h"

using namespace jobward;
using namespace jobward::profiles;
using test::kill_line;
using test::outcome_line;
using test::watchdog_line;

namespace {

struct Place {
  test::TemporaryDirectory directory;
  test::FixedClock clock;
  std::string state = directory.make_directory("state");
  std::string journal = directory.make_directory("state/watchdog");

  void write(const std::string& name, const std::string& text) const {
    directory.write("state/watchdog/" + name, text);
    ::chmod((journal + "/" + name).c_str(), 0600);
  }
  // As the watchdog does: behind the last line, in the space that is reserved.
  void put(std::int64_t at, const std::string& text) const {
    std::fstream file(journal + "/journal", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << text;
  }
  [[nodiscard]] Result<Intake> take(Haste haste = Haste::none) const {
    return take_in_journal(
        {state, journal, ::geteuid()}, clock, [](const std::string&) {}, haste);
  }
  [[nodiscard]] std::unique_ptr<WatchdogStore> store() const {
    auto store = WatchdogStore::open(state, clock, [](const std::string&) {});
    REQUIRE(store);
    return std::move(*store);
  }
  [[nodiscard]] std::vector<std::int64_t> on_record() const {
    std::vector<std::int64_t> out;
    const auto events = store()->events(1000, true);
    REQUIRE(events);
    for (const auto& event : *events)
      out.push_back(event.seq);
    return out;
  }
};

using Numbers = std::vector<std::int64_t>;

std::string lines(int from, int to) {
  std::string out;
  for (int seq = from; seq <= to; ++seq)
    out += watchdog_line(seq, "INFO", "warning") + "\n";
  return out;
}

const std::string kReserved(8192, '\0');

}  // namespace

TEST_CASE("watchdog intake: Without a journal there is nothing, not even a database") {
  const Place place;
  const auto intake = place.take();
  REQUIRE(intake);
  CHECK(intake->events == 0);
  CHECK(!std::filesystem::exists(place.state + "/jobward.db"));
}

TEST_CASE("watchdog intake: Each event is taken once, however often, and what is added later") {
  const Place place;
  place.write("journal", lines(1, 3) + kReserved);
  CHECK(place.take()->events == 3);
  CHECK(place.take()->events == 0);
  const auto end = static_cast<std::int64_t>(lines(1, 3).size());
  place.put(end, lines(4, 4).substr(0, 40));
  CHECK(place.take()->events == 0);
  place.put(end, lines(4, 5));
  CHECK(place.take()->events == 2);
  CHECK(place.on_record() == Numbers{5, 4, 3, 2, 1});
}

TEST_CASE("watchdog intake: A line within the same tick of the clock of the file is taken") {
  const Place place;
  place.write("journal", lines(1, 1) + kReserved);
  struct stat before {};
  const std::string file = place.journal + "/journal";
  REQUIRE(place.take()->events == 1);
  REQUIRE(::stat(file.c_str(), &before) == 0);
  place.put(static_cast<std::int64_t>(lines(1, 1).size()), lines(2, 2));
  const timespec times[2] = {before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
  CHECK(place.take()->events == 1);
}

TEST_CASE("watchdog intake: Rotation loses nothing and takes nothing twice") {
  const Place place;
  place.write("journal.2", lines(1, 2));
  place.write("journal.1", lines(3, 4) + kReserved);
  place.write("journal", lines(5, 6) + kReserved);
  CHECK(place.take()->events == 6);
  // One more line in the old file, then another name for each.
  place.put(static_cast<std::int64_t>(lines(5, 6).size()), lines(7, 7));
  for (const auto& [from, to] :
       {std::pair("journal.2", "journal.3"), {"journal.1", "journal.2"}, {"journal", "journal.1"}})
    std::filesystem::rename(place.journal + "/" + from, place.journal + "/" + to);
  SECTION("before the new file is there") {
    CHECK(place.take()->events == 1);
    place.write("journal", lines(8, 8));
    CHECK(place.take()->events == 1);
  }
  SECTION("after that") {
    place.write("journal", lines(8, 8));
    CHECK(place.take()->events == 2);
  }
  CHECK(place.on_record() == Numbers{8, 7, 6, 5, 4, 3, 2, 1});
}

TEST_CASE("watchdog intake: A new file in the place of an old one is read from its beginning") {
  const Place place;
  place.write("journal", lines(1, 9));
  CHECK(place.take()->events == 9);
  SECTION("of which nothing is the same but the inode") { place.write("journal", lines(10, 11)); }
  SECTION("which begins with the same line") {
    place.write("journal", lines(1, 1) + lines(10, 11));
  }
  CHECK(place.take()->events == 2);
}

TEST_CASE("watchdog intake: A new database gets all that the journal still has") {
  const Place place;
  place.write("journal", lines(1, 3) + kReserved);
  CHECK(place.take()->events == 3);
  for (const auto* suffix : {"", "-wal", "-shm"})
    std::filesystem::rename(place.state + "/jobward.db" + suffix,
                            place.state + "/aside.db" + suffix);
  CHECK(place.take()->events == 3);
}

TEST_CASE("watchdog intake: A broken line is said once, with file and line, and kept") {
  const Place place;
  place.write("journal", lines(1, 1) + "nonsense\n" + lines(2, 2));
  const auto intake = place.take();
  REQUIRE(intake);
  CHECK(intake->events == 2);
  REQUIRE(intake->broken.size() == 1);
  CHECK(intake->broken[0].message() ==
        place.journal + "/journal:2: the line cannot be used: it is no JSON object");
  CHECK(place.take()->broken.empty());
  const auto noted = place.store()->broken(10);
  REQUIRE(noted);
  REQUIRE(noted->size() == 1);
  CHECK((*noted)[0].line.text == "nonsense");
}

TEST_CASE("watchdog intake: The same number with another text is told") {
  const Place place;
  place.write("journal", watchdog_line(1, "INFO", "start") + "\n");
  place.write("journal.1", watchdog_line(1, "WARN", "trouble") + "\n");
  const auto intake = place.take();
  REQUIRE(intake);
  CHECK(intake->events == 1);
  REQUIRE(intake->broken.size() == 1);
  CHECK(intake->broken[0].message().find("with another text") != std::string::npos);
}

TEST_CASE("watchdog intake: Lines behind a hole that a power cut left are found") {
  const Place place;
  place.write("journal", lines(1, 2));
  CHECK(place.take()->events == 2);
  SECTION("a small one") {
    place.write("journal", lines(1, 2) + std::string(4096, '\0') + lines(3, 4));
  }
  SECTION("one that is longer than the longest line") {
    place.write("journal", lines(1, 2) + std::string(600'000, '\0') + lines(3, 4));
  }
  const auto intake = place.take();
  REQUIRE(intake);
  CHECK(intake->broken.size() >= 1);
  CHECK(place.on_record() == Numbers{4, 3, 2, 1});
}

TEST_CASE("watchdog intake: In haste a part is taken, and the next command takes the rest") {
  const Place place;
  const int count = 4000;  // some pieces
  place.write("journal", lines(1, count) + kReserved);
  const auto part = place.take(Haste::at_once);
  REQUIRE(part);
  CHECK(part->events > 100);
  CHECK(part->events < 2000);
  CHECK(part->events + place.take()->events == static_cast<std::size_t>(count));
  CHECK(place.take()->events == 0);
}

TEST_CASE("watchdog intake: What others may write is not believed") {
  const Place place;
  place.write("journal", lines(1, 1));
  SECTION("the directory") {
    ::chmod(place.journal.c_str(), 0777);
    const auto intake = place.take();
    REQUIRE(!intake);
    CHECK(intake.error().message().find("chmod") != std::string::npos);
  }
  SECTION("a file") {
    place.write("journal.1", lines(2, 2));
    ::chmod((place.journal + "/journal").c_str(), 0620);
    const auto intake = place.take();
    REQUIRE(intake);
    CHECK(intake->events == 1);
    CHECK(intake->problems.size() == 1);
  }
  SECTION("a link") {
    std::filesystem::rename(place.journal + "/journal", place.state + "/elsewhere");
    std::filesystem::create_symlink(place.state + "/elsewhere", place.journal + "/journal");
    CHECK(place.take()->events == 0);
  }
  SECTION("a stranger's") {
    if (::geteuid() != 0) return;
    REQUIRE(::chown((place.journal + "/journal").c_str(), 65534, 65534) == 0);
    CHECK(place.take()->events == 0);
    CHECK(take_in_journal(
              {place.state, place.journal, 65534}, place.clock, [](const std::string&) {},
              Haste::none)
              ->events == 1);
  }
}

TEST_CASE("watchdog store: Findings are told newest first, a kill with its outcome") {
  const Place place;
  place.write("journal", watchdog_line(1, "INFO", "start") + "\n" + kill_line(2, "aaaaaaaaaa") +
                             "\n" + outcome_line(3, 2) + "\n" +
                             watchdog_line(4, "HARD_FAIL", "no_victim") + "\n" +
                             outcome_line(9, 8, false) + "\n");
  REQUIRE(place.take()->events == 5);
  auto store = place.store();
  const auto findings = store->events(10, false);
  REQUIRE(findings);
  REQUIRE(findings->size() == 3);
  CHECK((*findings)[0].seq == 9);  // its kill is not on record
  CHECK((*findings)[1].event == "no_victim");
  CHECK((*findings)[2].event == "kill");
  CHECK((*store->outcome_of((*findings)[2]))->seq == 3);
  CHECK(store->events(10, true)->size() == 4);
  CHECK(store->events(1, false)->size() == 1);
  CHECK((*store->kill_of("aaaaaaaaaa"))->seq == 2);
  CHECK(!*store->kill_of("bbbbbbbbbb"));
  CHECK(!*store->kill_of(""));
  CHECK((*store->last("start"))->seq == 1);
}

TEST_CASE("watchdog store: What is old can be forgotten, and does not come back") {
  const Place place;
  place.write("journal", lines(1, 10));
  REQUIRE(place.take()->events == 10);
  CHECK(*place.store()->prune(1'700'000'006'000) == 5);
  CHECK(place.take()->events == 0);
  CHECK(place.on_record() == Numbers{10, 9, 8, 7, 6});
}

TEST_CASE("watchdog store: Lines that are not taken in are counted") {
  const Place place;
  place.write("journal", lines(1, 3) + kReserved);
  const auto untaken = [&] { return *place.store()->untaken(*open_journal(place.journal, 0)); };
  CHECK(untaken() == 3);
  REQUIRE(place.take()->events == 3);
  CHECK(untaken() == 0);
}

TEST_CASE("watchdog files: The directory is that of the state") {
  const auto in = [](const std::map<std::string, std::string>& all, unsigned uid) {
    return watchdog_directory(uid, [&](const char* name) -> std::optional<std::string> {
      const auto found = all.find(name);
      return found == all.end() ? std::nullopt : std::optional(found->second);
    });
  };
  CHECK(in({{"JOBWARD_STATE_DIR", "/s"}, {"HOME", "/h"}}, 0) == "/s/watchdog");
  CHECK(in({{"XDG_STATE_HOME", "/x"}}, 0) == "/var/lib/jobward/watchdog");
  CHECK(in({{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}, 7) == "/x/jobward/watchdog");
  CHECK(in({{"HOME", "/h"}}, 7) == "/h/.local/state/jobward/watchdog");
  CHECK(!in({}, 7));
}
