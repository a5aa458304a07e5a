// The flags of `run` that say how it is let in, repeated, detached and told of, and what it
// counts as.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launcher/job_runner.h"

namespace CLI {
class App;
}

namespace jobward::cli {

// As typed. Absent: not given.
struct RunFlags {
  std::optional<std::string> wait;  // "" without a time
  bool no_wait = false;
  bool detach = false;
  std::optional<std::string> request_id;
  bool restart_lost = false;
  std::string on_loss = "kill";
  std::optional<std::string> on_end;
  std::optional<std::string> kind;
  std::optional<std::string> require_review;
  std::vector<std::string> require_stamps;
  std::optional<std::string> stamp_max_age;
  std::optional<std::string> require_model;  // a tier
  std::optional<std::string> actor;          // what JOBWARD_ACTOR says, for it and for the job
  std::vector<std::string> require;          // contracts
  std::vector<std::string> verify;
};

// --kind, for all commands that have it.
void declare_kind(CLI::App& app, std::optional<std::string>& kind);

// `flags` must live until the options are parsed.
void declare(CLI::App& app, RunFlags& flags);

// Over what is configured.
Status apply(const RunFlags& flags, const launcher::LimitSettings& settings,
             launcher::RunOrder& order);

}  // namespace jobward::cli
