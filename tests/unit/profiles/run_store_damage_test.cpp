// What the store does with databases that are damaged, from another version, or in use by several
// processes.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "profiles/sqlite.h"
#include "profiles/sqlite_run_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/partner.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::profiles;
using test::Partner;
using test::plain_request;
using test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

const Timestamps kBegun{1000, 1001, std::nullopt, std::nullopt};
using Notices = std::vector<std::string>;

std::vector<std::string> append_x(const std::vector<LearnedState>& old, const Observation&) {
  std::vector<std::string> out;
  for (const auto& state : old)
    out.push_back(state.blob + "x");
  return out;
}

Result<std::unique_ptr<RunStore>> open_in(const TemporaryDirectory& directory, Notices& notices,
                                          UnixMillis now = 1'700'000'000'000) {
  static test::FixedClock clock;
  clock.set_wall(now);
  return open_sqlite_run_store(directory.path(), clock,
                               [&](const std::string& text) { notices.push_back(text); },
                               {1, append_x});
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The databases that were set aside, without their logs.
std::vector<std::string> set_aside(const TemporaryDirectory& directory) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(directory.path())) {
    const auto name = entry.path().string();
    if (name.find("/jobward.db.corrupt-") != std::string::npos && !name.ends_with("-wal") &&
        !name.ends_with("-shm"))
      out.push_back(name);
  }
  return out;
}

// One process: opens the store, and records one run.
int record_one(const TemporaryDirectory& directory, const std::string& id) {
  Notices notices;
  auto store = open_in(directory, notices);
  if (!store) return 1;
  if (!(*store)->begin(plain_request(id), kBegun)) return 2;
  return (*store)->end(id, RunEnding{}, kBegun, Teaches::yes) ? 0 : 3;
}

// Several processes at once, let go together. Returns how many reported success.
int record_at_once(const TemporaryDirectory& directory, int processes) {
  std::vector<std::unique_ptr<Partner>> partners;
  for (int i = 0; i < processes; ++i)
    partners.push_back(std::make_unique<Partner>([&directory, i](const Partner::Turn& turn) {
      turn.tell();
      turn.wait();
      return record_one(directory, "run" + std::to_string(i) + "000000");
    }));
  for (const auto& partner : partners)
    REQUIRE(partner->await());
  for (const auto& partner : partners)
    partner->release();
  int good = 0;
  for (const auto& partner : partners)
    good += partner->finish() == 0 ? 1 : 0;
  return good;
}

std::size_t runs_in(const TemporaryDirectory& directory) {
  Notices notices;
  auto store = open_in(directory, notices);
  REQUIRE(store);
  const auto runs = (*store)->history({1000, "", "", false});
  REQUIRE(runs);
  CHECK(notices.empty());
  return runs->size();
}

// A clock that lets another process have its turn when it is asked for the second time: between the
// discovery that the database is corrupt and the answer to it.
class InterruptedClock final : public Clock {
 public:
  explicit InterruptedClock(const TemporaryDirectory& directory) : directory_(directory) {}
  [[nodiscard]] MonotonicTime now() const override { return MonotonicTime(); }
  [[nodiscard]] UnixMillis wall_ms() const override {
    if (++asked_ == 2) let_other_go();
    return 1'700'000'000'999;
  }
  int finish_other() { return other_ ? other_->finish() : -1; }

 private:
  void let_other_go() const {
    other_ = std::make_unique<Partner>([this](const Partner::Turn& turn) {
      const int status = record_one(directory_, "other00000");
      turn.tell();
      return status;
    });
    // It may have to wait for us: then it has its turn later.
    static_cast<void>(other_->await(500));
  }

  const TemporaryDirectory& directory_;
  mutable int asked_ = 0;
  mutable std::unique_ptr<Partner> other_;
};

}  // namespace

