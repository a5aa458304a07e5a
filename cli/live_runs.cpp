#include "cli/live_runs.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/render_json.h"
#include "cli/render_text.h"
#include "common/text.h"
#include "common/units.h"
#include "host/observe/process.h"
#include "launcher/run_lock.h"

namespace jobward::cli {
namespace {

std::optional<double> memory_now(const RunDesk& desk, const profiles::RunRequest& request) {
  const std::string& cgroup = request.where.memory_cgroup;
  if (!cgroup.empty()) {
    const auto bytes = host::unreclaimable_memory(cgroup);
    return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
  }
  const auto supervisor = launcher::supervisor_of(desk.records.lock_directory, request.id);
  if (!supervisor) return std::nullopt;
  const auto tree = host::descendants(desk.roots, *supervisor);
  return static_cast<double>(host::tree_memory(desk.roots, tree, false).need);
}

std::string share(const std::optional<double>& part, const std::optional<double>& whole) {
  if (!part || !whole || *whole <= 0) return "-";
  return std::to_string(std::lround(*part / *whole * 100)) + "%";
}

// What other programs used is not called a prediction.
std::optional<double> predicted_memory(const profiles::RunRequest& request) {
  const auto* memory = request.estimate.by.find(Resource::memory);
  if (request.estimate.level == Level::everything) return std::nullopt;
  return memory != nullptr ? std::optional(memory->p99) : std::nullopt;
}

std::optional<double> predicted_wall(const profiles::RunRequest& request) {
  const auto* wall = request.estimate.by.find(Resource::wall);
  if (request.estimate.level == Level::everything) return std::nullopt;
  return wall != nullptr ? std::optional(wall->p50) : std::nullopt;
}

std::optional<double> memory_limit(const profiles::RunRequest& request) {
  const auto* limit = request.limits.find(Resource::memory);
  return limit != nullptr ? std::optional(limit->value) : std::nullopt;
}

}  // namespace

LiveRun live_run(const RunDesk& desk, profiles::RunRecord record) {
  LiveRun run;
  run.alive = desk.is_alive(record.request.id);
  const auto since = record.at.admitted.value_or(record.at.created);
  // Not negative where the clock was set back meanwhile.
  run.elapsed_seconds = std::max(0.0, static_cast<double>(desk.clock.wall_ms() - since) / 1000);
  if (record.state != profiles::RunState::queued)
    run.memory_bytes = memory_now(desk, record.request);
  run.record = std::move(record);
  return run;
}

Result<std::vector<LiveRun>> live_runs(const RunDesk& desk) {
  profiles::HistoryQuery query;
  query.limit = 1000000;
  query.open_only = true;
  auto records = desk.records.store->history(query);
  if (!records) return tl::unexpected(std::move(records).error());
  std::reverse(records->begin(), records->end());
  const auto waits = [](const profiles::RunRecord& run) {
    return run.state == profiles::RunState::queued;
  };
  std::stable_partition(records->begin(), records->end(),
                        [&](const auto& run) { return !waits(run); });
  std::vector<LiveRun> out;
  std::size_t place = 0;
  for (auto& record : *records) {
    const bool queued = waits(record);
    auto run = live_run(desk, std::move(record));
    if (!run.alive) run.record = read_again(desk, std::move(run.record));
    if (run.record.ending) continue;
    out.push_back(std::move(run));
    if (queued) out.back().place = ++place;
  }
  return out;
}

nlohmann::ordered_json live_json(const std::vector<LiveRun>& runs) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& run : runs) {
    auto entry = to_json(run.record, run.alive);
    entry["elapsed_seconds"] = run.elapsed_seconds;
    if (run.memory_bytes) entry["memory_now_bytes"] = static_cast<std::int64_t>(*run.memory_bytes);
    if (run.place > 0) entry["place"] = run.place;
    list.push_back(std::move(entry));
  }
  return {{"schema_version", kSchemaVersion}, {"runs", std::move(list)}};
}

std::string live_table(const std::vector<LiveRun>& runs) {
  std::string out = padded("RUN", 12) + padded("STATE", 16) + padded("TIME", 10) +
                    padded("OF P50", 8) + padded("MEMORY", 11) + padded("P99", 11) +
                    padded("LIMIT", 11) + padded("USED", 6) + "COMMAND\n";
  for (const auto& run : runs) {
    const auto& request = run.record.request;
    const auto limit = memory_limit(request);
    const auto predicted = predicted_memory(request);
    const std::string state = run.place > 0 ? "waiting, " + std::to_string(run.place)
                              : run.alive   ? "running"
                                            : "supervisor gone";
    const std::string name = request.name.empty() ? "" : "[" + printable(request.name) + "] ";
    out += padded(request.id, 12) + padded(state, 16) +
           padded(format_duration(run.elapsed_seconds), 10) +
           padded(run.place > 0 ? "-" : share(run.elapsed_seconds, predicted_wall(request)), 8) +
           padded(run.memory_bytes ? format_bytes(*run.memory_bytes) : "-", 11) +
           padded(predicted ? format_bytes(*predicted) : "-", 11) +
           padded(limit ? format_bytes(*limit) : "none", 11) +
           padded(share(run.memory_bytes, limit), 6) + name +
           shortened(shell_quoted(request.argv), 60) + "\n";
  }
  return out;
}

}  // namespace jobward::cli
