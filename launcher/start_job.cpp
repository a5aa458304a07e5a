#include "launcher/start_job.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "host/observe/process.h"

namespace jobward::launcher {
namespace {

// So much is added to the job's oom_score_adj: when the whole machine runs out, the kernel then
// prefers the job to the agent or shell that started it (a point is a thousandth of memory:
// proc(5)).
constexpr int kOomScoreRaise = 500;

// Below this many bytes a limit may be what keeps a program from starting.
constexpr double kTinyLimit = 1U << 20U;

std::vector<std::string> job_environment(const RunOrder& order,
                                         const profiles::RunRequest& request) {
  static constexpr std::string_view kOurs[] = {
      "JOBWARD_RUN_ID=", "JOBWARD_ATTEMPT=", "JOBWARD_MEM_LIMIT="};
  std::vector<std::string> out;
  for (const auto& entry : order.environment)
    if (std::none_of(std::begin(kOurs), std::end(kOurs), [&](std::string_view name) {
          return entry.compare(0, name.size(), name) == 0;
        }))
      out.push_back(entry);
  const Limit* limit = request.limits.find(Resource::memory);
  out.push_back("JOBWARD_RUN_ID=" + request.id);
  out.push_back("JOBWARD_ATTEMPT=" + std::to_string(request.attempt));
  out.push_back(
      "JOBWARD_MEM_LIMIT=" +
      (limit != nullptr ? std::to_string(static_cast<std::uint64_t>(limit->value)) : "max"));
  return out;
}

std::string not_found_words(const std::string& program) {
  if (program.find('=') != std::string::npos && program.find('/') == std::string::npos)
    return program +
           ": command not found; to set a variable for the job, use `env NAME=value COMMAND`";
  return program + ": command not found (or the interpreter in its first line is missing)";
}

host::SpawnRequest spawn_request(const RunOrder& order, const profiles::RunRequest& request,
                                 const StartingPlace& place) {
  host::SpawnRequest out;
  out.argv = order.job.argv;
  out.environment = job_environment(order, request);
  out.birth = place.group.birth_place();
  out.signal_mask = place.gate.original();
  out.ignore_children = place.gate.ignored_children();
  out.oom_score_adj_file = place.roots.proc + "/self/oom_score_adj";
  out.nice = order.settings.nice;
  out.die_with_supervisor = !order.keep_on_loss;
  if (const Limit* files = request.limits.find(Resource::open_files))
    out.open_files = static_cast<std::uint64_t>(files->value);
  if (order.settings.oom_score_adj) {
    out.oom_score_adj = order.settings.oom_score_adj;
    out.oom_score_must_hold = true;
  } else if (const auto own = host::own_oom_score_adj(place.roots)) {
    out.oom_score_adj = std::min(1000, std::max(*own, 0) + kOomScoreRaise);
  }
  return out;
}

std::string setting_words(const host::SpawnFailure& failure, const host::SpawnRequest& request) {
  using Stage = host::SpawnFailure::Stage;
  const bool denied = failure.errnum == EACCES || failure.errnum == EPERM;
  switch (failure.stage) {
    case Stage::oom_score:
      return "--oom-score " + std::to_string(request.oom_score_adj.value_or(0)) +
             (denied ? ": only root may lower it below the present one" : "");
    case Stage::nice:
      return "--nice " + std::to_string(request.nice.value_or(0)) +
             (denied ? ": only root may raise a priority" : "");
    default:
      return "--open-files " + std::to_string(request.open_files.value_or(0)) +
             (denied ? ": only root may go above the present hard limit (ulimit -Hn)" : "");
  }
}

// What was charged by then tells how much more is needed.
std::string too_small_words(const std::string& program, const profiles::RunRequest& request,
                            host::JobGroup& group) {
  const Limit* limit = request.limits.find(Resource::memory);
  std::string text = program + ": the memory limit of " +
                     format_bytes(limit != nullptr ? limit->value : 0) +
                     " is too small to start it";
  if (limit != nullptr && limit->source == "--mem" && limit->value < kTinyLimit)
    return text + "; a bare number counts bytes: did you mean " +
           std::to_string(static_cast<std::uint64_t>(limit->value)) + "M?";
  if (const auto sample = group.sample(); sample && sample->peak)
    text += " (" + format_bytes(static_cast<double>(*sample->peak)) + " were charged by then)";
  return text;
}

StartFailure explain(const host::SpawnFailure& failure, const host::SpawnRequest& spawned,
                     const profiles::RunRequest& request, host::JobGroup& group) {
  using Stage = host::SpawnFailure::Stage;
  const std::string program = printable(request.argv[0]);
  const std::string why = std::strerror(failure.errnum);
  switch (failure.stage) {
    case Stage::clone:
      return {exit_code::kLauncherFailed, "cannot start a process for " + program + ": " + why};
    case Stage::place:
      return {exit_code::kLauncherFailed, "cannot place the process of " + program + ": " + why};
    case Stage::oom_score:
    case Stage::nice:
    case Stage::open_files:
      return {exit_code::kLauncherFailed,
              "cannot set " + setting_words(failure, spawned) + " (" + why + ")"};
    case Stage::execute:
      break;
  }
  if (failure.errnum == ENOENT) return {exit_code::kNotFound, not_found_words(program)};
  // With hardly any memory the kernel cannot copy the arguments, and calls them too long.
  const Limit* memory = request.limits.find(Resource::memory);
  const bool tiny = memory != nullptr && memory->value < kTinyLimit;
  if ((failure.errnum == ENOMEM && memory != nullptr) || (failure.errnum == E2BIG && tiny))
    return {exit_code::kNotExecutable, too_small_words(program, request, group)};
  return {exit_code::kNotExecutable, program + ": cannot be executed: " + why};
}

}  // namespace

tl::expected<host::Spawned, StartFailure> start_job(const RunOrder& order,
                                                    const profiles::RunRequest& request,
                                                    const StartingPlace& place) {
  const auto wanted = spawn_request(order, request, place);
  auto spawned = host::spawn(wanted);
  if (spawned) return std::move(*spawned);
  return tl::unexpected(explain(spawned.error(), wanted, request, place.group));
}

}  // namespace jobward::launcher
