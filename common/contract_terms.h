// What a contract demands, as data: verification tells it, the guards compare it with what was
// demanded before.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/finding.h"

namespace jobward {

// A number in a check. A ceiling or tolerance is looser when it is higher, a floor when it is
// lower.
struct Bound {
  enum class Loosens { up, down };
  std::optional<double> value;  // absent: no bound at all, which is looser than any
  Loosens loosens = Loosens::up;
};

// One check.
struct Term {
  std::string check;      // its id
  std::string primitive;  // "null_rate_ceiling"
  Severity severity = Severity::hard_fail;
  std::map<std::string, Bound> bounds;
  // What has an order of looseness of its own ("extra": forbid, allow): from strict to loose, and
  // which one holds.
  struct Choice {
    std::vector<std::string> strict_to_loose;
    std::string value;
  };
  std::map<std::string, Choice> choices;
  // Sets of which a smaller one is looser (columns that are checked) or a larger one (allowed
  // values).
  struct Set {
    std::vector<std::string> members;  // sorted
    bool larger_is_looser = false;
  };
  std::map<std::string, Set> sets;
  // Whatever else decides (the dataset, the query, what counts as null): any change may be a step
  // down.
  std::map<std::string, std::string> fixed;
};

struct ContractTerms {
  std::string id;           // the contract's own
  std::vector<Term> terms;  // sorted by check id
};

}  // namespace jobward
