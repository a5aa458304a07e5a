#include "backtest/replay.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <queue>
#include <unordered_map>
#include <utility>

#include "backtest/levels.h"

namespace jobward::backtest {
namespace {

using profiles::Observation;
using profiles::PastRun;

// What a replay needs of a run.
struct Row {
  std::uint32_t kind = 0;
  Slots slots;
  Observation observation;
  std::optional<double> requested;
  bool history = false;
  std::string place;  // for errors; empty: its line says it
  std::size_t line = 0;
  UnixMillis start = 0;   // order time only
  UnixMillis finish = 0;  // order time only
};

struct Kind {
  JobTally scored;
  SeenNeeds needs;
  std::size_t runs = 0;         // learned from
  std::size_t memory_runs = 0;  // of them, those that told something of memory
};

// Absent: not measured, or not to the end.
std::optional<double> measured(const Observation& observation, Resource resource) {
  const auto* seen = observation.used.find(resource);
  if (seen == nullptr || seen->censored) return std::nullopt;
  return seen->value;
}

bool tells_memory(const Observation& observation) {
  const auto* memory = observation.used.find(Resource::memory);
  return memory != nullptr && memory->value >= 1;  // less than a byte is no measurement
}

// The row's start and end, as far as they are told.
std::optional<UnixMillis> start_of(const PastRun& run) {
  return run.started ? run.started : run.submitted;
}

std::optional<UnixMillis> finish_of(const PastRun& run) {
  if (run.finished) return run.finished;
  const auto start = start_of(run);
  const auto* wall = run.observation.used.find(Resource::wall);
  if (!start || wall == nullptr) return std::nullopt;
  return *start + static_cast<UnixMillis>(wall->value * 1000);
}

class Replay {
 public:
  Replay(const ReplayOptions& options, const OnScored& on_scored)
      : options_(options), on_scored_(on_scored) {
    if (options.compare) out_.comparison.emplace();
  }
  Status in_file_order(const profiles::PastRuns& next);
  Status in_time_order(const profiles::PastRuns& next);
  Replayed take_result();

 private:
  Row row_of(PastRun run);
  Result<std::optional<Row>> timed_row_of(PastRun run);
  Status replay_in_time(const std::vector<Row>& rows);
  Status score(const Row& row);
  std::optional<Need> scored_need(const Row& row, const Kind& kind);
  Status score_memory(const Row& row, Kind& kind, const Need& need, const Estimate& estimate);
  static Status score_rest(const Row& row, Kind& kind, const Estimate& estimate);
  void learn(const Row& row);
  [[nodiscard]] std::string place(const Row& row) const;

  const ReplayOptions& options_;
  const OnScored& on_scored_;
  Levels levels_;
  std::unordered_map<std::string, std::uint32_t> kind_numbers_;
  std::vector<Kind> kinds_;
  Replayed out_;
};

Row Replay::row_of(PastRun run) {
  ++out_.runs;
  Row row;
  const auto& keys = run.fingerprint;
  const auto& key = !keys.masked.empty()    ? keys.masked
                    : !keys.exact.empty()   ? keys.exact
                    : !keys.program.empty() ? keys.program
                                            : run.job;
  const auto next = static_cast<std::uint32_t>(kinds_.size());
  const auto [known, is_new] = kind_numbers_.try_emplace(key, next);
  if (is_new) {
    kinds_.emplace_back();
    kinds_.back().scored.key = key;
    kinds_.back().scored.job = std::move(run.job);
  }
  row.kind = known->second;
  row.slots = levels_.slots_of(keys);
  row.observation = std::move(run.observation);
  if (!options_.features) row.observation.features.clear();
  row.requested = run.requested_bytes;
  row.history = run.history;
  row.line = run.line;
  if (run.line == 0) row.place = std::move(run.id);
  return row;
}

std::string Replay::place(const Row& row) const {
  if (row.line == 0) return "run " + row.place;
  return options_.name + ":" + std::to_string(row.line);
}

Status Replay::in_file_order(const profiles::PastRuns& next) {
  while (true) {
    auto run = next();
    if (!run) return tl::unexpected(std::move(run).error());
    if (!*run) return {};
    const Row row = row_of(**std::move(run));
    JOBWARD_RETURN_IF_ERROR(score(row));
    learn(row);
  }
}

Result<std::optional<Row>> Replay::timed_row_of(PastRun run) {
  const auto start = start_of(run);
  const auto finish = finish_of(run);
  Row row = row_of(std::move(run));
  if (!start || !finish) {
    if (options_.skip_bad) {
      ++out_.not_scored.untimed;
      return std::nullopt;
    }
    return error("replay in the order of time", place(row),
                 start ? "neither finished_ms nor wall_seconds says when it was over"
                       : "neither started_ms nor submitted_ms says when it began");
  }
  row.start = *start;
  row.finish = *finish;
  return row;
}

Status Replay::in_time_order(const profiles::PastRuns& next) {
  std::vector<Row> rows;
  while (true) {
    auto run = next();
    if (!run) return tl::unexpected(std::move(run).error());
    if (!*run) return replay_in_time(rows);
    auto row = timed_row_of(**std::move(run));
    if (!row) return tl::unexpected(std::move(row).error());
    if (*row) rows.push_back(**std::move(row));
  }
}

Status Replay::replay_in_time(const std::vector<Row>& rows) {
  std::vector<std::size_t> by_start(rows.size());
  std::iota(by_start.begin(), by_start.end(), std::size_t{0});
  std::stable_sort(by_start.begin(), by_start.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a].start < rows[b].start; });
  // By their end, and at the same moment in the order of the file.
  using Going = std::pair<UnixMillis, std::size_t>;
  std::priority_queue<Going, std::vector<Going>, std::greater<>> going_on;
  for (const auto at : by_start) {
    while (!going_on.empty() && going_on.top().first <= rows[at].start) {
      learn(rows[going_on.top().second]);
      going_on.pop();
    }
    JOBWARD_RETURN_IF_ERROR(score(rows[at]));
    going_on.emplace(rows[at].finish, at);
  }
  return {};
}

