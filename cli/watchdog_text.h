// What the watchdog did, in words, for somebody who was woken by it.
#pragma once

#include <string>
#include <vector>

#include "cli/watchdog_records.h"

namespace jobward::cli {

// One line with the time and what happened, below it why, and what became of it. HARD_FAIL is
// written out.
std::string watchdog_entry_text(const WatchdogEntry& entry);

// How a run was ended, in sentences.
std::vector<std::string> watchdog_sentences(const WatchdogEntry& entry);

// "warning 3.00 GiB, SIGTERM 2.00 GiB, SIGKILL 1.00 GiB" of a start; what it does not say is left
// out.
std::string watchdog_threshold_words(const profiles::WatchdogEvent& start);

}  // namespace jobward::cli
