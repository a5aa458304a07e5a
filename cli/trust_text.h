// Entries, decisions and keys in words.
#pragma once

#include <string>

#include "common/clock.h"
#include "common/result.h"
#include "trust/decisions.h"
#include "trust/ledger_entry.h"

namespace jobward::cli {

// "2h" (before now), "2026-01-31", "2026-01-31T12:00:00Z".
Result<UnixMillis> parse_moment(const std::string& text, UnixMillis now);
// "2026-01-31 12:00:00Z"
std::string moment_text(UnixMillis moment);

// One line with its end.
std::string ledger_line(const trust::Entry& entry);
std::string decision_line(const trust::Decision& decision, const trust::Standing& standing);

}  // namespace jobward::cli
