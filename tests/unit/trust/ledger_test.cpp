#include "trust/ledger.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "common/files.h"
#include "common/text.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/temporary_directory.h"
#include "trust/encoding.h"
#include "trust/ledger_verify.h"
#include "trust/store_key.h"

using namespace jobward;
using namespace jobward::trust;
using Catch::Contains;
using jobward::test::TemporaryDirectory;

namespace {

NewEntry note(const std::string& check, std::optional<Severity> severity = Severity::info) {
  NewEntry entry;
  entry.actor.uid = 1000;
  entry.actor.claims = {{"agent", "coder"}};
  entry.run = "run-" + check;
  entry.check = check;
  entry.severity = severity;
  entry.message = "what " + check + " found";
  return entry;
}

class LedgerTest {
 public:
  LedgerTest() { reopen(); }
  void reopen() {
    ledger.reset();
    ledger = Ledger::open({directory.path(), "here", {{AnchorPlace::Kind::file, heads, {}}}}, clock,
                          [](const std::string&) {})
                 .value();
  }
  void add(int count) {
    for (int i = 1; i <= count; ++i)
      REQUIRE(ledger->append(note("c" + std::to_string(i))));
  }
  // As somebody with the store's uid would.
  void tamper(const std::string& sql) {
    REQUIRE(ledger->database().execute(
        ("DROP TRIGGER IF EXISTS ledger_keeps; DROP TRIGGER IF EXISTS ledger_forgets_nothing;" +
         sql)
            .c_str()));
  }
  LedgerReport verify() {
    const auto store = store_public_key(directory.path()).value();
    const auto outside = read_outside_heads(heads, store).value();
    CHECK(outside.problems.empty());
    return verify_ledger(ledger->database(), store, outside.heads).value();
  }
  std::string flaws() {
    std::string text;
    for (const auto& flaw : verify().flaws)
      text += flaw.what + "\n";
    return text;
  }

  TemporaryDirectory directory;
  test::FixedClock clock;
  std::string heads = directory.path() + "/heads";
  std::unique_ptr<Ledger> ledger;
};

}  // namespace

TEST_CASE_METHOD(LedgerTest, "ledger: What was appended is read back, marked and in order") {
  add(2);
  const auto entries = ledger->query({}).value();
  REQUIRE(entries.size() == 3);  // the first head with the first entry
  CHECK(entries[0].seq == 1);
  CHECK(entries[0].check == "c1");
  CHECK(entries[0].actor.claims.at("agent") == "coder");
  CHECK(entries[1].kind == EntryKind::head);
  CHECK(entries[2].message == "what c2 found");
}

TEST_CASE("ledger: An entry's text is canonical") {
  Entry entry;
  static_cast<NewEntry&>(entry) = note("a\"b\n", Severity::hard_fail);
  entry.run.clear();
  entry.passed = false;
  entry.key_ids = {"SHA256:x"};
  entry.seq = 7;
  entry.time = 1700000000000;
  entry.details = R"({"rate":0.25})";
  CHECK(
      canonical_text(entry) ==
      R"({"actor":{"claims":{"agent":{"basis":"claimed","value":"coder"}},"keys":{"basis":)"
      R"("verified","value":["SHA256:x"]},"uid":{"basis":"verified","value":1000}},"check":"a\"b\n",)"
      R"("details":"{\"rate\":0.25}","kind":"finding","message":"what a\"b\n found","passed":false,)"
      R"("seq":7,"severity":"HARD_FAIL","time_ms":1700000000000})");
  const auto read = read_entry(canonical_text(entry)).value();
  CHECK(canonical_text(read) == canonical_text(entry));
}

