// The words that all layers share, as data. See "Words" in ARCHITECTURE.md. No behaviour beyond
// names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/resource.h"

namespace jobward {

// A command with its working directory. Arguments are bytes: they need not be UTF-8.
struct Job {
  std::vector<std::string> argv;
  std::string cwd;
};

// Who holds a limit.
enum class Enforcement { kernel, polled, none };
constexpr std::string_view to_string(Enforcement enforcement) {
  return enforcement == Enforcement::kernel   ? "kernel"
         : enforcement == Enforcement::polled ? "polled"
                                              : "none";
}

// A hard bound in the resource's unit, and where the number came from ("--mem", "preset training",
// "estimate", "guess").
//
// automatic: Jobward's own choice, which never stops a run. asked: by the user, a preset or a
// configuration; it must hold, or the run does not start (unless best effort is enough). policy:
// the system's; it must hold whatever the user says.
enum class LimitOrigin { automatic, asked, policy };
struct Limit {
  double value = 0;
  std::string source;
  LimitOrigin origin = LimitOrigin::automatic;
  // What a number cannot say. cpuset: the list ("0-3,8"), `value` is how many. io_*_rate: the path
  // that names the device ("" = the working directory), later the device as "MAJOR:MINOR".
  std::string detail = {};
};
using Limits = ResourceMap<Limit>;
using Enforcements = ResourceMap<Enforcement>;

// A signal to the job's main process before a limit ends it, so that it can save its work.
struct WarnSignal {
  int number = 0;
  std::optional<double> memory_share;         // of the memory limit
  std::optional<double> seconds_before_wall;  // before the wall limit
};

// At its memory limit the job is given more while there is room, instead of being killed.
struct ElasticMemory {
  std::optional<double> cap_bytes;  // absent: as far as there is room
  std::string source;               // "--elastic", "FILE:LINE"
  bool insist = true;  // asked for this run; a default is meant for where it can be done
};

// What a job is started with beside its limits.
struct JobSettings {
  std::optional<int> nice;           // -20..19; absent: inherited
  std::optional<int> oom_score_adj;  // absent: raised above the caller's
  bool oom_kills_job = true;         // at the memory limit the whole job ends, not one process
  std::vector<WarnSignal> warnings;
  std::optional<ElasticMemory> elastic;  // absent: the memory limit is a hard one
};

// How far an estimate had to reach for runs to learn from, nearest first.
enum class Level { exact, masked, program, everything, none };
inline constexpr std::array kLevels{Level::exact, Level::masked, Level::program, Level::everything};
constexpr std::string_view to_string(Level level) {
  switch (level) {
    case Level::exact:
      return "exact";
    case Level::masked:
      return "masked";
    case Level::program:
      return "program";
    case Level::everything:
      return "everything";
    case Level::none:
      return "none";
  }
  return "none";
}

// What a run will use of one resource, in the resource's unit: quantiles of the prediction.
struct Quantiles {
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
};

// What an automatic memory limit is for.
//  safe  as few runs as possible reach it: at most one in 1 / (1 - confidence)
//  lean  what is spent on average is least, given that a run that reaches it is tried again
enum class Objective { safe, lean };
constexpr std::string_view to_string(Objective objective) {
  return objective == Objective::safe ? "safe" : "lean";
}

// The share of its time after which a run that is given too little memory fails: 0 < share <= 1.
struct FailureShare {
  double share = 1;
  int curves = 0;  // memory curves of past runs that tell it; 0: it is assumed
};

// How much memory to give: attempts[0] at first, the next ones after the one before was too little
// (growing; after the last one nothing is known any more). Bytes, never empty.
struct MemorySizing {
  Objective objective = Objective::safe;
  double confidence = 0;  // of a safe first attempt, as asked for; 0 < confidence < 1
  std::vector<double> attempts;
  FailureShare failure;  // that a lean one counts with
};

// A prediction. `runs` counts the finished runs behind it at `level`; with none, `level` is none
// and `by` is empty. `censored_runs` of them were ended by a limit and tell only "more than".
struct Estimate {
  ResourceMap<Quantiles> by;
  std::optional<MemorySizing> sizing;  // absent: nothing is known of memory
  int runs = 0;
  int censored_runs = 0;
  Level level = Level::none;
  std::string reason;  // in words, for people and agents
};

// Measurements of one run. The name says the unit. Absent = not measured.
enum class Metric {
  memory_peak,
  memory_need,
  memory_anon_peak,
  memory_file_peak,
  memory_shmem_peak,
  wall,
  cpu_user,
  cpu_system,
  io_read,
  io_write,
  disk_growth,
  processes_peak,
  pressure_memory_some,
  pressure_memory_full,
  pressure_cpu_some,
  pressure_io_some,
};
struct MetricInfo {
  Metric metric;
  std::string_view name;  // in JSON and the database; never changes
};
inline constexpr std::array kMetrics{
    MetricInfo{Metric::memory_peak, "memory_peak_bytes"},
    MetricInfo{Metric::memory_need, "memory_need_bytes"},
    MetricInfo{Metric::memory_anon_peak, "memory_anon_peak_bytes"},
    MetricInfo{Metric::memory_file_peak, "memory_file_peak_bytes"},
    MetricInfo{Metric::memory_shmem_peak, "memory_shmem_peak_bytes"},
    MetricInfo{Metric::wall, "wall_seconds"},
    MetricInfo{Metric::cpu_user, "cpu_user_seconds"},
    MetricInfo{Metric::cpu_system, "cpu_system_seconds"},
    MetricInfo{Metric::io_read, "io_read_bytes"},
    MetricInfo{Metric::io_write, "io_write_bytes"},
    MetricInfo{Metric::disk_growth, "disk_growth_bytes"},
    MetricInfo{Metric::processes_peak, "processes_peak"},
    MetricInfo{Metric::pressure_memory_some, "pressure_memory_some_seconds"},
    MetricInfo{Metric::pressure_memory_full, "pressure_memory_full_seconds"},
    MetricInfo{Metric::pressure_cpu_some, "pressure_cpu_some_seconds"},
    MetricInfo{Metric::pressure_io_some, "pressure_io_some_seconds"},
};

// `basis` tells how a number was obtained where there is more than one way: "need_basis",
// "io_basis", "disk_growth_basis", "processes_basis".
struct Usage {
  std::map<Metric, double> values;
  std::map<std::string, std::string> basis;

