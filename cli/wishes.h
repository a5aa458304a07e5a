// What one source (the flags, a preset, a defaults section) wishes for a run, and what several of
// them come to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/job_types.h"
#include "common/result.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {

struct AskedWarning {
  WarnSignal signal;
  std::string text;    // as it was written
  std::string source;  // "--warn-signal", "FILE:LINE"
  // A default is meant for the runs that have such a limit; what was asked for this run must work.
  bool insist = true;
};

struct ElasticWish {
  bool on = false;
  ElasticMemory how;  // if it is on
};

// One layer. Absent: it has no opinion.
struct WishLayer {
  Limits limits;
  ResourceMap<bool> lifted;  // what layers below set and this one takes away
  std::optional<bool> no_memory_limit;
  std::optional<bool> no_wall_limit;
  std::optional<int> nice;
  std::optional<int> oom_score;
  std::optional<bool> oom_kills_job;
  std::optional<std::vector<AskedWarning>> warnings;
  std::optional<int> retry_oom;
  std::optional<int> retry_time;
  std::optional<ElasticWish> elastic;
  std::optional<Objective> objective;
  std::optional<double> confidence;
};

// Reads a limit into the layer: a memory limit may be "auto".
Status set_limit(WishLayer& layer, std::string_view key, std::string_view text,
                 const std::string& source);

// To be called when all of a layer is read. A message: it wants a limit and wants it not.
std::optional<std::string> settle(WishLayer& layer);

// `upper` where it has an opinion, else `lower`. Both settled.
WishLayer over(WishLayer upper, const WishLayer& lower);

// What a run is ordered with.
struct Resolved {
  launcher::LimitWishes wishes;
  bool no_wall_limit = false;  // asked for, as by --no-time
  JobSettings settings;
  int retry_oom = 0;
  int retry_time = 0;
  std::vector<std::string> remarks;  // defaults that mean nothing for this run
};
// An error: a warning before a limit that the run does not have, or that it would come too late
// for. The policy may add limits of its own.
Result<Resolved> resolve(const WishLayer& layer, const launcher::Policy& policy);

Result<int> parse_nice(std::string_view text);
Result<int> parse_oom_score(std::string_view text);
Result<bool> parse_oom_kill(std::string_view text);           // "job" (true) or "process"
Result<Objective> parse_objective(std::string_view text);     // "safe" or "lean"
Result<double> parse_confidence(std::string_view text);       // "0.99", "99%": 0.5 to 0.9999
Result<int> parse_retries(std::string_view text);             // 0 to 100
Result<ElasticWish> parse_elastic(std::string_view text);     // "yes", "no", or the cap: "16G"
Result<WarnSignal> parse_warn_signal(std::string_view text);  // "USR1@90%", "TERM@5m", "10@30s"

}  // namespace jobward::cli