TEST_CASE_METHOD(LedgerTest, "ledger: It can be asked by run, check, severity, time, actor, kind") {
  clock.set_wall(1000);
  add(3);
  clock.set_wall(2000);
  auto other = note("late", Severity::warn);
  other.actor = {77, {{"role", "reviewer"}}};
  REQUIRE(ledger->append(other));
  const auto count = [&](const LedgerQuery& query) { return ledger->query(query).value().size(); };
  LedgerQuery query;
  query.run = "run-c2";
  CHECK(count(query) == 1);
  query = {};
  query.check = "late";
  CHECK(count(query) == 1);
  query = {};
  query.severity = Severity::warn;
  CHECK(count(query) == 1);
  query = {};
  query.since = 1500;
  CHECK(count(query) == 1);
  query = {};
  query.until = 1500;
  CHECK(count(query) == 4);
  query = {};
  query.actor = "reviewer";
  CHECK(count(query) == 1);
  query.actor = "77";
  CHECK(count(query) == 1);
  query.actor = "1000";
  CHECK(count(query) == 3);
  query = {};
  query.kind = EntryKind::head;
  CHECK(count(query) == 1);
  query = {};
  query.newest = 2;
  const auto newest = ledger->query(query).value();
  REQUIRE(newest.size() == 2);
  CHECK(newest[1].check == "late");
}

TEST_CASE_METHOD(LedgerTest, "ledger: It cannot be changed by accident") {
  add(1);
  CHECK_FALSE(ledger->database().execute("UPDATE ledger SET body='{}' WHERE seq=1"));
  CHECK_FALSE(ledger->database().execute("DELETE FROM ledger"));
}

TEST_CASE_METHOD(LedgerTest, "ledger: Untouched it is whole, and says what is anchored outside") {
  add(5);
  REQUIRE(ledger->append(note("bad", Severity::hard_fail)));
  add(1);
  const auto report = verify();
  CHECK(flaws() == "");
  CHECK(report.entries == 9);
  REQUIRE(report.anchored);
  CHECK(report.anchored->head.seq == 7);  // the HARD_FAIL
  CHECK(report.last_head->seq == 7);
}

TEST_CASE_METHOD(LedgerTest, "ledger: A changed entry is named") {
  add(6);
  tamper("UPDATE ledger SET body=replace(body, 'c3', 'c9') WHERE seq=4");
  CHECK_THAT(flaws(), Contains("entry 4 was changed"));
  CHECK(verify().flaws.size() == 1);
}

TEST_CASE_METHOD(LedgerTest, "ledger: A changed entry with a new hash breaks the chain after it") {
  add(6);
  const auto entry = ledger->query({}).value().at(3);
  auto changed = entry;
  changed.severity = Severity::warn;
  const auto before = ledger->query({}).value();
  std::string hash = first_hash();
  for (int i = 0; i < 3; ++i)
    hash = chain_hash(hash, canonical_text(before[static_cast<std::size_t>(i)]));
  const std::string text = canonical_text(changed);
  auto statement =
      (tamper(""), ledger->database().prepare("UPDATE ledger SET body=?, hash=? WHERE seq=4"));
  REQUIRE(statement->bind(text).bind_blob(chain_hash(hash, text)).run());
  CHECK_THAT(flaws(), Contains("entry 5 was changed, or the hash of the one before it"));
}

TEST_CASE_METHOD(LedgerTest, "ledger: A missing entry is named") {
  add(6);
  tamper("DELETE FROM ledger WHERE seq=4");
  CHECK_THAT(flaws(), Contains("entry 4 is missing"));
  tamper("DELETE FROM ledger WHERE seq=5");
  CHECK_THAT(flaws(), Contains("entries 4 to 5 are missing"));
}

TEST_CASE_METHOD(LedgerTest, "ledger: Swapped entries are named") {
  add(6);
  tamper(
      "UPDATE ledger SET seq=100 WHERE seq=4; UPDATE ledger SET seq=4 WHERE seq=5;"
      "UPDATE ledger SET seq=5 WHERE seq=100");
  CHECK_THAT(flaws(), Contains("in the place of entry 4 stands entry 5"));
  CHECK_THAT(flaws(), Contains("in the place of entry 5 stands entry 4"));
}

TEST_CASE_METHOD(LedgerTest, "ledger: Cut off at the end, it is found against an exported head") {
  add(3);
  REQUIRE(ledger->append(note("bad", Severity::hard_fail)));
  tamper("DELETE FROM ledger WHERE seq>3");
  CHECK_THAT(flaws(), Contains("it ends with entry 3") && Contains("a head of entry 5"));
  // Without what lies outside, nothing could tell.
  const auto store = store_public_key(directory.path()).value();
  CHECK(verify_ledger(ledger->database(), store, {}).value().is_whole());
  tamper("DELETE FROM ledger");
  CHECK_THAT(flaws(), Contains("it ends with entry 0"));
}