TEST_CASE("run_store: A database of a newer version is refused and stays as it is") {
  const TemporaryDirectory directory;
  Notices notices;
  REQUIRE(open_in(directory, notices));
  const auto path = directory.path() + "/jobward.db";
  {
    auto db = sqlite::Database::open(path, 0);
    REQUIRE(db);
    REQUIRE(db->execute("PRAGMA user_version=999"));
    REQUIRE(db->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  const auto database = bytes_of(path);
  const auto log = bytes_of(path + "-wal");
  const auto refused = open_in(directory, notices);
  REQUIRE(!refused);
  CHECK_THAT(refused.error().message(), Catch::Contains("newer") && Catch::Contains(path));
  CHECK(bytes_of(path) == database);
  CHECK(bytes_of(path + "-wal") == log);
  CHECK(set_aside(directory).empty());
  CHECK(notices.empty());
}

TEST_CASE(
    "run_store: A file that is no database is set aside whole, said so, and a new one begun") {
  for (const std::string& garbage : {std::string(10000, 'g'), std::string("short"),
                                     std::string("SQLite format 3\0and then nothing", 32)}) {
    const TemporaryDirectory directory;
    directory.write("jobward.db", garbage);
    directory.write("jobward.db-wal", "its log");
    Notices notices;
    auto store = open_in(directory, notices);
    REQUIRE(store);
    const auto aside = set_aside(directory);
    REQUIRE(aside.size() == 1);
    CHECK(bytes_of(aside[0]) == garbage);
    CHECK(bytes_of(aside[0] + "-wal") == "its log");
    REQUIRE(notices.size() == 1);
    CHECK_THAT(notices[0], Catch::Contains(aside[0]) && Catch::Contains("corrupt"));
    CHECK((*store)->begin(plain_request("aaaa000000"), kBegun).has_value());
  }
}

TEST_CASE("run_store: An empty file is a new database, not a corrupt one") {
  const TemporaryDirectory directory;
  directory.write("jobward.db", "");
  Notices notices;
  auto store = open_in(directory, notices);
  REQUIRE(store);
  CHECK(notices.empty());
  CHECK((*store)->begin(plain_request("aaaa000000"), kBegun).has_value());
}

TEST_CASE(
    "run_store: Damage behind a sound header is met when a run begins, and set aside as well") {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/jobward.db";
  REQUIRE(record_one(directory, "before0000") == 0);
  {
    auto db = sqlite::Database::open(path, 0);
    REQUIRE(db);
    REQUIRE(db->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  auto bytes = bytes_of(path);
  REQUIRE(bytes.size() > 8192);
  for (std::size_t i = 4096; i < bytes.size(); ++i)
    bytes[i] = 'g';
  directory.write("jobward.db", bytes);
  Notices notices;
  auto store = open_in(directory, notices);
  REQUIRE(store);
  REQUIRE((*store)->begin(plain_request("after00000"), kBegun));
  const auto aside = set_aside(directory);
  REQUIRE(aside.size() == 1);
  CHECK(bytes_of(aside[0]) == bytes);
  CHECK(notices.size() == 1);
  CHECK((*store)->find("after00000")->size() == 1);
}

TEST_CASE(
    "run_store: What was set aside once is not overwritten by the next, though the clock stands") {
  const TemporaryDirectory directory;
  Notices notices;
  directory.write("jobward.db", std::string(5000, '1'));
  REQUIRE(open_in(directory, notices, 42));
  directory.write("jobward.db", std::string(5000, '2'));
  fs::remove(directory.path() + "/jobward.db-wal");
  REQUIRE(open_in(directory, notices, 42));
  CHECK(set_aside(directory).size() == 2);
}

TEST_CASE("run_store: A missing directory is an error that names it") {
  const TemporaryDirectory directory;
  const test::FixedClock clock;
  const auto store =
      open_sqlite_run_store(directory.path() + "/none", clock, [](const std::string&) {});
  REQUIRE(!store);
  CHECK_THAT(store.error().message(), Catch::Contains("/none"));
}

TEST_CASE(
    "run_store: Several processes make the database and record at once, and nothing is lost") {
  for (int round = 0; round < 5; ++round) {
    const TemporaryDirectory directory;
    CHECK(record_at_once(directory, 8) == 8);
    CHECK(runs_in(directory) == 8);
    Notices notices;
    auto store = open_in(directory, notices);
    REQUIRE(store);
    CHECK((*store)->learned({"", "masked-key", ""})->at(1).blob == "xxxxxxxx");
  }
}

TEST_CASE(
    "run_store: Who finds that another has answered the corruption does not set its work aside") {
  const TemporaryDirectory directory;
  directory.write("jobward.db", std::string(10000, 'g'));
  InterruptedClock clock(directory);
  REQUIRE(open_sqlite_run_store(directory.path(), clock, [](const std::string&) {}));
  CHECK(clock.finish_other() == 0);
  CHECK(runs_in(directory) == 1);
  CHECK(set_aside(directory).size() == 1);
}

TEST_CASE("run_store: Several processes that meet a corrupt database set it aside once") {
  for (int round = 0; round < 20; ++round) {
    const TemporaryDirectory directory;
    const std::string garbage(10000, 'g');
    directory.write("jobward.db", garbage);
    CHECK(record_at_once(directory, 6) == 6);
    CHECK(runs_in(directory) == 6);
    const auto aside = set_aside(directory);
    REQUIRE(aside.size() == 1);
    CHECK(bytes_of(aside[0]) == garbage);
  }
}
