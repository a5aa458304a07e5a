// Theory of operation: prepare ─▶ estimate ─▶ limits ─▶ cgroup ─▶ row (durable) ─▶ spawn ─▶
// supervise ─▶ kill what is left, measure, remove ─▶ classify ─▶ close the row and learn. run_job()
// is that list.
#include "launcher/job_runner.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "common/exit_codes.h"
#include "common/identity.h"
#include "common/text.h"
#include "common/units.h"
#include "estimator/estimator.h"
#include "host/backends/backends.h"
#include "host/backends/drain.h"
#include "host/backends/spawn.h"
#include "host/observe/process.h"
#include "launcher/classify.h"
#include "launcher/measure.h"
#include "launcher/need_tracker.h"
#include "launcher/run_lock.h"
#include "launcher/supervisor.h"

namespace jobward::launcher {
namespace {

// So much is added to the job's oom_score_adj: when the whole machine runs out, the kernel then
// prefers the job to the agent or shell that started it (a point is a thousandth of memory:
// proc(5)).
constexpr int kOomScoreRaise = 500;

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

// Ends a run that never started.
void end_unstarted(RunResult& result, Outcome outcome, int status, std::string cause) {
  result.ending.outcome = outcome;
  result.ending.cause = std::move(cause);
  result.ending.exit_code = status;
  result.ending.exit_source = "jobward";
}

// An explicit limit that nobody would hold stops the run; true if it may go on.
bool check_enforcement(const RunOrder& order, RunResult& result, std::vector<std::string>& lines) {
  bool may_run = true;
  result.request.limits.for_each([&](Resource resource, const Limit& limit) {
    const auto* how = result.request.enforcement.find(resource);
    const std::string what = std::string(info(resource).name) + " limit of " +
                             (info(resource).unit == Unit::bytes ? format_bytes(limit.value)
                                                                 : format_duration(limit.value));
    if (how == nullptr || *how == Enforcement::none) {
      const bool must_hold = limit.source.compare(0, 2, "--") == 0 && !order.best_effort;
      if (must_hold) {
        may_run = false;
        end_unstarted(
            result, Outcome::refused, exit_code::kLauncherFailed,
            "the " + what +
                " cannot be enforced here (see `jobward doctor`); --best-effort runs without it");
      } else {
        lines.push_back("the " + what + " is NOT enforced here; see `jobward doctor`");
      }
    } else if (*how == Enforcement::polled && resource == Resource::memory) {
      lines.push_back(
          "the " + what +
          " is polled, not held by the kernel: a fast job may overshoot it before it is killed");
    }
  });
  return may_run;
}

std::string guess_line(const RunResult& result, const LimitPlan& plan) {
  const Limit* limit = result.request.limits.find(Resource::memory);
  const auto& estimate = result.request.estimate;
  const bool only_ended_early =
      estimate.level != Level::none && estimate.level != Level::everything;
  return "memory limit " + format_bytes(limit != nullptr ? limit->value : 0) +
         " is a guess: " + plan.explanation +
         (only_ended_early ? " (no run of this command has ended well yet)"
                           : " (nothing is known about this command yet)");
}

Result<std::unique_ptr<host::JobGroup>> make_group(const Workshop& shop,
                                                   const profiles::RunRequest& request) {
  host::GroupRequest wanted{request.id, request.limits, {}};
  wanted.attribute = {request.id, ::getpid(), shop.identity.boot_id, request.actor.uid, {}, {}};
  if (const auto* q = request.estimate.by.find(Resource::memory))
    wanted.attribute.memory_p99_bytes = static_cast<std::uint64_t>(q->p99);
  if (const auto* limit = request.limits.find(Resource::memory))
    wanted.attribute.memory_limit_bytes = static_cast<std::uint64_t>(limit->value);
  return shop.backend.create(wanted);
}

// `--mem auto` never stops a run: without a cgroup it goes on polled, and says so. Null: an
// explicit limit was asked for, and the run has ended.
std::unique_ptr<host::JobGroup> without_group(const RunOrder& order, const Workshop& shop,
                                              const Error& why, RunResult& result) {
  if (order.wishes.explicit_memory()) {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed, why.message());
    return nullptr;
  }
  result.problems.push_back(why.message() + "; the run goes on without a cgroup, its limit polled");
  const auto none = host::make_none_backend(shop.roots);
  result.request.enforcement = none->enforcement();
  result.request.where.backend = none->name();
  result.request.where.cgroup.clear();
  result.request.where.memory_cgroup.clear();
  auto group = none->create({result.request.id, result.request.limits, {}});
  return group ? std::move(*group) : nullptr;
}

// Why the row could not be written; empty if it is there. Without its lock the run would look
// abandoned.
std::string begin_problem(const Workshop& shop, const Result<RunLock>& lock,
                          const RunResult& result) {
  if (shop.store == nullptr) return shop.store_problem;
  if (!lock) return lock.error().message();
  auto begun = shop.store->begin(result.request, result.at);
  return begun ? std::string() : begun.error().message();
}

// Whether the run may go on, with its row or without one.
bool accept_record(const RunOrder& order, const std::string& problem, RunResult& result) {
  result.recorded = problem.empty();
  if (result.recorded) return true;
  if (order.wishes.explicit_memory() || order.wishes.wall_seconds) {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed,
                  "the run cannot be recorded, and it has explicit limits: " + problem);
    return false;
  }
  result.problems.push_back("the run is NOT recorded: " + problem);
  return true;
}

