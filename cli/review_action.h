// What a review is about: a sentence, files as they were, perhaps one command.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "trust/decisions.h"

namespace jobward::cli {

struct ReviewSubject {
  std::string describe;
  std::vector<std::string> pools;    // who decides
  std::vector<std::string> files;    // digested, whatever their size
  std::vector<std::string> command;  // empty: any
};

// Canonical JSON. A file that cannot be read is an error.
Result<std::string> review_action(const ReviewSubject& subject);

// The same again, of the files that a decision names; what has changed, in words. Absent: nothing,
// or the decision is not about files.
std::optional<std::string> changed_since(const trust::Decision& decision);

// Is it about this command? Why not; absent: it is, or is about none.
std::optional<std::string> other_command(const trust::Decision& decision,
                                         const std::vector<std::string>& argv);

}  // namespace jobward::cli