// What it needed, if the row is to be scored; else it is counted why not.
std::optional<Need> Replay::scored_need(const Row& row, const Kind& kind) {
  auto& not_scored = out_.not_scored;
  const auto* memory = row.observation.used.find(Resource::memory);
  const auto* wall = row.observation.used.find(Resource::wall);
  if (memory == nullptr || wall == nullptr || !tells_memory(row.observation))
    ++not_scored.unmeasured;
  else if (memory->censored || wall->censored)
    ++not_scored.censored;
  else if (kind.memory_runs == 0 && !options_.cold)
    ++not_scored.first;
  else
    return Need{memory->value, wall->value};
  return std::nullopt;
}

Status Replay::score(const Row& row) {
  if (row.history && !options_.cold) {
    ++out_.not_scored.history;
    return {};
  }
  auto& kind = kinds_[row.kind];
  const auto need = scored_need(row, kind);
  if (kind.runs == 0 && !options_.cold) return {};
  const auto estimate = levels_.predict(row.slots, row.observation.features, options_.question);
  auto scored = score_rest(row, kind, estimate);
  if (scored && need) scored = score_memory(row, kind, *need, estimate);
  if (!scored) return rethrow(std::move(scored).error(), place(row));
  return {};
}

Status Replay::score_memory(const Row& row, Kind& kind, const Need& need,
                            const Estimate& estimate) {
  static const std::vector<double> kNone;
  const auto& attempts = estimate.sizing ? estimate.sizing->attempts : kNone;
  const double guess = options_.machine_bytes * kGuessShare;
  double first = guess;
  if (estimator::is_measured(estimate))  // else `run` guesses
    first = attempts.front();
  else if (!attempts.empty())
    first = std::max(guess, attempts.front());
  const double ttf = options_.question.failure.share;
  auto cost = charge(first, attempts, need, ttf);
  if (!cost) return tl::unexpected(std::move(cost).error());
  kind.scored.tally.add_memory(*cost, need, kind.memory_runs);
  if (on_scored_) on_scored_(first, need.bytes);
  if (!out_.comparison) return {};
  return out_.comparison->add(need, *cost, row.requested, kind.needs, guess, kind.memory_runs, ttf);
}

Status Replay::score_rest(const Row& row, Kind& kind, const Estimate& estimate) {
  for (const auto resource : {Resource::wall, Resource::io_read, Resource::io_write}) {
    const auto value = measured(row.observation, resource);
    const auto* predicted = estimate.by.find(resource);
    if (!value || predicted == nullptr) continue;
    if (!std::isfinite(predicted->p50) || !std::isfinite(predicted->p95))
      return error("predict", std::string(info(resource).name), "the estimate is no number");
    kind.scored.tally.add_predicted(resource, *predicted, *value);
  }
  return {};
}

void Replay::learn(const Row& row) {
  levels_.learn(row.slots, row.observation);
  auto& kind = kinds_[row.kind];
  ++kind.runs;
  if (!tells_memory(row.observation)) return;
  ++kind.memory_runs;
  if (!options_.compare) return;
  if (const auto need = measured(row.observation, Resource::memory)) kind.needs.add(*need);
}

Replayed Replay::take_result() {
  for (auto& kind : kinds_) {
    if (kind.scored.tally.is_empty()) continue;
    out_.total.merge(kind.scored.tally);
    out_.jobs.push_back(std::move(kind.scored));
  }
  return std::move(out_);
}

}  // namespace

void Replayed::merge(const Replayed& other) {
  runs += other.runs;
  not_scored.history += other.not_scored.history;
  not_scored.first += other.not_scored.first;
  not_scored.unmeasured += other.not_scored.unmeasured;
  not_scored.censored += other.not_scored.censored;
  not_scored.untimed += other.not_scored.untimed;
  std::unordered_map<std::string, std::size_t> numbers;
  for (std::size_t i = 0; i < jobs.size(); ++i)
    numbers.emplace(jobs[i].key, i);
  for (const auto& job : other.jobs) {
    const auto [known, is_new] = numbers.try_emplace(job.key, jobs.size());
    if (is_new)
      jobs.push_back(job);
    else
      jobs[known->second].tally.merge(job.tally);
  }
  total.merge(other.total);
  if (!other.comparison) return;
  if (!comparison) comparison.emplace();
  comparison->merge(*other.comparison);
}

Result<Replayed> replay(const profiles::PastRuns& next, const ReplayOptions& options,
                        const OnScored& on_scored) {
  Replay replay(options, on_scored);
  JOBWARD_RETURN_IF_ERROR(options.order == Order::file ? replay.in_file_order(next)
                                                       : replay.in_time_order(next));
  return replay.take_result();
}

}  // namespace jobward::backtest
