#include "profiles/sqlite.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <limits>
#include <optional>
#include <string>

#include "tests/support/temporary_directory.h"

using namespace jobward::profiles::sqlite;
using jobward::test::TemporaryDirectory;

namespace {

Database open_at(const std::string& path) {
  auto db = Database::open(path, 0);
  REQUIRE(db);
  return std::move(*db);
}

Statement prepared(Database& db, const char* sql) {
  auto statement = db.prepare(sql);
  REQUIRE(statement);
  return std::move(*statement);
}

Database with_table(const TemporaryDirectory& directory) {
  auto db = open_at(directory.path() + "/db");
  REQUIRE(db.execute("CREATE TABLE t(a, b); PRAGMA journal_mode=WAL"));
  return db;
}

std::int64_t rows_of(Database& db) {
  const auto rows = db.integer("SELECT count(*) FROM t");
  REQUIRE(rows);
  return *rows;
}

}  // namespace

TEST_CASE("sqlite: What is bound comes back as it was, byte for byte") {
  const TemporaryDirectory directory;
  auto db = with_table(directory);
  const std::string bytes("\0\xff\xfe\nx", 5);
  auto row = prepared(db, "SELECT ?, ?, ?, ?, ?, ?, ?");
  row.bind(std::numeric_limits<std::int64_t>::min()).bind(7).bind(0.1).bind("text");
  row.bind_blob(bytes).bind_null().bind_blob("");
  REQUIRE(row.step() == true);
  CHECK(row.integer(0) == std::numeric_limits<std::int64_t>::min());
  CHECK(row.integer(1) == 7);
  CHECK(row.real(2) == 0.1);
  CHECK(row.text(3) == "text");
  CHECK(row.text(4) == bytes);
  CHECK(row.is_null(5));
  CHECK(!row.is_null(6));
  CHECK(row.text(6).empty());
  REQUIRE(row.step() == false);
}

TEST_CASE("sqlite: An absent value is bound as nothing and read as absent, an empty one is not") {
  const TemporaryDirectory directory;
  auto db = with_table(directory);
  auto row = prepared(db, "SELECT ?, ?, ?, ?");
  row.bind(std::optional<std::int64_t>()).bind(std::optional<std::string>());
  row.bind(std::optional<std::int64_t>(0)).bind(std::optional<std::string>(""));
  REQUIRE(row.step() == true);
  CHECK(!row.maybe_integer(0));
  CHECK(!row.maybe_text(1));
  CHECK(row.maybe_integer(2) == 0);
  CHECK(row.maybe_text(3) == "");
}

TEST_CASE("sqlite: Binding more than the statement takes is an error, not ignored") {
  const TemporaryDirectory directory;
  auto db = with_table(directory);
  auto insert = prepared(db, "INSERT INTO t VALUES(?, 1)");
  CHECK(!insert.bind(1).bind(2).run());
  CHECK(rows_of(db) == 0);
}

TEST_CASE("sqlite: A transaction without commit leaves nothing behind") {
  const TemporaryDirectory directory;
  auto db = with_table(directory);
  {
    const auto transaction = Transaction::begin(db);
    REQUIRE(transaction);
    REQUIRE(db.execute("INSERT INTO t VALUES(1, 2)"));
    CHECK(rows_of(db) == 1);
  }
  CHECK(rows_of(db) == 0);
}

TEST_CASE("sqlite: A transaction that is committed stays") {
  const TemporaryDirectory directory;
  {
    auto db = with_table(directory);
    auto transaction = Transaction::begin(db);
    REQUIRE(transaction);
    REQUIRE(db.execute("INSERT INTO t VALUES(1, 2)"));
    REQUIRE(transaction->commit());
  }
  auto again = open_at(directory.path() + "/db");
  CHECK(rows_of(again) == 1);
}

TEST_CASE("sqlite: A transaction that has moved is ended once, by its new owner") {
  const TemporaryDirectory directory;
  auto db = with_table(directory);
  auto first = Transaction::begin(db);
  REQUIRE(first);
  {
    Transaction second(std::move(*first));
    first = tl::unexpected(jobward::Error{});
    REQUIRE(db.execute("INSERT INTO t VALUES(1, 2)"));
    REQUIRE(second.commit());
  }
  CHECK(rows_of(db) == 1);
}

TEST_CASE("sqlite: One writer at a time: the other is busy, and can write afterwards") {
  const TemporaryDirectory directory;
  auto db = with_table(directory);
  auto other = open_at(directory.path() + "/db");
  {
    const auto transaction = Transaction::begin(db);
    REQUIRE(transaction);
    const auto refused = Transaction::begin(other);
    REQUIRE(!refused);
    CHECK(trouble_of(refused.error()) == Trouble::busy);
  }
  CHECK(Transaction::begin(other).has_value());
}

TEST_CASE("sqlite: A wrong statement is an error that names the database and what is wrong") {
  const TemporaryDirectory directory;
  auto db = with_table(directory);
  const auto wrong = db.prepare("SELECT a FROM nowhere");
  REQUIRE(!wrong);
  CHECK_THAT(wrong.error().message(), Catch::Contains(db.path()) && Catch::Contains("nowhere"));
  CHECK(trouble_of(wrong.error()) == Trouble::other);
  CHECK(!db.execute("no sql"));
  CHECK(!db.integer("no sql"));
}

TEST_CASE("sqlite: Errors that are not SQLite's are no trouble of its") {
  CHECK(trouble_of(jobward::Error{}) == Trouble::none);
  const TemporaryDirectory directory;
  const auto missing = Database::open(directory.path() + "/none/db", 0);
  REQUIRE(!missing);
  CHECK_THAT(missing.error().message(), Catch::Contains("/none/db"));
}

TEST_CASE("sqlite: A file that is no database is known as that") {
  const TemporaryDirectory directory;
  auto db = open_at(directory.write("db", std::string(5000, 'g')));
  const auto read = db.integer("PRAGMA user_version");
  REQUIRE(!read);
  CHECK(trouble_of(read.error()) == Trouble::not_a_database);
}

TEST_CASE("sqlite: The database and its log are for the owner alone") {
  const TemporaryDirectory directory;
  const auto mask = ::umask(0);
  auto db = with_table(directory);
  const auto written = db.execute("INSERT INTO t VALUES(1, 2)");
  ::umask(mask);
  REQUIRE(written);
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    struct stat facts {};
    REQUIRE(::stat((db.path() + suffix).c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777U) == 0600U);
  }
}

TEST_CASE("sqlite: Closing leaves the log as it is, a checkpoint folds it in") {
  const TemporaryDirectory directory;
  {
    auto db = with_table(directory);
    REQUIRE(db.execute("INSERT INTO t VALUES(1, 2)"));
  }
  const auto log = directory.path() + "/db-wal";
  REQUIRE(std::filesystem::exists(log));
  CHECK(std::filesystem::file_size(log) > 0);
  {
    auto db = open_at(directory.path() + "/db");
    REQUIRE(db.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  std::filesystem::remove(log);
  auto again = open_at(directory.path() + "/db");
  CHECK(rows_of(again) == 1);
}
