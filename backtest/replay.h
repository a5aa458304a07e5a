// How well the estimates would have done: a history is replayed through estimator::learn() and
// estimator::predict(), the very functions that `run` uses. See docs/backtest.md.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backtest/baselines.h"
#include "backtest/tally.h"
#include "common/result.h"
#include "estimator/estimator.h"
#include "profiles/past_run.h"

namespace jobward::backtest {

// file  each run is learned from before the next one is predicted
// time  runs in the order they started; known then are only those that had finished
enum class Order { file, time };

struct ReplayOptions {
  Order order = Order::file;
  // Its failure.share (0 < share <= 1) is also what a too small attempt costs: that share of the
  // run's time.
  estimator::Question question;
  bool features = true;   // false: kept from the estimator
  bool cold = false;      // every run is scored, also `history` ones and the first of a kind
  bool compare = false;   // with the rules of baselines.h
  bool skip_bad = false;  // order time: a run without times is left out; else an error
  // Half of it is what `run` gives to a job of which nothing is known. The default is what the
  // published replays take for a node.
  double machine_bytes = 128e9;
  std::string name;  // of the history, for errors: "FILE" in "FILE:LINE"; empty: the own store
};
inline constexpr double kGuessShare = 0.5;  // guess_share of launcher/limit_plan.h

// Runs by what was done with them: each is in exactly one of these or is one of the scored rows.
struct NotScored {
  std::size_t history = 0;     // only learned from, as their role says
  std::size_t first = 0;       // nothing was known of their kind's memory
  std::size_t unmeasured = 0;  // no memory or no wall-clock time was measured
  std::size_t censored = 0;    // they ended early: what they needed is not known
  std::size_t untimed = 0;     // no start or no end (order time): not learned from either
};

struct JobTally {
  std::string key;  // of the kind: the masked fingerprint
  std::string job;  // its name, for people
  Tally tally;
};

struct Replayed {
  std::size_t runs = 0;
  NotScored not_scored;
  std::vector<JobTally> jobs;  // with at least one row; in the order in which they first came
  Tally total;
  std::optional<Comparison> comparison;

  void merge(const Replayed& other);  // of another history
};

// Called for each scored row, in the order of the replay: what the first attempt was given, and
// what the run needed, in bytes.
using OnScored = std::function<void(double given, double needed)>;

// Pulls all runs and replays them; nothing is known at first. A row is scored if its role is not
// history, its memory and wall-clock time were measured to the end, and an earlier run of its kind
// has told something of its memory (with `cold`: without the first and the last condition).
// Times and bytes read and written are scored wherever they were measured, and the kind is known.
// Order file keeps nothing of a run but what is learned; order time holds all of them.
// An error of `next` is handed on; other errors name the run.
Result<Replayed> replay(const profiles::PastRuns& next, const ReplayOptions& options,
                        const OnScored& on_scored = {});

}  // namespace jobward::backtest
