// A contract: datasets, and what is demanded of them. Plain data; docs/contracts.md is its
// reference for users.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/finding.h"
#include "common/toml.h"
#include "common/units.h"

namespace jobward::verify {

enum class Format : std::uint8_t { csv, tsv, parquet, jsonl, sqlite };
std::string_view to_string(Format format);

// How text files are read. Nothing of it is detected.
struct TextOptions {
  std::string delimiter = ",";
  std::string quote = "\"";
  std::string escape = "\"";
  std::string comment;  // empty: there are no comments
  bool header = true;
  int skip = 0;                                  // lines before the header
  std::vector<std::string> null_strings = {""};  // what is read as NULL
  bool quoted_nulls = true;                      // also in quotes
  std::string encoding = "utf-8";
  std::string timestamp_format;  // strptime's; empty: ISO 8601
  std::string date_format;
  std::string decimal_separator = ".";
};

struct Dataset {
  std::string name;
  std::string where;               // "FILE:LINE", printable
  std::vector<std::string> paths;  // as written: files or globs, relative to the contract
  Format format = Format::csv;
  std::string table;  // of SQLite
  TextOptions text;
  // Of CSV, TSV and JSON lines: the types that columns are read as; the engine detects the others.
  std::vector<std::pair<std::string, std::string>> types;
  std::vector<std::string> key;  // columns that name a row in samples
  bool allow_empty = false;
  bool hive_partitioning = false;
  bool digest_content = false;
};

// How much may differ: rows or a share; neither: nothing.
struct Tolerance {
  std::optional<std::int64_t> rows;
  std::optional<double> share;
  // How many of `whole` that is.
  [[nodiscard]] double of(double whole) const {
    return rows ? static_cast<double>(*rows) : part_of(share.value_or(0), whole);
  }
};

struct ExpectedColumn {
  std::string name;
  std::string type;  // "BIGINT" (exact), "integer" (a family), "any"
  std::optional<bool> nullable;
};

struct SchemaMatch {
  std::vector<ExpectedColumn> columns;
  bool allow_extra = false;
  bool exact_order = false;
};

struct RowCountParity {
  std::optional<std::string> other;   // a dataset
  std::optional<std::int64_t> equal;  // a number
  std::optional<std::int64_t> minimum;
  std::optional<std::int64_t> maximum;
  bool last_accepted = false;
  bool accept_first = true;  // without a last accepted count
  Tolerance tolerance;
};

struct KeyAlignment {
  enum class Mode : std::uint8_t { equal, left_subset, right_subset };
  std::string other;  // the right side
  std::vector<std::string> left;
  std::vector<std::string> right;
  Mode mode = Mode::equal;
  bool allow_duplicates = false;
  bool allow_null_keys = false;
  bool ignore_case = false;
  bool ignore_blanks = false;
  Tolerance tolerance;
};

// What counts as null.
struct NullWords {
  bool null = false;
  bool nan = false;
  bool empty = false;
  bool blank = false;
};

// Columns by name, or those that a pattern (*, ?) matches.
struct ColumnChoice {
  std::vector<std::string> names;
  std::string pattern;
};

struct NullRateCeiling {
  ColumnChoice columns;
  double ceiling = 0;
  NullWords counts;
};

struct Unique {
  enum class Nulls : std::uint8_t { ignore, equal, fail };
  std::vector<std::string> columns;
  Nulls nulls = Nulls::ignore;
  bool ignore_case = false;
  bool ignore_blanks = false;
  Tolerance tolerance;
};

struct ValueRange {
  ColumnChoice columns;
  std::optional<TomlScalar> minimum;
  std::optional<TomlScalar> maximum;
  bool exclusive = false;
  bool allow_nan = false;
  Tolerance tolerance;
};

struct AllowedValues {
  ColumnChoice columns;
  std::vector<TomlScalar> values;
  bool allow_null = true;
  bool ignore_case = false;
  Tolerance tolerance;
};

struct Freshness {
  enum class Unit : std::uint8_t { none, s, ms, us, ns };
  std::string column;
  double max_age_seconds = 0;
  double max_future_seconds = 0;
  std::string timezone;    // of times without a zone
  Unit unit = Unit::none;  // of numbers
};

struct FileDigestCheck {
  std::string sha256;  // of the one file
  // From the manifest, whose text was read with the contract: name relative to it, and digest.
  std::string manifest;
  std::vector<std::pair<std::string, std::string>> listed;
};

// Functions that say they do something (scan/stubs.h).
struct Stubs {
  std::vector<std::string> markers;
  std::vector<std::string> paths;               // as written
  std::vector<std::string> required;            // "MARKER=CALL|CALL"
  std::vector<std::string> trusted_decorators;  // they call what they wrap
  std::vector<std::string> known_stubs;         // files, as written
  std::vector<std::string> known_digests;       // of their content, when the contract was read
  // What `jobward scan stubs --record` wrote: its file, and its text, read with the contract.
  std::string against;
  std::string record;
};

struct CustomSql {
  std::vector<std::string> datasets;
  std::string query;
  std::string file;  // where it was read from; empty: it stands in the contract
  std::int64_t max_rows = 0;
};

using Demand =
    std::variant<SchemaMatch, RowCountParity, KeyAlignment, NullRateCeiling, Unique, ValueRange,
                 AllowedValues, Freshness, FileDigestCheck, Stubs, CustomSql>;
// "schema_match", ... in the order of Demand.
std::string_view primitive_name(const Demand& demand);

struct Check {
  std::string id;
  std::string where;
  Severity severity = Severity::hard_fail;
  std::string dataset;  // empty: stubs, custom_sql
  Demand demand;
};

struct Contract {
  std::string id;
  std::string path;       // as given
  std::string directory;  // absolute; paths are relative to it
  std::string project;    // absolute; the root of the checkout that it lies in
  // Of its bytes; where it has others read beside it, of lines DIGEST  NAME: its own, then theirs
  // in the order in which they were read.
  std::string sha256;
  std::vector<Dataset> datasets;
  std::vector<Check> checks;  // in the order of the file

  [[nodiscard]] const Dataset* dataset(const std::string& name) const;
};

// Does it need DuckDB? file_digest and stubs do not.
bool needs_engine(const Check& check);

// The datasets that a check looks at.
std::vector<std::string> datasets_of(const Check& check);

}  // namespace jobward::verify
