// The flags of `run` that say what a job is held to.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "cli/wishes.h"

namespace CLI {
class App;
}

namespace jobward::cli {

// As typed. Absent: not given.
struct LimitFlags {
  std::array<std::optional<std::string>, 12> limits;  // in the order of limit_options()
  std::optional<std::string> nice;
  std::optional<std::string> oom_score;
  std::optional<std::string> oom_kill;
  std::optional<std::string> preset;
  std::vector<std::string> warn_signals;
  std::optional<std::string> retry_oom;
  std::optional<std::string> retry_time;
  std::optional<std::string> elastic;  // "yes": without a value
  std::optional<std::string> objective;
  std::optional<std::string> confidence;
  bool no_limit = false;
  bool no_time = false;
};

// `flags` must live until the options are parsed.
void declare(CLI::App& app, LimitFlags& flags);

// Of these only what an automatic memory limit is for: --objective, --confidence.
void declare_sizing(CLI::App& app, LimitFlags& flags);

Result<WishLayer> read_flags(const LimitFlags& flags);

}  // namespace jobward::cli
