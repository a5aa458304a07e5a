// A dataset that was opened: its files, its columns, and what can stand after FROM.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/result.h"
#include "verify/contract.h"
#include "verify/engine.h"
#include "verify/file_set.h"
#include "verify/sql.h"
#include "verify/text_exact.h"

namespace jobward::verify {

struct Column {
  std::string name;  // as it is in the file
  std::string sql;   // as SQL names it, quoted; the engine renames what differs only in case
  std::string type;  // the engine's: "BIGINT"
};

struct Source {
  const Dataset* spec = nullptr;
  std::vector<FileFacts> files;
  std::vector<Column> columns;
  std::string relation;  // after FROM
  // Of text formats: how each of the columns is read, and what the engine's reader is asked for.
  std::vector<TextColumn> texts;
  std::vector<TypedColumn> reader_columns;
  // Of Parquet files: where one has other columns or types than the first; they cannot be read as
  // one table then.
  std::vector<std::string> differences;
  std::vector<std::string> other_order;  // and where only their order is another
  bool in_memory = false;                // a table of the engine, not the files
  std::uint64_t csv_buffer = 0;          // see sql_reader
  int scans = 0;                         // how often the files were read through
  std::optional<std::int64_t> rows;

  // The column of exactly this name. An error says what was meant perhaps, and which one is there
  // twice.
  [[nodiscard]] Result<const Column*> column(const std::string& name) const;
  [[nodiscard]] bool has(const std::string& name) const { return places_.contains(name); }
  void set_columns(std::vector<Column> all);
  // Rows of the reader, with a value for each of the columns.
  void set_relation(std::string reader, std::vector<std::string> values);
  // From here on the relation has these columns only: of ten thousand the engine takes its time.
  void read_only(const std::vector<std::string>& names);

 private:
  struct Place {
    std::size_t first = 0;
    int times = 0;
  };
  std::unordered_map<std::string, Place> places_;
  std::string reader_;
  std::vector<std::string> values_;  // SQL
};

// What needs no engine: finds the files, and refuses empty ones.
Result<Source> find_source(const Dataset& dataset, const std::string& directory,
                           const Tick& tick = {});
// Describes the columns. A SQLite table is only looked at (load_sqlite).
Status describe_source(Engine& engine, Source& source);

// Reads the columns (by name; empty: all) of a text format's files into a table of the engine, or
// of a SQLite table, so that they are read once.
Status load_source(Engine& engine, Source& source, const std::vector<std::string>& columns);

// Parts of describe_source.
Status describe_csv(Engine& engine, Source& source);
Status describe_json(Engine& engine, Source& source);
Result<std::vector<Column>> described(Engine& engine, const std::string& relation);
std::vector<std::string> paths_of(const Source& source);

// The keys of all lines of JSON, sorted: the columns are only those of the first lines. An error:
// two differ only in case, which the engine takes for one.
Result<std::vector<std::string>> json_keys(Engine& engine, const Source& source);

// If the error is that a text does not fit its column: the same with its file and line.
Error located(Engine& engine, const Source& source, const Error& general);

// Of SQLite: the columns with the types they are read as, and the reading. Parts of the above.
Result<std::vector<Column>> describe_sqlite(Engine& engine, const Source& source);
Status load_sqlite(Engine& engine, const Source& source, const std::vector<Column>& columns,
                   const std::string& table);

}  // namespace jobward::verify
