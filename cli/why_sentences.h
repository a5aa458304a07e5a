// Why a run ended as it did, in sentences, from the record alone, also weeks later.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/watchdog_records.h"
#include "profiles/run_record.h"

namespace jobward::cli {

struct Why {
  std::vector<std::string> sentences;
  std::optional<WatchdogEntry> killed;  // by the watchdog
};
// Its limits, the prediction, its attempts, what else went on.
Result<Why> why_sentences(const Records& records, const Clock& clock,
                          const profiles::RunRecord& run);

}  // namespace jobward::cli
