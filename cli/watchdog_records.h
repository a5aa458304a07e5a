// What the watchdog did, from the records; and taking its journal into them.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "profiles/watchdog_intake.h"
#include "profiles/watchdog_store.h"

namespace jobward::cli {

// Takes in what is new and says what could not be used; nothing where the records cannot be opened.
void take_in_watchdog(const Records& records, const Clock& clock);
// The same at the end of a run, quickly and in silence: the next command does the rest.
void take_in_watchdog_quickly(const Clock& clock);

// A kill with what became of it, or a finding.
struct WatchdogEntry {
  profiles::WatchdogEvent event;
  std::optional<profiles::WatchdogEvent> outcome;
};
Result<std::unique_ptr<profiles::WatchdogStore>> open_watchdog_records(const Records& records,
                                                                       const Clock& clock);
// Newest first. `all`: also starts, stops and warnings.
Result<std::vector<WatchdogEntry>> watchdog_entries(profiles::WatchdogStore& store, int limit,
                                                    bool all);
// How the watchdog ended a run; absent: it did not, or not on record.
Result<std::optional<WatchdogEntry>> watchdog_entry_of(const Records& records, const Clock& clock,
                                                       const profiles::RunRecord& run);

// The line of the journal; of a kill with the line of its outcome in `outcome`.
nlohmann::ordered_json to_json(const WatchdogEntry& entry);

}  // namespace jobward::cli
