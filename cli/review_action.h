// What a review is about: a sentence, and files as they were.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "trust/decisions.h"

namespace jobward::cli {

// Canonical JSON with the digest of every file, whatever its size. A file that cannot be read is an
// error.
Result<std::string> review_action(const std::string& describe,
                                  const std::vector<std::string>& files);

// The same again, of the files that a decision names; what has changed, in words. Absent: nothing,
// or the decision is not about files.
std::optional<std::string> changed_since(const trust::Decision& decision);

}  // namespace jobward::cli
