// What admission, request ids and pruning ask of the store.
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "profiles/sqlite.h"
#include "profiles/sqlite_run_store.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::profiles;

namespace {

struct Desk {
  test::TemporaryDirectory directory;
  SystemClock clock;
  std::unique_ptr<RunStore> store =
      open_sqlite_run_store(directory.path(), clock, [](const std::string&) {}).value();

  Result<std::optional<RunState>> begin(const std::string& id, std::optional<RunState> state,
                                        const std::string& key = {}) const {
    auto request = test::full_request(id);
    request.id = id;
    request.name.clear();
    request.request_key = key;
    request.reservation.set(Resource::memory, 1000);
    request.lasts_seconds = 60;
    request.fingerprint = {"exact", "masked", "program"};
    return store->begin(request, {1, 2, {}, {}}, [&](const auto&) { return state; });
  }
  void end(const std::string& id, UnixMillis at) const {
    REQUIRE(store->end(id, test::full_ending(), {1, 2, 3, at}, Teaches::no));
  }
  // So many more ended runs like this one, without a commit for each.
  void multiply(const std::string& id, int times) const {
    auto db = sqlite::Database::open(directory.path() + "/jobward.db", 1000).value();
    auto copy =
        db.prepare(
              "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<?)"
              " INSERT INTO runs(id, name, state, project, program, argv, cwd, created_ms, "
              "admitted_ms,"
              " ended_ms, fp_exact, fp_masked, fp_program, request, ending, curve)"
              " SELECT id || '-' || i, name, state, project, program, argv, cwd, created_ms, "
              "admitted_ms,"
              " ended_ms, fp_exact, fp_masked, fp_program, request, ending, curve FROM runs, n"
              " WHERE id=?")
            .value();
    REQUIRE(copy.bind(std::int64_t{times}).bind(id).run());
  }
};

const Removing kNothing = [](const std::string&) {};

}  // namespace

TEST_CASE("run_queue: The gate decides whether a run waits, goes on, or has no row") {
  const Desk desk;
  CHECK(desk.begin("aaaa000001", RunState::admitted).value() == RunState::admitted);
  CHECK(desk.begin("aaaa000002", RunState::queued).value() == RunState::queued);
  CHECK_FALSE(desk.begin("aaaa000003", std::nullopt).value());
  const auto open = desk.store->open_runs().value();
  REQUIRE(open.size() == 2);
  CHECK(open[0].id == "aaaa000001");
  CHECK(open[0].state == RunState::admitted);
  CHECK(open[0].started == 2);
  CHECK(open[0].reserved == 1000);
  CHECK(open[0].lasts_seconds == 60);
  CHECK(open[1].state == RunState::queued);
  CHECK_FALSE(open[1].started);
}

TEST_CASE("run_queue: A queued run is let in once, with the time at which it was") {
  const Desk desk;
  REQUIRE(desk.begin("aaaa000001", RunState::queued));
  const auto go = [](const auto&) { return std::optional(RunState::admitted); };
  const auto stay = [](const auto&) { return std::optional(RunState::queued); };
  CHECK(desk.store->admit("aaaa000001", {1, 9, {}, {}}, stay).value() == RunState::queued);
  CHECK(desk.store->open_runs().value()[0].state == RunState::queued);
  CHECK(desk.store->admit("aaaa000001", {1, 9, {}, {}}, go).value() == RunState::admitted);
  CHECK(desk.store->open_runs().value()[0].started == 9);
  CHECK_FALSE(desk.store->admit("aaaa000001", {1, 9, {}, {}}, go));
}

TEST_CASE("run_queue: An ended run is open no more, and the gate sees who is") {
  const Desk desk;
  REQUIRE(desk.begin("aaaa000001", RunState::admitted));
  REQUIRE(desk.begin("aaaa000002", RunState::admitted));
  desk.end("aaaa000001", 10);
  std::size_t seen = 0;
  auto request = test::full_request("aaaa000003");
  request.id = "aaaa000003";
  REQUIRE(desk.store->begin(request, {1, 2, {}, {}}, [&](const auto& open) {
    seen = open.size();
    return std::optional(RunState::admitted);
  }));
  CHECK(seen == 1);
}

TEST_CASE("run_queue: What a run has reserved can be changed while it goes on") {
  const Desk desk;
  REQUIRE(desk.begin("aaaa000001", RunState::admitted));
  const auto to = [](std::optional<double> bytes) {
    return [bytes](const auto&) { return bytes; };
  };
  CHECK(desk.store->reserve("aaaa000001", to(5000)).value() == 5000);
  CHECK_FALSE(desk.store->reserve("aaaa000001", to(std::nullopt)).value());
  CHECK(desk.store->open_runs().value()[0].reserved == 5000);
}

TEST_CASE("run_queue: A request id has one run, until it is forgotten") {
  const Desk desk;
  REQUIRE(desk.begin("aaaa000001", RunState::admitted, "key"));
  CHECK_FALSE(desk.begin("aaaa000002", RunState::admitted, "key"));
  CHECK(desk.store->requested("key").value()->request.id == "aaaa000001");
  CHECK_FALSE(desk.store->requested("other").value());
  desk.end("aaaa000001", 100);
  REQUIRE(desk.store->forget_requests_before(100));
  CHECK(desk.store->requested("key").value());
  REQUIRE(desk.store->forget_requests_before(101));
  CHECK_FALSE(desk.store->requested("key").value());
  REQUIRE(desk.begin("aaaa000003", RunState::admitted, "key"));
  REQUIRE(desk.store->forget_request("aaaa000003"));
  CHECK_FALSE(desk.store->requested("key").value());
}

