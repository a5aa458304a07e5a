// One in-memory DuckDB with one connection: settings, statements, progress. All values come as
// text.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/result.h"
#include "verify/duckdb_library.h"

namespace jobward::verify {

using Cell = std::optional<std::string>;  // absent: NULL
using Row = std::vector<Cell>;

struct EngineSettings {
  std::uint64_t memory_limit = 0;  // of DuckDB's own accounting, bytes
  int threads = 1;
  std::string spill_directory;    // made by DuckDB when it needs it
  std::uint64_t spill_limit = 0;  // bytes in it
  // Called from another thread about ten times a second while a statement runs, with the per cent
  // done if they are known. False: interrupt the statement.
  std::function<bool(std::optional<double> percent)> progress;
};

// Not thread-safe.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const DuckdbLibrary& library,
                                              const EngineSettings& settings);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // From here on these files and no others can be read, and no setting can be changed.
  Status lock_down(const std::vector<std::string>& files);

  // Rows of a query all of whose columns are VARCHAR: cast what is not.
  Result<std::vector<Row>> query(const std::string& sql);
  Status execute(const std::string& sql);
  // Is it exactly one SELECT without parameters, over what there is? Runs nothing, but asks the
  // functions in it what they return: see sql_guard.h.
  Status expect_select(const std::string& sql);

  // While one of these lives, progress is told for work that is no statement. `stopped`: the
  // progress function wants an end.
  class Busy {
   public:
    explicit Busy(Engine& engine) : engine_(engine) { engine_.set_busy(true); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() { engine_.set_busy(false); }
    [[nodiscard]] bool stopped() const;

   private:
    Engine& engine_;
  };

  // Rows for a table that was made by execute(). Values in the order of its columns.
  class Appender {
   public:
    Appender(const Engine& engine, const std::string& table);
    Appender(const Appender&) = delete;
    Appender& operator=(const Appender&) = delete;
    ~Appender();
    void append(std::int64_t value);
    void append(double value);
    void append(std::string_view text);
    void append_blob(std::string_view bytes);
    void append_null();
    void end_row();
    // What went wrong first.
    Status close();

   private:
    void check(duckdb::State state);
    const duckdb::Api& api_;
    std::string table_;
    duckdb::Appender appender_ = nullptr;
    std::string problem_;
  };

  [[nodiscard]] const std::string& version() const { return library_.version(); }

 private:
  Engine(DuckdbLibrary library, EngineSettings settings);
  Status start();
  Result<std::vector<Row>> fetch(const std::string& sql, bool rows);
  void watch();
  void set_busy(bool busy);

  DuckdbLibrary library_;
  const duckdb::Api& api_;
  EngineSettings settings_;
  duckdb::Database database_ = nullptr;
  duckdb::Connection connection_ = nullptr;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool busy_ = false;
  bool ending_ = false;
  bool interrupted_ = false;
  std::thread watcher_;
};

tl::unexpected<Error> out_of_memory_error(const std::string& why);
// Did the statement need more memory than there is?
bool is_out_of_memory(const Error& error);
tl::unexpected<Error> interrupted_error();
// Was it interrupted by the progress function?
bool is_interrupted(const Error& error);

// DuckDB's message in one line: what happened and where, without its advice on options that a
// contract does not have.
std::string condensed(std::string_view message);

}  // namespace jobward::verify
