// What a check works with: the engine, the opened datasets, and one scan for each of them that all
// checks put their expressions into.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "verify/contract.h"
#include "verify/engine.h"
#include "verify/report.h"
#include "verify/source.h"

namespace jobward::verify {

// The expressions over one dataset that are computed in one pass.
class Scan {
 public:
  // An aggregate, cast to text here. The number under which its value is found. The same twice is
  // computed once.
  std::size_t add(const std::string& aggregate);
  // One that may need much memory; `alone` makes a whole query for the same that can spill, given
  // what stands after FROM.
  using Alone = std::function<std::string(const std::string& relation)>;
  std::size_t add_large(const std::string& aggregate, Alone alone);
  void need(const std::string& column);  // for a dataset that is loaded
  // What is added from here on is for this check.
  void begin_check(std::size_t number) { check_ = number; }

  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  [[nodiscard]] bool empty() const { return parts_.empty(); }
  // An error: nothing of it could be computed. What only some expressions cannot is a problem of
  // theirs: the others are computed without them.
  Status run(Engine& engine, Source& source);
  // Why what a check has put in could not be computed; absent: it was.
  [[nodiscard]] std::optional<Error> problem_of(std::size_t check) const;

  [[nodiscard]] const Cell& value(std::size_t number) const { return parts_[number].value; }
  [[nodiscard]] std::int64_t count(std::size_t number) const;  // 0 for NULL

  int users = 0;  // checks
  double seconds = 0;

 private:
  struct Part {
    std::string aggregate;
    Alone alone;
    Cell value;
    std::set<std::size_t> checks;
    std::optional<Error> problem;
  };
  using Parts = std::vector<Part*>;
  static Status run_together(Engine& engine, Source& source, const Parts& parts);
  static Status run_with_large_alone(Engine& engine, Source& source, const Parts& parts);
  static Status run_apart(Engine& engine, Source& source, const Parts& parts);

  std::vector<Part> parts_;
  std::size_t check_ = 0;
  std::map<std::string, std::size_t> known_;
  std::vector<std::string> columns_;
};

// One dataset, opened or not.
struct Opened {
  Source source;
  Scan scan;
  std::vector<FileFacts> logs;           // of SQLite
  std::map<std::string, Error> misfits;  // columns that could not be kept, and why
  std::optional<DatasetDigest> digest;
  std::optional<Error> problem;
  int queries = 0;     // of checks that look at it beside the scan
  bool whole = false;  // all columns are needed: a query of the contract's own
};

struct Outcome {
  bool passed = false;
  Value observed;
  Value threshold;
  std::optional<std::int64_t> rows;
  std::optional<std::int64_t> failing;
  std::vector<Sample> samples;
  std::string message;
  Facts details;
};

struct CheckContext {
  Engine* engine = nullptr;  // absent: no check needs it
  std::map<std::string, Opened>* datasets = nullptr;
  const Contract* contract = nullptr;
  std::size_t samples = 5;
  UnixMillis now = 0;
  std::function<std::optional<std::int64_t>(const std::string& check)> last_accepted;
  Tick tick;  // for work that is no statement of the engine

  [[nodiscard]] Opened& at(const std::string& dataset) const { return datasets->at(dataset); }
};

// Second half of a check: the scans have run.
using Judge = std::function<Result<Outcome>(const CheckContext&)>;

// First half: finds the columns, puts the expressions into the scans. An error: the check cannot be
// made.
Result<Judge> prepare(const CheckContext& context, const Check& check, const SchemaMatch& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check,
                      const RowCountParity& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check, const KeyAlignment& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check,
                      const NullRateCeiling& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check, const Unique& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check, const ValueRange& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check, const AllowedValues& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check, const Freshness& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check,
                      const FileDigestCheck& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check, const Stubs& demand);
Result<Judge> prepare(const CheckContext& context, const Check& check, const CustomSql& demand);

// ---- what several of them use

// The columns that are meant. An error: one is not there, or no column matches the pattern.
Result<std::vector<Column>> chosen_columns(const Source& source, const ColumnChoice& choice);

// Does the engine take this expression over columns of these types? Nothing is read.
Status try_expression(Engine& engine, const std::vector<Column>& columns,
                      const std::string& expression);

// Rows of a query with these column names.
Result<std::vector<Sample>> sample_rows(Engine& engine, const std::vector<std::string>& names,
                                        const std::string& query);
// The first rows where the condition holds, with the dataset's key and these columns.
Result<std::vector<Sample>> offending_rows(const CheckContext& context, Opened& dataset,
                                           const std::vector<Column>& columns,
                                           const std::string& condition);

// A dataset without rows tells nothing about its values. Absent: it has some, or may be empty.
std::optional<Outcome> empty_outcome(const Opened& dataset, std::int64_t rows);

// lower(trim(column)), as far as it is wanted. An error: the column is no text.
Result<std::string> folded(const Column& column, bool ignore_case, bool ignore_blanks);

std::string tolerance_words(const Tolerance& tolerance);

}  // namespace jobward::verify
