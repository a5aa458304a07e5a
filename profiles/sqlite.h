// A small RAII layer over SQLite's C interface, shared by the stores. SQLite is included in
// sqlite.cpp and nowhere else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace jobward::profiles::sqlite {

// What kind of failure, for callers that answer it differently.
enum class Trouble { none, busy, full, corrupt, not_a_database, read_only, cannot_open, other };
Trouble trouble_of(const Error& error);

class Database;

// A prepared statement. Bind in order, step, read columns (from 0). Borrowed from its
// database, which must outlive it.
class Statement {
 public:
  Statement& bind(std::int64_t value);
  Statement& bind(int value) { return bind(static_cast<std::int64_t>(value)); }
  Statement& bind(double value);
  Statement& bind(std::string_view text);
  Statement& bind(const char* text) { return bind(std::string_view(text)); }
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();
  template <class T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind_null();
  }

  // Ready to be bound and stepped again; what was bound is gone.
  Statement& reset();

  // True: a row is there. False: done.
  Result<bool> step();
  // For statements without rows.
  Status run();

  enum class Kind { null, integer, real, text, blob };
  [[nodiscard]] Kind kind(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;  // also blobs
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;
  [[nodiscard]] std::optional<std::string> maybe_text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_ = 1;
  int bind_error_ = 0;
};

// One connection. Not thread-safe. Closing never checkpoints: a checkpoint on close would cost
// every short run 2 ms; the log is folded in by an ordinary commit once it is long.
class Database {
 public:
  // Creates the file (mode 0600) if it is missing. busy_ms: how long to wait for another process.
  static Result<Database> open(const std::string& path, int busy_ms);
  // Somebody else's database, only to be read; nothing is made. `settled`: nobody writes it, so no
  // lock is taken and nothing beside it is looked at.
  static Result<Database> open_for_reading(const std::string& path, bool settled, int busy_ms);
  Result<Statement> prepare(std::string_view sql);
  Status execute(const char* sql);  // one or several statements without parameters
  Result<std::int64_t> integer(const char* sql);
  // Asked now and then while a statement runs: true ends it with an error.
  void stop_when(std::function<bool()> stop);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  Database(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  std::unique_ptr<std::function<bool()>> stop_;  // SQLite has its address
  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

// BEGIN IMMEDIATE … COMMIT. Without commit() the destructor rolls back.
class Transaction {
 public:
  static Result<Transaction> begin(Database& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace jobward::profiles::sqlite
