// A dataset that was opened: its files, its columns, and what can stand after FROM.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "verify/contract.h"
#include "verify/engine.h"
#include "verify/file_set.h"

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
  // Of Parquet files: where one has other columns or types than the first; they cannot be read as
  // one table then.
  std::vector<std::string> differences;
  bool in_memory = false;        // a table of the engine, not the files
  std::uint64_t csv_buffer = 0;  // see sql_reader
  int scans = 0;                 // how often the files were read through
  std::optional<std::int64_t> rows;

  // The column of exactly this name. An error says what was meant perhaps, and which one is there
  // twice.
  [[nodiscard]] Result<const Column*> column(const std::string& name) const;
};

// What needs no engine: finds the files, and refuses empty ones.
Result<Source> find_source(const Dataset& dataset, const std::string& directory);
// Describes the columns. A SQLite table is only looked at (load_sqlite).
Status describe_source(Engine& engine, Source& source);

// Reads the columns (by name; empty: all) of a text format's files into a table of the engine, or
// of a SQLite table, so that they are read once.
Status load_source(Engine& engine, Source& source, const std::vector<std::string>& columns);

// Of SQLite: the columns with the types they are read as, and the reading. Parts of the above.
Result<std::vector<Column>> describe_sqlite(const Source& source);
Status load_sqlite(Engine& engine, const Source& source, const std::vector<Column>& columns,
                   const std::string& table);

}  // namespace jobward::verify
