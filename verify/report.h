// What verification found, as data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/clock.h"
#include "common/finding.h"
#include "verify/engine.h"
#include "verify/file_set.h"

namespace jobward::verify {

// Absent, a count, a measure, or words.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

// An offending row or key: names and values, absent for NULL.
using Sample = std::vector<std::pair<std::string, Cell>>;

// What else was observed, by name; becomes a JSON object.
class Facts;
using Fact = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                          std::vector<Facts>>;
class Facts {
 public:
  void put(std::string name, bool value);
  void put(std::string name, std::int64_t value);
  void put(std::string name, double value);
  void put(std::string name, std::string value);
  void put(std::string name, std::vector<std::string> value);
  void put(std::string name, std::vector<Facts> value);
  [[nodiscard]] const std::vector<std::pair<std::string, Fact>>& all() const { return all_; }

 private:
  std::vector<std::pair<std::string, Fact>> all_;
};

enum class State : std::uint8_t { passed, failed, error };
std::string_view to_string(State state);

struct CheckResult {
  std::string id;
  std::string primitive;
  std::vector<std::string> datasets;
  Severity declared = Severity::hard_fail;
  // What could not be checked counts as HARD_FAIL, whatever was declared: nothing is known.
  Severity effective = Severity::hard_fail;
  State state = State::error;
  Value observed;
  Value threshold;
  std::optional<std::int64_t> rows;     // looked at
  std::optional<std::int64_t> failing;  // of them; for schemas: columns
  std::optional<double> rate;           // failing / rows
  std::vector<Sample> samples;
  std::string message;  // one sentence
  Facts details;
  double seconds = 0;
  bool shared_scan = false;  // the seconds are those of a scan that other checks used as well
};

struct DatasetFacts {
  std::string name;
  std::vector<std::string> files;  // at most kShownFiles of them
  std::size_t file_count = 0;
  std::uint64_t bytes = 0;
  std::optional<DatasetDigest> digest;
  std::string no_digest;  // why there can be none
  std::optional<std::int64_t> rows;
  int scans = 0;
  std::string problem;  // why nothing can be said about it; empty: it was read
};
inline constexpr std::size_t kShownFiles = 20;

struct Report {
  std::string contract;  // its id
  std::string path;
  std::string contract_sha256;
  std::string project;
  std::string engine_version;  // empty: none was needed
  std::string engine_path;
  UnixMillis started = 0;
  double seconds = 0;
  std::uint64_t memory_cap = 0;
  std::vector<CheckResult> checks;
  std::vector<DatasetFacts> datasets;
  // Counts that a passed row_count_parity has accepted: the check's id and the rows. For the
  // caller to remember, if nothing halts and it is on record.
  std::vector<std::pair<std::string, std::int64_t>> accepted_rows;

  [[nodiscard]] bool any_hard_fail() const;  // a check failed as HARD_FAIL
  [[nodiscard]] bool any_error() const;      // a check could not be made
  // 0, 1 (HARD_FAIL) or 2 (something could not be read).
  [[nodiscard]] int exit_status() const;
};

std::vector<Finding> findings(const Report& report);

// For people: "1.23 %", "12,345", "words"; empty if there is none.
std::string shown(const Value& value);
std::string grouped(std::int64_t number);
std::string percent(double share);

}  // namespace jobward::verify