std::string not_found_words(const std::string& program) {
  if (program.find('=') != std::string::npos && program.find('/') == std::string::npos)
    return program +
           ": command not found; to set a variable for the job, use `env NAME=value COMMAND`";
  return program + ": command not found (or the interpreter in its first line is missing)";
}

std::optional<host::Spawned> start(const RunOrder& order, const Workshop& shop,
                                   const host::JobGroup& group, const SignalGate& gate,
                                   RunResult& result) {
  host::SpawnRequest request;
  request.argv = order.job.argv;
  request.environment = job_environment(order, result.request);
  request.birth = group.birth_place();
  request.signal_mask = gate.original();
  request.ignore_children = gate.ignored_children();
  request.oom_score_adj_file = shop.roots.proc + "/self/oom_score_adj";
  if (const auto own = host::own_oom_score_adj(shop.roots))
    request.oom_score_adj = std::min(1000, std::max(*own, 0) + kOomScoreRaise);
  auto spawned = host::spawn(request);
  if (spawned) return std::move(*spawned);
  using Stage = host::SpawnFailure::Stage;
  const auto& failure = spawned.error();
  const std::string program = printable(result.request.argv[0]);
  const std::string why = std::strerror(failure.errnum);
  if (failure.stage != Stage::execute)
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed,
                  std::string(failure.stage == Stage::clone ? "cannot start a process for "
                                                            : "cannot place the process of ") +
                      program + ": " + why);
  else if (failure.errnum == ENOENT)
    end_unstarted(result, Outcome::launch_failed, exit_code::kNotFound, not_found_words(program));
  else
    end_unstarted(result, Outcome::launch_failed, exit_code::kNotExecutable,
                  program + ": cannot be executed: " + why);
  return std::nullopt;
}

// Kills what is left of the job, also what left its cgroup, and reads what was used.
host::GroupReport wind_up(const Workshop& shop, host::JobGroup& group, const NeedTracker& tracker,
                          const ChildMeter& meter, const std::vector<host::KnownProcess>& known) {
  auto report = group.finish();
  const auto escaped = reap_descendants(shop.roots, known);
  if (!escaped) report.problems.push_back(escaped.error().message());
  if (escaped && *escaped > 0) {
    report.killed_leftovers += *escaped;
    report.problems.push_back(std::to_string(*escaped) +
                              " processes had left the job's cgroup; they were killed");
  }
  auto& usage = report.usage;
  const auto need = tracker.need(usage.get(Metric::memory_peak));
  if (need) {
    usage.set(Metric::memory_need, need->bytes);
    usage.basis["need_basis"] = need->basis;
  }
  tracker.fill(usage);
  meter.fill(usage);
  return report;
}

profiles::Observation observe(const RunResult& result, const Classification& verdict) {
  profiles::Observation out;
  out.features = result.request.features;
  const auto& usage = result.ending.usage;
  const auto take = [&](Resource resource, std::optional<double> value, bool censored) {
    if (!value) return;
    const bool at_limit = resource == Resource::memory && !verdict.ended_early;
    out.used.set(resource, {*value, censored, censored && !at_limit});
  };
  take(Resource::memory, usage.get(Metric::memory_need), verdict.memory_censored);
  take(Resource::wall, usage.get(Metric::wall), verdict.wall_censored);
  const auto user = usage.get(Metric::cpu_user);
  const auto system = usage.get(Metric::cpu_system);
  if (user && system) take(Resource::cpu_time, *user + *system, verdict.wall_censored);
  take(Resource::io_read, usage.get(Metric::io_read), verdict.wall_censored);
  take(Resource::io_write, usage.get(Metric::io_write), verdict.wall_censored);
  take(Resource::disk_growth, usage.get(Metric::disk_growth), verdict.wall_censored);
  take(Resource::processes, usage.get(Metric::processes_peak), verdict.wall_censored);
  return out;
}

