#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/render_backtest.h"
#include "cli/render_json.h"

namespace jobward::cli {
namespace {

using backtest::Coverage;
using backtest::Scores;
using Json = nlohmann::ordered_json;

void set(Json& json, const char* name, const std::optional<double>& value) {
  if (value) json[name] = *value;
}

void set_scores(Json& json, const Scores& scores) {
  json["rows"] = scores.first.rows;
  json["wastage_gbh"] = scores.wastage_gbh;
  json["used_gbh"] = scores.used_gbh;
  json["failures"] = scores.failures;
  set(json, "coverage", scores.first.share());
  set(json, "median_slack", scores.median_slack);
  set(json, "p90_slack", scores.p90_slack);
}

void set_all_scores(Json& json, const Scores& scores) {
  set_scores(json, scores);
  for (std::size_t i = 0; i < backtest::kRunBuckets.size(); ++i) {
    const Coverage& bucket = scores.by_runs.at(i);
    Json entry{{"rows", bucket.rows}};
    set(entry, "coverage", bucket.share());
    json["coverage_by_runs"][std::string(backtest::kRunBuckets.at(i))] = std::move(entry);
  }
  set(json, "wall_median_relative_error", scores.wall.median_relative_error);
  set(json, "wall_p95_coverage", scores.wall_p95.share());
  set(json, "written_median_relative_error", scores.written.median_relative_error);
  set(json, "read_median_relative_error", scores.read.median_relative_error);
}

Json compare_json(const backtest::Comparison& comparison) {
  Json out = Json::object();
  for (std::size_t i = 0; i < backtest::kMethodNames.size(); ++i)
    set_scores(out[std::string(backtest::kMethodNames.at(i))],
               comparison.scores(static_cast<backtest::Method>(i)));
  set_scores(out["estimate_where_requested"], comparison.own_where_requested());
  if (const auto hindsight = comparison.hindsight()) {
    Json entry{{"rows", hindsight->first.rows}, {"k", hindsight->k}};
    set(entry, "coverage", hindsight->first.share());
    set(entry, "median_slack", hindsight->median_slack);
    set(entry, "estimate_median_slack", hindsight->own_median_slack);
    out["max_times_k"] = std::move(entry);
  }
  return out;
}

// The most wasteful kinds first.
Json jobs_json(const backtest::Replayed& replayed) {
  Json jobs = Json::array();
  for (const auto* job : by_wastage(replayed)) {
    Json entry{{"job", job->job}, {"key", job->key}};
    set_all_scores(entry, job->tally.scores());
    jobs.push_back(std::move(entry));
  }
  return jobs;
}

void set_replayed(Json& json, const backtest::Replayed& replayed) {
  json["runs"] = replayed.runs;
  set_all_scores(json, replayed.total.scores());
  const auto& not_scored = replayed.not_scored;
  json["not_scored"] = {{"history", not_scored.history},
                        {"first_of_kind", not_scored.first},
                        {"unmeasured", not_scored.unmeasured},
                        {"ended_early", not_scored.censored},
                        {"without_times", not_scored.untimed}};
  if (replayed.comparison) json["compare"] = compare_json(*replayed.comparison);
  json["jobs"] = jobs_json(replayed);
}

void set_reading(Json& json, const traces::HistorySummary& reading) {
  json["skipped"] = reading.skipped;
  json["broken"] = reading.broken;
  json["complaints"] = reading.complaints;
  json["remarks"] = reading.remarks;
}

}  // namespace

Json backtest_json(const BacktestReport& report) {
  const auto& options = report.options;
  Json out{{"schema_version", kSchemaVersion}};
  out["order"] = options.order == backtest::Order::file ? "file" : "time";
  out["objective"] = to_string(options.question.objective);
  out["confidence"] = options.question.confidence;
  out["ttf"] = options.question.failure.share;
  out["features"] = options.features;
  out["cold"] = options.cold;
  out["machine_bytes"] = options.machine_bytes;
  set_replayed(out, report.total);
  set_reading(out, total_reading(report));
  if (report.parts.size() == 1) return out;
  for (const auto& part : report.parts) {
    Json entry{{"trace", part.name}};
    set_replayed(entry, part.replayed);
    set_reading(entry, part.reading);
    out["traces"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace jobward::cli
