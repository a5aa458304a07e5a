// What was learned is rebuilt when it is of another version, whatever happens meanwhile.
#include "profiles/relearn.h"

#include <signal.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "estimator/estimator.h"
#include "profiles/learned_rows.h"
#include "profiles/sqlite_run_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/partner.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::profiles;
using test::Partner;
using test::plain_request;

namespace {

// As the estimator of another version would: the order shows in it.
Learn tagged(const std::string& tag) {
  return [tag](const std::vector<LearnedState>& old, const Observation& seen) {
    std::vector<std::string> out;
    for (const auto& state : old)
      out.push_back(state.blob + tag +
                    std::to_string(static_cast<int>(seen.used.find(Resource::memory)->value)) +
                    ";");
    return out;
  };
}

RunEnding ending_with(double memory) {
  RunEnding ending;
  ending.cause = "exit status 0";
  ending.exit_source = "job";
  ending.observation.features = {{"num:--epochs", memory / 3}};
  ending.observation.used.set(Resource::memory, {memory, false});
  ending.observation.used.set(Resource::wall, {memory / 7, false});
  return ending;
}

std::string id_of(int number) {
  const auto digits = std::to_string(number);
  return "run" + std::string(7 - digits.size(), '0') + digits;
}

struct Place {
  test::TemporaryDirectory directory;
  test::FixedClock clock;
  std::vector<std::string> notices;

  std::unique_ptr<RunStore> open(Learner learner) {
    auto store = open_sqlite_run_store(
        directory.path(), clock, [this](const std::string& text) { notices.push_back(text); },
        std::move(learner));
    REQUIRE(store);
    return std::move(*store);
  }
  sqlite::Database database() {
    auto db = sqlite::Database::open(directory.path() + "/jobward.db", 1000);
    REQUIRE(db);
    return std::move(*db);
  }
};

void begin(RunStore& store, int number) {
  REQUIRE(store.begin(plain_request(id_of(number)), {1, 1, {}, {}}));
}
Status finish(RunStore& store, int number, UnixMillis ended = 10) {
  return store.end(id_of(number), ending_with(number), {1, 1, 2, ended}, Teaches::yes);
}
void record(RunStore& store, int number) {
  begin(store, number);
  REQUIRE(finish(store, number));
}

std::string masked_state(RunStore& store) {
  const auto states = store.learned({"", "masked-key", ""});
  REQUIRE(states);
  return states->at(1).blob;
}

// All rows of `states`, of the version that counts.
std::vector<std::string> all_states(Place& place) {
  auto db = place.database();
  auto rows = db.prepare(
      "SELECT version || level || key || hex(blob) FROM states WHERE version=(SELECT version FROM "
      "learning) ORDER BY 1");
  REQUIRE(rows);
  std::vector<std::string> out;
  while (rows->step().value())
    out.push_back(rows->text(0).substr(1));
  return out;
}

}  // namespace

TEST_CASE("relearn: States of another version are made anew from the runs, in their order") {
  Place place;
  {
    const auto store = place.open({1, tagged("old")});
    for (const int number : {1, 2, 3, 4})
      begin(*store, number);
    for (const int number : {3, 1, 4, 2})
      REQUIRE(finish(*store, number));
  }
  const auto store = place.open({2, tagged("n")});
  CHECK(masked_state(*store) == "n3;n1;n4;n2;");
  record(*store, 5);
  CHECK(masked_state(*store) == "n3;n1;n4;n2;n5;");
  CHECK(place.database().integer("SELECT count(*) FROM states WHERE version<>2").value() == 0);
  CHECK(place.notices.empty());
}

TEST_CASE("relearn: With the estimator it gives the same bytes as learning run by run") {
  Place online;
  Place later;
  const Learner learner{7, estimator::learn};
  {
    const auto store = online.open(learner);
    const auto old = later.open({3, tagged("old")});
    for (int number = 1; number <= 60; ++number) {
      record(*store, number * 37 % 61);
      record(*old, number * 37 % 61);
    }
  }
  masked_state(*later.open(learner));
  const auto want = all_states(online);
  CHECK(want.size() > 60);
  CHECK(all_states(later) == want);
}