TEST_CASE_METHOD(LedgerTest, "ledger: Written anew from an entry on, it is found") {
  add(3);
  REQUIRE(ledger->append(note("bad", Severity::hard_fail)));
  auto entries = ledger->query({}).value();
  tamper("DELETE FROM ledger WHERE seq>=3");
  for (auto& entry : entries)
    if (entry.seq >= 3 && entry.kind == EntryKind::finding) {
      entry.severity = Severity::info;
      REQUIRE(ledger->append(entry));
    }
  REQUIRE(ledger->append(note("more")));
  CHECK_THAT(flaws(), Contains("is not what") && Contains("has signed"));
}

TEST_CASE_METHOD(LedgerTest, "ledger: A head that another key has signed is none") {
  add(1);
  REQUIRE(std::remove(directory.path("keys/store.key").c_str()) == 0);
  REQUIRE(ledger->append(note("bad", Severity::hard_fail)));
  const auto store = store_public_key(directory.path()).value();
  const auto outside = read_outside_heads(heads, store).value();
  CHECK(outside.heads.size() == 1);
  CHECK(outside.problems.empty());
  CHECK(outside.others == 1);  // several stores may share the file
}

TEST_CASE_METHOD(LedgerTest, "ledger: A head is signed every thousand entries and every day") {
  clock.set_wall(1000);
  add(1002);
  LedgerQuery heads_only;
  heads_only.kind = EntryKind::head;
  CHECK(ledger->query(heads_only).value().size() == 2);
  REQUIRE(ledger->anchor_if_due());
  CHECK(ledger->query(heads_only).value().size() == 2);
  clock.set_wall(clock.wall_ms() + 24LL * 3600 * 1000);
  REQUIRE(ledger->anchor_if_due());
  CHECK(ledger->query(heads_only).value().size() == 3);
  clock.set_wall(clock.wall_ms() + 24LL * 3600 * 1000);  // nothing new
  REQUIRE(ledger->anchor_if_due());
  CHECK(ledger->query(heads_only).value().size() == 3);
  CHECK(split(read_file(heads).value(), '\n').size() == 4);
  CHECK(flaws() == "");
}

TEST_CASE("ledger: A place that cannot be written is told, and what was appended stays") {
  const TemporaryDirectory directory;
  const test::FixedClock clock;
  std::string told;
  auto ledger = Ledger::open({directory.path(),
                              "here",
                              {{AnchorPlace::Kind::file, "/no/such/place", {}},
                               {AnchorPlace::Kind::command, {}, {"sh", "-c", "exit 3"}}}},
                             clock, [&](const std::string& text) { told += text + "\n"; })
                    .value();
  REQUIRE(ledger->append(note("bad", Severity::hard_fail)));
  CHECK_THAT(told, Contains("/no/such/place") && Contains("did not end with status 0"));
  CHECK(ledger->query({}).value().size() == 2);
  const auto exports = ledger->exports().value();
  REQUIRE(exports.size() == 2);
  CHECK(exports[0].seq == 0);
  CHECK_FALSE(exports[0].problem.empty());
}

TEST_CASE("ledger: A command gets the head on its standard input") {
  const TemporaryDirectory directory;
  const test::FixedClock clock;
  const std::string out = directory.path("copy");
  auto ledger =
      Ledger::open({directory.path(),
                    "here",
                    {{AnchorPlace::Kind::command, {}, {"sh", "-c", "cat > \"$0\"", out}}}},
                   clock, [](const std::string&) {})
          .value();
  REQUIRE(ledger->append(note("bad", Severity::hard_fail)));
  const auto store = store_public_key(directory.path()).value();
  CHECK(read_outside_heads(out, store).value().heads.size() == 1);
}

TEST_CASE_METHOD(LedgerTest, "ledger: What is not committed has not happened") {
  add(1);
  {
    auto batch = ledger->begin().value();
    REQUIRE(batch.append(note("half")));
  }
  CHECK(ledger->size().value() == 2);
  add(1);
  CHECK(flaws() == "");
}