  void set(Metric metric, double value) { values[metric] = value; }
  [[nodiscard]] std::optional<double> get(Metric metric) const {
    const auto it = values.find(metric);
    return it == values.end() ? std::nullopt : std::optional(it->second);
  }
};

// How a run ended: a closed list.
enum class Outcome {
  ok,
  failed,
  signaled,
  memory_limit,
  aggregate_limit,
  system_oom,
  wall_limit,
  cpu_limit,
  pids_limit,
  stall_limit,
  stopped,
  watchdog_killed,
  supervisor_lost,
  launch_failed,
  verify_failed,
  not_admitted,
  refused,
  cancelled,
};
inline constexpr std::array<std::string_view, 18> kOutcomeNames{
    "ok",           "failed",          "signaled",        "memory_limit",  "aggregate_limit",
    "system_oom",   "wall_limit",      "cpu_limit",       "pids_limit",    "stall_limit",
    "stopped",      "watchdog_killed", "supervisor_lost", "launch_failed", "verify_failed",
    "not_admitted", "refused",         "cancelled"};
constexpr std::string_view to_string(Outcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}
constexpr std::optional<Outcome> outcome_from(std::string_view name) {
  for (std::size_t i = 0; i < kOutcomeNames.size(); ++i)
    if (kOutcomeNames[i] == name) return static_cast<Outcome>(i);
  return std::nullopt;
}

// How the job's main process ended.
struct ExitStatus {
  int code = 0;    // valid when signal is 0
  int signal = 0;  // 0: it exited by itself
};

// One point of a run's memory curve.
struct CurvePoint {
  double seconds = 0;  // since the spawn
  double bytes = 0;    // memory need at that moment
};

}  // namespace jobward
