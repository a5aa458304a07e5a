// What a backtest came to, for people and for scripts. docs/backtest.md explains the figures.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "backtest/replay.h"
#include "traces/history_reader.h"

namespace jobward::cli {

// One history, and how its reading went.
struct BacktestPart {
  std::string name;  // the file as it was named; of the own store: in words
  backtest::Replayed replayed;
  traces::HistorySummary reading;  // of the own store: empty
};

struct BacktestReport {
  backtest::ReplayOptions options;
  std::vector<BacktestPart> parts;  // at least one
  backtest::Replayed total;         // of all parts
};

// What both forms of it need: the job kinds, those that waste most first; the readings together.
std::vector<const backtest::JobTally*> by_wastage(const backtest::Replayed& replayed);
traces::HistorySummary total_reading(const BacktestReport& report);

std::string backtest_text(const BacktestReport& report);
// Figures that there are none of (no rows) are absent.
nlohmann::ordered_json backtest_json(const BacktestReport& report);

}  // namespace jobward::cli