TEST_CASE("run_queue: Pruning keeps the newest of each kind, the open, and what is young") {
  const Desk desk;
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(desk.begin("aaaa00000" + std::to_string(i), RunState::admitted));
    if (i < 5) desk.end("aaaa00000" + std::to_string(i), 10 * i);
  }
  std::vector<std::string> removing;
  const auto note = [&](const std::string& id) { removing.push_back(id); };
  const auto pruned = desk.store->prune(31, 1, note).value();  // the fourth ended at 40
  CHECK(pruned.size() == 3);
  CHECK(removing == pruned);
  CHECK(desk.store->history({}).value().size() == 2);
  CHECK(desk.store->prune(1000, 1, note).value().empty());  // the newest that has ended stays
}

TEST_CASE("run_queue: Pruning keeps a run as long as its request id is known") {
  const Desk desk;
  REQUIRE(desk.begin("aaaa000001", RunState::admitted, "key"));
  desk.end("aaaa000001", 10);
  CHECK(desk.store->prune(1000, 0, kNothing).value().empty());
  REQUIRE(desk.store->forget_requests_before(11));
  CHECK(desk.store->prune(1000, 0, kNothing).value() == std::vector<std::string>{"aaaa000001"});
}

TEST_CASE("run_queue: Pruning removes more than one transaction does") {
  const Desk desk;
  REQUIRE(desk.begin("aaaa000000", RunState::admitted));
  desk.end("aaaa000000", 10);
  desk.multiply("aaaa000000", 1100);
  const auto pruned = desk.store->prune(1000, 1, kNothing).value();
  CHECK(pruned.size() == 1100);
  CHECK(pruned.front() == "aaaa000000");
  CHECK(desk.store->history({}).value().size() == 1);
}

TEST_CASE("run_queue: A long run is beside one that began much later") {
  const Desk desk;
  const UnixMillis hours = 3600 * 1000;
  REQUIRE(desk.begin("aaaa000000", RunState::admitted));
  REQUIRE(desk.begin("bbbb000000", RunState::admitted));
  desk.end("bbbb000000", 100);
  desk.multiply("bbbb000000", 600);
  REQUIRE(desk.begin("cccc000000", RunState::admitted));
  const auto beside = [&] { return desk.store->beside("cccc000000", hours, 2 * hours).value(); };
  REQUIRE(beside().size() == 1);  // it is open
  desk.end("aaaa000000", 3 * hours);
  REQUIRE(beside().size() == 1);
  CHECK(beside()[0].request.id == "aaaa000000");
  CHECK(desk.store->beside("cccc000000", 4 * hours, 5 * hours).value().empty());
}

TEST_CASE("run_queue: Runs beside one are those that went on meanwhile") {
  const Desk desk;
  REQUIRE(desk.begin("aaaa000001", RunState::admitted));
  REQUIRE(desk.begin("aaaa000002", RunState::admitted));
  desk.end("aaaa000001", 50);
  CHECK(desk.store->beside("aaaa000002", 10, 60).value().size() == 1);
  CHECK(desk.store->beside("aaaa000002", 51, 60).value().empty());
}

TEST_CASE("run_queue: A database of the first schema is taken over with its runs") {
  const test::TemporaryDirectory directory;
  const SystemClock clock;
  const auto open = [&] {
    return open_sqlite_run_store(directory.path(), clock, [](const std::string&) {});
  };
  {
    auto store = open().value();
    REQUIRE(store->begin(test::full_request("aaaa000001"), {1, 2, {}, {}}));
  }
  // As it was before "queue and request ids".
  {
    auto db = sqlite::Database::open(directory.path() + "/jobward.db", 1000).value();
    REQUIRE(db.execute(
        "DROP TABLE watchdog_events; DROP TABLE watchdog_files; DROP TABLE watchdog_broken;"
        "DROP TABLE imported; DROP TABLE states; DROP TABLE learning;"
        "DROP TABLE ledger; DROP TABLE ledger_exports; DROP TABLE decisions; DROP TABLE "
        "accepted_rows;"
        "DROP INDEX runs_with_curve; DROP INDEX runs_learned; ALTER TABLE runs DROP COLUMN "
        "learned_order;"
        "DROP INDEX runs_requested; DROP INDEX runs_requested_until;"
        "DROP INDEX runs_long; ALTER TABLE runs DROP COLUMN parent;"
        "ALTER TABLE runs DROP COLUMN reserved; ALTER TABLE runs DROP COLUMN lasts;"
        "ALTER TABLE runs DROP COLUMN memory_cgroup;"
        "ALTER TABLE runs DROP COLUMN request_key; PRAGMA user_version=1"));
  }
  auto store = open();
  REQUIRE(store);
  const auto runs = (*store)->open_runs().value();
  REQUIRE(runs.size() == 1);
  CHECK_FALSE(runs[0].reserved);
  CHECK((*store)->find(runs[0].id).value().size() == 1);
}
