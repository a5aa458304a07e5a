#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "profiles/sqlite_run_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::profiles;
using test::full_ending;
using test::full_request;
using test::plain_request;

namespace {

std::vector<std::string> append_level(const std::vector<LearnedState>& old, const Observation&) {
  std::vector<std::string> out;
  for (const auto& state : old)
    out.push_back(state.blob + std::string(to_string(state.level)) + ";");
  return out;
}

struct Place {
  test::TemporaryDirectory directory;
  test::FixedClock clock;
  std::vector<std::string> notices;
  Learn learn = append_level;

  std::unique_ptr<RunStore> open() {
    auto store = open_sqlite_run_store(directory.path(), clock,
                                       [this](const std::string& text) { notices.push_back(text); },
                                       {1, learn});
    REQUIRE(store);
    return std::move(*store);
  }
};

const Timestamps kBegun{1000, 1001, std::nullopt, std::nullopt};
const Timestamps kEnded{1000, 1001, 1005, 2000};

RunEnding plain_ending() {
  RunEnding ending;
  ending.cause = "exit status 0";
  ending.exit_source = "job";
  ending.exit_code = 0;
  return ending;
}

RunRecord only(Result<std::vector<RunRecord>> found) {
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  return std::move(found->front());
}

std::vector<std::string> ids_of(const Result<std::vector<RunRecord>>& found) {
  REQUIRE(found);
  std::vector<std::string> ids;
  for (const auto& run : *found)
    ids.push_back(run.request.id);
  return ids;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("run_store: A run that has begun is admitted, and has no ending") {
  Place place;
  const auto store = place.open();
  REQUIRE(store->begin(full_request("aaaa000000"), kBegun));
  const auto run = only(store->find("aaaa000000"));
  CHECK(run.state == RunState::admitted);
  CHECK(!run.ending);
  CHECK(run.at.created == 1000);
  CHECK(run.at.admitted == 1001);
  CHECK(!run.at.spawned);
  CHECK(!run.at.ended);
}

TEST_CASE("run_store: What was requested is there when the store is opened again") {
  Place place;
  REQUIRE(place.open()->begin(full_request("aaaa000000"), kBegun));
  const auto run = only(place.open()->find("aaaa000000"));
  const auto want = full_request("aaaa000000");
  CHECK(run.request.name == want.name);
  CHECK(run.request.argv == want.argv);
  CHECK(run.request.cwd == want.cwd);
  CHECK(run.request.project == want.project);
  CHECK(run.request.program == want.program);
  CHECK(run.request.fingerprint.exact == want.fingerprint.exact);
  CHECK(run.request.fingerprint.masked == want.fingerprint.masked);
  CHECK(run.request.fingerprint.program == want.fingerprint.program);
  CHECK(run.request.features == want.features);
  CHECK(run.request.where.supervisor_pid == want.where.supervisor_pid);
}

TEST_CASE("run_store: A run that has ended has its ending, its curve and its times") {
  Place place;
  const auto store = place.open();
  REQUIRE(store->begin(full_request("aaaa000000"), kBegun));
  REQUIRE(store->end("aaaa000000", full_ending(), kEnded, Teaches::yes));
  const auto run = only(place.open()->find("aaaa000000"));
  CHECK(run.state == RunState::ended);
  REQUIRE(run.ending);
  CHECK(run.ending->outcome == Outcome::memory_limit);
  CHECK(run.ending->exit_code == 137);
  REQUIRE(run.ending->curve.size() == 2);
  CHECK(run.ending->curve[1].seconds == 0.5);
  CHECK(run.ending->curve[1].bytes == 4096);
  CHECK(run.at.spawned == 1005);
  CHECK(run.at.ended == 2000);
}

TEST_CASE("run_store: Arguments, directory and project keep bytes that are no UTF-8") {
  Place place;
  auto request = plain_request("aaaa000000");
  request.argv = {"\xff\xfe", "", "line\nfeed", "caf\xc3\xa9", ""};
  request.cwd = "/d\x80";
  request.project = "/p\xff";
  request.program = "t\xfe.py";
  const auto store = place.open();
  REQUIRE(store->begin(request, kBegun));
  const auto run = only(store->find("aaaa000000"));
  CHECK(run.request.argv == request.argv);
  CHECK(run.request.cwd == request.cwd);
  CHECK(run.request.project == request.project);
  CHECK(run.request.program == request.program);
  CHECK(ids_of(store->history({20, "/p\xff", "t\xfe.py", false})) == Ids{"aaaa000000"});
}

TEST_CASE("run_store: The same id twice is an error, and the first run stays") {
  Place place;
  const auto store = place.open();
  REQUIRE(store->begin(full_request("aaaa000000"), kBegun));
  CHECK(!store->begin(plain_request("aaaa000000"), kBegun));
  CHECK(only(store->find("aaaa000000")).request.name == "nightly");
}

TEST_CASE("run_store: A run is closed once, the second time is an error and teaches nothing") {
  Place place;
  const auto store = place.open();
  const auto request = plain_request("aaaa000000");
  REQUIRE(store->begin(request, kBegun));
  REQUIRE(store->end("aaaa000000", full_ending(), kEnded, Teaches::yes));
  const auto again = store->end("aaaa000000", plain_ending(), kEnded, Teaches::yes);
  REQUIRE(!again);
  CHECK_THAT(again.error().message(), Catch::Contains("aaaa000000"));
  CHECK(only(store->find("aaaa000000")).ending->outcome == Outcome::memory_limit);
  const auto learned = store->learned(request.fingerprint);
  REQUIRE(learned);
  CHECK(learned->front().blob == "exact;");
}

TEST_CASE("run_store: Closing a run that never began is an error and teaches nothing") {
  Place place;
  const auto store = place.open();
  CHECK(!store->end("nowhere000", plain_ending(), kEnded, Teaches::yes));
  const auto learned = store->learned(plain_request("nowhere000").fingerprint);
  REQUIRE(learned);
  for (const auto& state : *learned)
    CHECK(state.blob.empty());
}

TEST_CASE("run_store: Each level learns from the runs with its key, nearest first") {
  Place place;
  const auto store = place.open();
  for (const auto* id : {"aaaa000000", "bbbb000000"}) {
    REQUIRE(store->begin(plain_request(id), kBegun));
    REQUIRE(store->end(id, plain_ending(), kEnded, Teaches::yes));
  }
  auto other = plain_request("cccc000000");
  other.fingerprint = {"e-other", "m-other", "p-other"};
  REQUIRE(store->begin(other, kBegun));
  REQUIRE(store->end("cccc000000", plain_ending(), kEnded, Teaches::yes));
  const auto learned = store->learned(plain_request("bbbb000000").fingerprint);
  REQUIRE(learned);
  REQUIRE(learned->size() == kLevels.size());
  const std::vector<std::string> want{"exact;", "masked;masked;", "program;program;",
                                      "everything;everything;everything;"};
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    CHECK((*learned)[i].level == kLevels[i]);
    CHECK((*learned)[i].blob == want[i]);
  }
}

TEST_CASE("run_store: An unknown fingerprint has an empty entry a level") {
  Place place;
  const auto learned = place.open()->learned({"x", "y", "z"});
  REQUIRE(learned);
  REQUIRE(learned->size() == kLevels.size());
  for (const auto& state : *learned)
    CHECK(state.blob.empty());
}

TEST_CASE("run_store: A run may be closed without learning from it") {
  Place place;
  const auto store = place.open();
  REQUIRE(store->begin(plain_request("aaaa000000"), kBegun));
  REQUIRE(store->end("aaaa000000", plain_ending(), kEnded, Teaches::no));
  CHECK(store->learned(plain_request("aaaa000000").fingerprint)->front().blob.empty());
}

TEST_CASE("run_store: A learned state may be any bytes") {
  Place place;
  const std::string bytes("\0\xff\x80\n", 4);
  place.learn = [&](const auto& old, const auto&) {
    return std::vector<std::string>(old.size(), bytes);
  };
  const auto store = place.open();
  REQUIRE(store->begin(plain_request("aaaa000000"), kBegun));
  REQUIRE(store->end("aaaa000000", plain_ending(), kEnded, Teaches::yes));
  CHECK(store->learned(plain_request("aaaa000000").fingerprint)->front().blob == bytes);
}

TEST_CASE("run_store: A run is found by its id, its name, or the beginning of its id") {
  Place place;
  const auto store = place.open();
  for (const auto* id : {"abc1000000", "abd2000000", "xyz3000000"})
    REQUIRE(store->begin(plain_request(id), kBegun));
  auto named = plain_request("nnnn000000");
  named.name = "nightly";
  REQUIRE(store->begin(named, kBegun));
  CHECK(ids_of(store->find("abd2000000")) == Ids{"abd2000000"});
  CHECK(ids_of(store->find("xy")) == Ids{"xyz3000000"});
  CHECK(ids_of(store->find("nightly")) == Ids{"nnnn000000"});
  CHECK(ids_of(store->find("ab")).size() == 2);
  CHECK(ids_of(store->find("abc")) == Ids{"abc1000000"});
}

TEST_CASE("run_store: What matches nothing, or is too short to mean one, finds nothing") {
  Place place;
  const auto store = place.open();
  REQUIRE(store->begin(plain_request("abc1000000"), kBegun));
  for (const auto* reference : {"", "a", "b", "abc1000000x", "night", "%", "ab%", "AB", "~~"}) {
    INFO(reference);
    CHECK(ids_of(store->find(reference)).empty());
  }
}

TEST_CASE("run_store: A name goes before the beginning of an id, an id before a name") {
  Place place;
  const auto store = place.open();
  auto named = plain_request("nnnn000000");
  named.name = "abc";
  auto trap = plain_request("tttt000000");
  trap.name = "abc1000000";
  REQUIRE(store->begin(named, kBegun));
  REQUIRE(store->begin(plain_request("abc1000000"), kBegun));
  REQUIRE(store->begin(trap, kBegun));
  CHECK(ids_of(store->find("abc")) == Ids{"nnnn000000"});
  CHECK(ids_of(store->find("abc1000000")) == Ids{"abc1000000"});
}

TEST_CASE("run_store: Of runs with one name the newest comes first") {
  Place place;
  const auto store = place.open();
  for (const auto* id : {"zzzz000000", "aaaa000000"}) {
    auto request = plain_request(id);
    request.name = "nightly";
    REQUIRE(store->begin(request, kBegun));
  }
  CHECK(ids_of(store->find("nightly")).front() == "aaaa000000");
}

TEST_CASE("run_store: History is newest first, and as long as asked for") {
  Place place;
  const auto store = place.open();
  for (const auto* id : {"cccc000000", "aaaa000000", "bbbb000000"})
    REQUIRE(store->begin(plain_request(id), kBegun));
  CHECK(ids_of(store->history({})) == Ids{"bbbb000000", "aaaa000000", "cccc000000"});
  CHECK(ids_of(store->history({2, "", "", false})) == Ids{"bbbb000000", "aaaa000000"});
}

TEST_CASE("run_store: History by project, by program, and of open runs only") {
  Place place;
  const auto store = place.open();
  for (const auto* id : {"aaaa000000", "bbbb000000", "cccc000000"}) {
    auto request = plain_request(id);
    if (id[0] == 'b') request.project = "/other";
    if (id[0] == 'c') request.program = "make";
    REQUIRE(store->begin(request, kBegun));
  }
  REQUIRE(store->end("aaaa000000", plain_ending(), kEnded, Teaches::no));
  CHECK(ids_of(store->history({20, "/other", "", false})) == Ids{"bbbb000000"});
  CHECK(ids_of(store->history({20, "", "make", false})) == Ids{"cccc000000"});
  CHECK(ids_of(store->history({20, "", "", true})) == Ids{"cccc000000", "bbbb000000"});
  CHECK(ids_of(store->history({20, "/other", "make", false})).empty());
}

TEST_CASE("run_store: A run that one store began another one sees and closes") {
  Place place;
  const auto first = place.open();
  const auto second = place.open();
  REQUIRE(first->begin(plain_request("aaaa000000"), kBegun));
  REQUIRE(second->begin(plain_request("bbbb000000"), kBegun));
  CHECK(ids_of(second->find("aaaa000000")).size() == 1);
  REQUIRE(second->end("aaaa000000", plain_ending(), kEnded, Teaches::yes));
  CHECK(!first->end("aaaa000000", plain_ending(), kEnded, Teaches::yes));
  REQUIRE(first->end("bbbb000000", plain_ending(), kEnded, Teaches::yes));
  CHECK(first->learned({"", "masked-key", ""})->at(1).blob == "masked;masked;");
}