TEST_CASE("relearn: A run that another version closes is learned by the next of this one") {
  Place place;
  const auto old = place.open({1, tagged("old")});
  record(*old, 1);
  begin(*old, 2);
  begin(*old, 3);
  const auto now = place.open({2, tagged("n")});
  CHECK(masked_state(*now) == "n1;");
  REQUIRE(finish(*old, 2));
  CHECK(masked_state(*now) == "n1;");
  REQUIRE(finish(*now, 3));
  CHECK(masked_state(*now) == "n1;n2;n3;");
}

TEST_CASE("relearn: What never taught is not learned, and a store without learner loses nothing") {
  Place place;
  {
    const auto store = place.open({});
    for (const int number : {1, 2, 3})
      begin(*store, number);
    REQUIRE(finish(*store, 1));
    REQUIRE(store->end(id_of(2), ending_with(2), {1, 1, 2, 10}, Teaches::no));
    REQUIRE(finish(*store, 3));
  }
  {
    const auto store = place.open({1, tagged("a")});
    record(*store, 4);
    CHECK(masked_state(*store) == "a1;a3;a4;");
  }
  CHECK(masked_state(*place.open({2, tagged("b")})) == "b1;b3;b4;");
}

TEST_CASE("relearn: Runs from before there were numbers come first, by the time of their end") {
  Place place;
  {
    const auto store = place.open({1, tagged("old")});
    for (int number = 1; number <= 5; ++number)
      begin(*store, number);
    REQUIRE(finish(*store, 4, 20));
    REQUIRE(finish(*store, 2, 30));
    REQUIRE(finish(*store, 3, 20));
    REQUIRE(store->end(id_of(5), ending_with(5), {1, 1, {}, 40}, Teaches::yes));  // never started
    RunEnding lost = ending_with(1);
    lost.outcome = Outcome::supervisor_lost;
    REQUIRE(store->end(id_of(1), lost, {1, 1, 2, 5}, Teaches::no));
    auto db = place.database();
    REQUIRE(
        db.execute("UPDATE runs SET learned_order=NULL; UPDATE learning SET version=0, last=0,"
                   " learned=0, uncounted=(SELECT max(seq) FROM runs); DELETE FROM states"));
    begin(*store, 6);
    REQUIRE(finish(*store, 6, 1));
  }
  const auto store = place.open({1, tagged("n")});
  CHECK(masked_state(*store) == "n3;n4;n2;n6;");
}

TEST_CASE("relearn: Runs that end while it computes are in it, and none is learned twice") {
  Place place;
  {
    const auto store = place.open({1, tagged("old")});
    for (int number = 1; number <= 4; ++number)
      record(*store, number);
    for (int number = 5; number <= 7; ++number)
      begin(*store, number);
  }
  int calls = 0;
  const auto other = place.open({1, tagged("old")});
  const auto slow = place.open({2, [&](const auto& old, const auto& seen) {
                                  ++calls;
                                  if (calls == 2) REQUIRE(finish(*other, 5));
                                  if (calls == 4) REQUIRE(finish(*other, 6));
                                  return tagged("n")(old, seen);
                                }});
  CHECK(masked_state(*slow) == "n1;n2;n3;n4;n5;n6;");
  REQUIRE(finish(*slow, 7));
  CHECK(masked_state(*slow) == "n1;n2;n3;n4;n5;n6;n7;");
}

