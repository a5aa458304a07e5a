// Theory of operation: prepare ─▶ estimate ─▶ limits ─▶ row (durable) ─▶ cgroup ─▶ spawn ─▶
// supervise ─▶ kill what is left, measure, remove ─▶ classify ─▶ close the row and learn. run_job()
// is that list.
#include "launcher/job_runner.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "estimator/estimator.h"
#include "host/backends/backends.h"
#include "host/backends/spawn.h"
#include "host/observe/process.h"
#include "launcher/classify.h"
#include "launcher/measure.h"
#include "launcher/need_tracker.h"
#include "launcher/run_lock.h"
#include "launcher/start_job.h"
#include "launcher/supervisor.h"

namespace jobward::launcher {
namespace {

// Ends a run that never started.
void end_unstarted(RunResult& result, Outcome outcome, int status, std::string cause) {
  result.ending.outcome = outcome;
  result.ending.cause = std::move(cause);
  result.ending.exit_code = status;
  result.ending.exit_source = "jobward";
}

// Limits that must hold: the policy's always, those that were asked for unless best effort is
// enough.
bool has_binding_limit(const RunOrder& order, const Limits& limits) {
  bool found = false;
  limits.for_each([&](Resource, const Limit& limit) {
    found = found || limit.origin == LimitOrigin::policy ||
            (limit.origin == LimitOrigin::asked && !order.best_effort);
  });
  return found;
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

Result<std::unique_ptr<host::JobGroup>> make_group(const RunOrder& order, const Workshop& shop,
                                                   const profiles::RunRequest& request) {
  host::GroupRequest wanted{
      request.id, request.limits, order.settings.oom_kills_job, aggregate_bytes(shop), {}};
  wanted.attribute = {request.id, ::getpid(), shop.identity.boot_id, request.actor.uid, {}, {}};
  if (const auto* q = request.estimate.by.find(Resource::memory))
    wanted.attribute.memory_p99_bytes = static_cast<std::uint64_t>(q->p99);
  if (const auto* limit = request.limits.find(Resource::memory))
    wanted.attribute.memory_limit_bytes = static_cast<std::uint64_t>(limit->value);
  return shop.backend.create(wanted);
}

// The record says how the run was to be held; now it is held in another way.
void amend(const Workshop& shop, RunResult& result) {
  if (!result.recorded) return;
  if (auto amended = shop.store->amend(result.request); !amended)
    result.problems.push_back("the record still names the enforcement that was meant: " +
                              amended.error().message());
}

// `--mem auto` never stops a run: without a cgroup it goes on polled, and says so. Null: an
// explicit limit was asked for, and the run has ended.
std::unique_ptr<host::JobGroup> without_group(const RunOrder& order, const Workshop& shop,
                                              const Error& why, RunResult& result) {
  if (has_binding_limit(order, result.request.limits)) {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed,
                  why.message() + "; nothing was started");
    return nullptr;
  }
  result.remarks.push_back(why.message() + "; the run goes on without a cgroup, its limit polled");
  const auto none = host::make_none_backend(shop.roots);
  result.request.enforcement = host::enforcements(none->support());
  result.request.where.backend = none->name();
  result.request.where.cgroup.clear();
  result.request.where.memory_cgroup.clear();
  amend(shop, result);
  auto group = none->create(
      {result.request.id, result.request.limits, order.settings.oom_kills_job, {}, {}});
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
  if (has_binding_limit(order, result.request.limits)) {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed,
                  "the run cannot be recorded, and it has explicit limits: " + problem);
    return false;
  }
  result.problems.push_back("the run is NOT recorded: " + problem);
  return true;
}

// Kills what is left of the job, also what left its cgroup, and reads what was used.
host::GroupReport wind_up(const Workshop& shop, host::JobGroup& group, const NeedTracker& tracker,
                          const ChildMeter& meter, const std::vector<host::KnownProcess>& known,
                          const host::JobMark& mark) {
  auto report = group.finish();
  const auto escaped = reap_descendants(shop.roots, known, mark);
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

// A job that has left its cgroup was held by nothing from then on.
void disown_limits(const Supervision& seen, RunResult& result) {
  result.problems.push_back("the main process moved itself out of its cgroup, to " +
                            printable(seen.left_for) + ": its limits did not hold any more");
  result.request.limits.for_each([&](Resource resource, const Limit&) {
    const auto* how = result.request.enforcement.find(resource);
    if (how != nullptr && *how == Enforcement::kernel && resource != Resource::open_files)
      result.request.enforcement.set(resource, Enforcement::none);
  });
}

void conclude(const Supervision& seen, host::GroupReport report, const NeedTracker& tracker,
              const RunOrder& order, RunResult& result) {
  auto& ending = result.ending;
  ending.usage = std::move(report.usage);
  ending.usage.set(Metric::wall, seen.wall_seconds);
  const auto verdict = classify(seen, report.counters, result.request.limits, ending.usage);
  ending.outcome = verdict.outcome;
  ending.cause = verdict.cause;
  if (report.killed_leftovers > 0 && !seen.killed_for_memory && !seen.ended_by)
    ending.cause +=
        "; " + std::to_string(report.killed_leftovers) + " processes it left behind were killed";
  if (!seen.left_for.empty()) {
    ending.cause += "; its main process had left its cgroup: from then on nothing held its limits";
    disown_limits(seen, result);
  }
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

NeedTracker::Levels watched_levels(const RunOrder& order, const profiles::RunRequest& request) {
  NeedTracker::Levels levels;
  const auto* memory = request.limits.find(Resource::memory);
  if (memory == nullptr) return levels;
  const auto* how = request.enforcement.find(Resource::memory);
  if (how != nullptr && *how == Enforcement::polled) levels.polled_limit = memory->value;
  for (const auto& warning : order.settings.warnings)
    if (warning.memory_share) levels.warnings.push_back(*warning.memory_share * memory->value);
  return levels;
}

void run_to_end(const RunOrder& order, const Workshop& shop, host::JobGroup& group,
                const SignalGate& gate, RunResult& result) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const auto known = host::present_descendants(shop.roots);
  const ChildMeter meter(shop.roots, order.job.cwd);
  if (const int signal = gate.pending_stop(); signal != 0) {
    end_unstarted(result, Outcome::cancelled, exit_code::kSignalBase + signal,
                  "stopped by " + signal_name(signal) + " before it started");
    result.die_of = signal;
    return;
  }
  auto child = start_job(order, result.request, {shop.roots, group, gate});
  if (!child) {
    end_unstarted(result, Outcome::launch_failed, child.error().exit_code, child.error().cause);
    return;
  }
  group.set_main(child->pid);
  result.started = true;
  result.at.spawned = shop.clock.wall_ms();
  NeedTracker tracker(watched_levels(order, result.request));
  const SupervisorOrder watch{*child,
                              group,
                              result.request.limits,
                              result.request.enforcement,
                              order.settings,
                              shop.settings.grace_seconds,
                              gate,
                              shop.roots};
  auto seen = supervise(watch, tracker);
  auto report = wind_up(shop, group, tracker, meter, known,
                        {child->pid, "JOBWARD_RUN_ID=" + result.request.id});
  if (seen) {
    conclude(*seen, std::move(report), tracker, order, result);
    if (!seen->left_for.empty()) amend(shop, result);
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
  auto plan = preview(order, shop);
  result.request = std::move(plan.request);
  result.request.id = order.id;
  if (plan.plan.refusal) {
    end_unstarted(result, Outcome::refused, exit_code::kRefused, *plan.plan.refusal);
    return result;
  }
  if (plan.obstacle) {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed, *plan.obstacle);
    return result;
  }
  result.remarks = std::move(plan.remarks);

  const auto place = shop.backend.place(order.id);
  result.request.where.cgroup = place.directory;
  result.request.where.memory_cgroup = place.memory_directory;
  result.at.admitted = shop.clock.wall_ms();
  // Held from before the row is there until after it is closed.
  const auto lock = RunLock::take(shop.lock_directory, order.id);
  if (!accept_record(order, begin_problem(shop, lock, result), result)) return result;
  auto made = make_group(order, shop, result.request);
  const auto group = made ? std::move(*made) : without_group(order, shop, made.error(), result);
  if (!group) {
    record_end(shop, result);
    return result;
  }
  // A command that is not there needs no word about its limits. Before the spawn: a reader of
  // stderr that does not read must not keep us from supervising.
  if (host::can_be_found(order.job.argv[0])) {
    for (const auto& line : result.remarks)
      tell(line);
    if (plan.plan.guessed) tell(guess_line(result, plan.plan));
  }
  run_to_end(order, shop, *group, gate, result);
  record_end(shop, result);
  return result;
}

}  // namespace jobward::launcher