void conclude(const Supervision& seen, host::GroupReport report, const NeedTracker& tracker,
              const RunOrder& order, RunResult& result) {
  auto& ending = result.ending;
  ending.usage = std::move(report.usage);
  ending.usage.set(Metric::wall, seen.wall_seconds);
  const auto verdict = classify(seen, report.oom, result.request.limits, ending.usage);
  ending.outcome = verdict.outcome;
  ending.cause = verdict.cause;
  if (report.killed_leftovers > 0 && !seen.killed_for_memory && !seen.wall_limit_hit)
    ending.cause +=
        "; " + std::to_string(report.killed_leftovers) + " processes it left behind were killed";
  ending.exit_code = verdict.exit_code;
  ending.exit_source = verdict.from_job ? "job" : "jobward";
  ending.signal = verdict.signal;
  ending.curve = tracker.curve();
  ending.observation = observe(result, verdict);
  ending.digests = digest_files("output", order.outputs);
  result.die_of = verdict.die_of;
  result.problems.insert(result.problems.end(), report.problems.begin(), report.problems.end());
}

void record_end(const Workshop& shop, RunResult& result) {
  result.at.ended = shop.clock.wall_ms();
  if (!result.recorded) return;
  const profiles::Learn learn = [&](const profiles::LearnedState& old) {
    return estimator::learn(old, result.ending.observation);
  };
  auto closed = shop.store->end(result.request.id, result.ending, result.at,
                                result.started ? learn : profiles::Learn());
  if (closed) return;
  result.recorded = false;
  result.problems.push_back("the end of the run is NOT recorded (its beginning is): " +
                            closed.error().message());
}

void run_to_end(const RunOrder& order, const Workshop& shop, host::JobGroup& group,
                const SignalGate& gate, RunResult& result) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const auto known = host::present_children(shop.roots);
  const ChildMeter meter(shop.roots, order.job.cwd);
  auto child = start(order, shop, group, gate, result);
  if (!child) return;
  result.started = true;
  result.at.spawned = shop.clock.wall_ms();
  const auto* memory = result.request.limits.find(Resource::memory);
  const auto* how = result.request.enforcement.find(Resource::memory);
  const bool polled = memory != nullptr && how != nullptr && *how == Enforcement::polled;
  NeedTracker tracker(polled ? std::optional(memory->value) : std::nullopt);
  const SupervisorOrder watch{
      *child, group, result.request.limits, result.request.enforcement, shop.settings.grace_seconds,
      gate};
  auto seen = supervise(watch, tracker);
  auto report = wind_up(shop, group, tracker, meter, known);
  if (seen) {
    conclude(*seen, std::move(report), tracker, order, result);
  } else {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed,
                  "supervision broke down and the job was killed: " + seen.error().message());
    result.ending.usage = std::move(report.usage);
  }
}

}  // namespace

RunResult run_job(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                  const Tell& tell) {
  RunResult result;
  result.at.created = shop.clock.wall_ms();
  auto id = new_run_id();
  if (!id) {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed, id.error().message());
    return result;
  }
  auto plan = preview(order, shop);
  result.request = std::move(plan.request);
  result.request.id = *id;
  std::vector<std::string> lines;
  if (!check_enforcement(order, result, lines)) return result;
  if (plan.plan.guessed) lines.push_back(guess_line(result, plan.plan));

  const auto place = shop.backend.place(*id);
  result.request.where.cgroup = place.directory;
  result.request.where.memory_cgroup = place.memory_directory;
  result.at.admitted = shop.clock.wall_ms();
  // Held from before the row is there until after it is closed.
  const auto lock = RunLock::take(shop.lock_directory, *id);
  auto made = make_group(shop, result.request);
  const auto group = made ? std::move(*made) : without_group(order, shop, made.error(), result);
  if (!group) return result;
  if (!accept_record(order, begin_problem(shop, lock, result), result)) return result;
  // A command that is not there needs no word about its limits. Before the spawn: a reader of
  // stderr that does not read must not keep us from supervising.
  if (host::can_be_found(order.job.argv[0]))
    for (const auto& line : lines)
      tell(line);
  run_to_end(order, shop, *group, gate, result);
  record_end(shop, result);
  return result;
}

}  // namespace jobward::launcher