TEST_CASE("relearn: Killed at any step it is done again, and whole") {
  for (const std::string point : {"relearning", "relearned"}) {
    INFO(point);
    Place place;
    {
      const auto store = place.open({1, tagged("old")});
      for (int number = 1; number <= 1200; ++number)
        begin(*store, number);
      for (int number = 1; number <= 1200; ++number)
        REQUIRE(finish(*store, number));
    }
    Partner victim([&](const Partner::Turn&) {
      ::setenv("JOBWARD_FAULT", point.c_str(), 1);
      static_cast<void>(place.open({2, tagged("k")})->learned({"", "masked-key", ""}));
      return 0;
    });
    REQUIRE(victim.finish() == -1);
    CHECK(place.database().integer("SELECT version FROM learning").value() == 1);
    CHECK(place.database().integer("SELECT count(*) FROM states WHERE version=2").value() > 1200);
    const auto whole = masked_state(*place.open({2, tagged("n")}));
    CHECK(whole.substr(0, 9) == "n1;n2;n3;");
    CHECK(whole.find('k') == std::string::npos);
    CHECK(whole.ends_with("n1199;n1200;"));
    CHECK(place.database().integer("SELECT count(*) FROM states WHERE version<>2").value() == 0);
  }
}

TEST_CASE("relearn: One process does it, another waits for it a moment, or is told") {
  Place place;
  record(*place.open({1, tagged("old")}), 1);
  {
    // Forked before the lock is taken, or it would hold it, too.
    Partner other([&](const Partner::Turn& turn) {
      turn.wait();
      turn.tell();
      const auto states = place.open({2, tagged("n")})->learned({"", "masked-key", ""});
      return states && states->at(1).blob == "n1;" ? 0 : 1;
    });
    auto lock = LearningLock::take(place.directory.path(), 0);
    REQUIRE((lock && *lock));
    other.release();
    REQUIRE(other.await());
    lock->reset();
    CHECK(other.finish() == 0);
  }
  const auto again = LearningLock::take(place.directory.path(), 0);
  REQUIRE((again && *again));
  {
    auto db = place.database();
    REQUIRE(db.execute("UPDATE runs SET seq=seq+9000"));
  }
  const auto states = place.open({3, tagged("x")})->learned({"", "masked-key", ""});
  REQUIRE(!states);
  CHECK_THAT(states.error().message(), Catch::Contains("9,001") && Catch::Contains("anew"));
}

TEST_CASE("relearn: A run whose use cannot be read is passed over, and told") {
  Place place;
  {
    const auto store = place.open({1, tagged("old")});
    for (int number = 1; number <= 4; ++number)
      record(*store, number);
    auto db = place.database();
    REQUIRE(db.execute("UPDATE runs SET ending='{\"broken' WHERE id='run0000002'"));
    REQUIRE(
        db.execute("UPDATE runs SET ending=json_set(ending, '$.observation.used.wall.value',"
                   " -1) WHERE id='run0000003'"));
  }
  CHECK(masked_state(*place.open({2, tagged("n")})) == "n1;n4;");
  REQUIRE(place.notices.size() == 1);
  CHECK_THAT(place.notices[0], Catch::StartsWith("2 runs on record"));
}

TEST_CASE("relearn: The newest lessons of pruned runs are kept, in their order") {
  Place place;
  {
    const auto store = place.open({1, tagged("old")});
    for (int number = 1; number <= 300; ++number)
      record(*store, number);
    auto other = plain_request("other00000");
    other.fingerprint = {"e", "m", "p"};
    REQUIRE(store->begin(other, {1, 1, {}, {}}));
    REQUIRE(store->end("other00000", ending_with(7), {1, 1, 2, 10}, Teaches::yes));
    REQUIRE(store->prune(1000, 0, [](const std::string&) {}));
    record(*store, 301);
  }
  const auto store = place.open({2, tagged("n")});
  const auto kept = masked_state(*store);
  CHECK(kept.substr(0, 8) == "n45;n46;");
  CHECK(kept.ends_with("n300;n301;"));
  CHECK(store->learned({"", "m", ""})->at(1).blob == "n7;");
}
