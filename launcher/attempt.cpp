#include "launcher/attempt.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "common/exit_codes.h"
#include "common/fault.h"
#include "common/text.h"
#include "common/units.h"
#include "host/backends/backends.h"
#include "host/observe/process.h"
#include "launcher/admit.h"
#include "launcher/classify.h"
#include "launcher/elastic.h"
#include "launcher/endings.h"
#include "launcher/measure.h"
#include "launcher/need_tracker.h"
#include "launcher/start_job.h"
#include "launcher/supervisor.h"

namespace jobward::launcher {
namespace {

Result<std::unique_ptr<host::JobGroup>> make_group(const RunOrder& order, const Workshop& shop,
                                                   const profiles::RunRequest& request) {
  host::GroupRequest wanted{
      request.id, request.limits, order.settings.oom_kills_job, aggregate_bytes(shop), {}};
  wanted.attribute = {request.id, ::getpid(), shop.identity.boot_id, request.actor.uid, {}, {}};
  if (const auto* q = request.estimate.by.find(Resource::memory))
    wanted.attribute.memory_p99_bytes = static_cast<std::uint64_t>(q->p99);
  if (const auto* limit = request.limits.find(Resource::memory))
    wanted.attribute.memory_limit_bytes = static_cast<std::uint64_t>(limit->value);
  wanted.elastic = order.settings.elastic.has_value();
  return shop.backend.create(wanted);
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

// Kills what is left of the job, also what left its cgroup, and reads what was used.
host::GroupReport wind_up(const Workshop& shop, host::JobGroup& group, const NeedTracker& tracker,
                          const ChildMeter& meter, const std::vector<host::KnownProcess>& known,
                          const host::JobMark& mark) {
  auto report = group.finish();
  JOBWARD_FAULT(directories_removed);
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

// More for a job at its limit, reserved; or why there is no more.
tl::expected<double, std::string> grow(const RunOrder& order, const Workshop& shop, double limit,
                                       RunResult& result) {
  auto most = static_cast<double>(shop.snapshot.capacity());
  if (order.settings.elastic->cap_bytes) most = std::min(most, *order.settings.elastic->cap_bytes);
  if (const Limit* cap = shop.policy.caps.find(Resource::memory)) most = std::min(most, cap->value);
  const auto step = next_growth(limit, most);
  if (!step)
    return tl::unexpected("it has all that it may have, " + format_bytes(limit) +
                          (order.settings.elastic->cap_bytes == most
                               ? " (" + order.settings.elastic->source + ")"
                               : ""));
  if (!result.recorded)
    return tl::unexpected(std::string("the run is not recorded: nothing can be reserved for it"));
  auto granted = reserve_more(order, shop, step->least, step->wanted);
  if (granted) result.request.reservation.set(Resource::memory, *granted);
  return granted;
}

// Null: the limit is not elastic. One that was to be and cannot be held is a hard one, and that is
// said.
std::unique_ptr<Elastic> make_elastic(const RunOrder& order, const Workshop& shop,
                                      host::JobGroup& group, RunResult& result) {
  if (group.hold() == nullptr) return nullptr;
  auto begun = Elastic::begin(
      *group.hold(), [&](double limit) { return grow(order, shop, limit, result); },
      [&] { static_cast<void>(shop.backend.shelter(order.id)); });
  if (begun) return std::move(*begun);
  static_cast<void>(group.hold()->release());
  result.problems.push_back(host::not_elastic(begun.error()));
  return nullptr;
}

std::string raises_words(const std::vector<profiles::Raise>& raises) {
  return "; its memory limit was raised while it ran, from " + format_bytes(raises.front().from) +
         " to " + format_bytes(raises.back().to);
}

// What became of an elastic limit besides its raises.
struct ElasticEnd {
  std::string no_more;  // why it was not raised any more; empty: it was, or needed not be
  bool may_have_failed_calls = false;
};

// Takes that over and ends the guardian: nothing is held any more.
ElasticEnd end_elastic(std::unique_ptr<Elastic> elastic, host::JobGroup& group, RunResult& result) {
  if (!elastic) return {};
  if (const auto last = group.sample()) elastic->look_back(*last);
  result.ending.raises = elastic->raises();
  const auto& problems = elastic->problems();
  result.problems.insert(result.problems.end(), problems.begin(), problems.end());
  return {elastic->refusal(), elastic->may_have_failed_calls()};
}

void tell_of_elastic(const ElasticEnd& elastic, RunResult& result) {
  auto& ending = result.ending;
  if (!ending.raises.empty()) ending.cause += raises_words(ending.raises);
  if (!elastic.no_more.empty()) ending.cause += "; it was given no more: " + elastic.no_more;
  if (elastic.may_have_failed_calls && ending.outcome != Outcome::memory_limit)
    result.problems.emplace_back(
        "the job was at its memory limit before that was raised: a system call of it may have "
        "failed there (EFAULT, ENOMEM) or been cut short, as cgroup v1 cannot hold those");
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
  // A disk that has more room afterwards took nothing from this run.
  if (const auto growth = usage.get(Metric::disk_growth))
    take(Resource::disk_growth, std::max(*growth, 0.0), verdict.wall_censored);
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
              const RunOrder& order, const ElasticEnd& elastic, RunResult& result) {
  auto& ending = result.ending;
  ending.usage = std::move(report.usage);
  ending.usage.set(Metric::wall, seen.wall_seconds);
  auto limits = result.request.limits;
  if (!ending.raises.empty()) {
    Limit raised = *limits.find(Resource::memory);
    raised.value = ending.raises.back().to;
    limits.set(Resource::memory, std::move(raised));
  }
  const auto verdict = classify(seen, report.counters, limits, ending.usage);
  ending.outcome = verdict.outcome;
  ending.cause = verdict.cause;
  tell_of_elastic(elastic, result);
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
  ending.watchdog = seen.mark;
  ending.curve = tracker.curve();
  ending.observation = observe(result, verdict);
  ending.digests = digest_files("output", order.outputs);
  result.die_of = verdict.die_of;
  if (!seen.problem.empty()) result.problems.push_back(seen.problem);
  result.problems.insert(result.problems.end(), report.problems.begin(), report.problems.end());
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
                const SignalGate& gate, const RunHooks& hooks, RunResult& result) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Before the others below us are listed: its guardian is one of them.
  auto elastic = make_elastic(order, shop, group, result);
  const auto known = host::present_descendants(shop.roots);
  const ChildMeter meter(shop.roots, order.job.cwd);
  if (const int signal = gate.pending_stop(); signal != 0) {
    end_unstarted(result, Outcome::cancelled, exit_code::kSignalBase + signal,
                  "stopped by " + signal_name(signal) + " before it started");
    result.die_of = signal;
    return;
  }
  if (hooks.last_word && result.request.attempt == 1)
    if (auto refusal = hooks.last_word()) {
      end_unstarted(result, Outcome::refused, exit_code::kRefused, std::move(*refusal));
      return;
    }
  if (hooks.starting) hooks.starting();
  JOBWARD_FAULT(spawning);
  auto child = start_job(order, result.request, {shop.roots, group, gate});
  if (!child) {
    end_unstarted(result, Outcome::launch_failed, child.error().exit_code, child.error().cause);
    return;
  }
  JOBWARD_FAULT(spawned);
  group.set_main(child->pid);
  result.started = true;
  if (hooks.started) hooks.started();
  result.at.spawned = shop.clock.wall_ms();
  NeedTracker tracker(watched_levels(order, result.request));
  const SupervisorOrder watch{*child,
                              group,
                              result.request.limits,
                              result.request.enforcement,
                              order.settings,
                              shop.settings.grace_seconds,
                              gate,
                              shop.roots,
                              LogCap(order.log_files, shop.settings.log_bytes),
                              elastic.get()};
  auto seen = supervise(watch, tracker);
  const auto elastic_end = end_elastic(std::move(elastic), group, result);
  auto report = wind_up(shop, group, tracker, meter, known,
                        {child->pid, "JOBWARD_RUN_ID=" + result.request.id});
  if (seen) {
    seen->mark = report.mark;
    if (report.mark)
      seen->since_mark = static_cast<double>(shop.clock.wall_ms() - report.mark->time_ms) / 1000;
    conclude(*seen, std::move(report), tracker, order, elastic_end, result);
    if (!seen->left_for.empty()) amend(shop, result);
  } else {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed,
                  "supervision broke down and the job was killed: " + seen.error().message());
    result.ending.usage = std::move(report.usage);
  }
}

// What is kept of this start beside the ending, which is that of the last.
void note_attempt(RunResult& result) {
  const auto& ending = result.ending;
  profiles::Attempt out;
  out.number = result.request.attempt;
  if (const auto* limit = result.request.limits.find(Resource::memory))
    out.memory_limit = ending.raises.empty() ? limit->value : ending.raises.back().to;
  if (const auto* limit = result.request.limits.find(Resource::wall)) out.wall_limit = limit->value;
  out.outcome = ending.outcome;
  out.cause = ending.cause;
  out.memory_peak = ending.usage.get(Metric::memory_peak);
  if (!out.memory_peak) out.memory_peak = ending.usage.get(Metric::memory_need);
  out.wall = ending.usage.get(Metric::wall);
  result.ending.attempts.push_back(std::move(out));
}

}  // namespace

bool run_attempt(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                 const RunHooks& hooks, RunResult& result) {
  auto made = make_group(order, shop, result.request);
  const auto group = made ? std::move(*made) : without_group(order, shop, made.error(), result);
  if (!group) return false;
  JOBWARD_FAULT(group_made);
  // A command that is not there needs no word about its limits. Before the spawn: a reader of
  // stderr that does not read must not keep us from supervising.
  if (host::can_be_found(order.job.argv[0]))
    for (const auto& line : std::exchange(result.untold, {}))
      hooks.tell(line);
  const bool before = std::exchange(result.started, false);
  run_to_end(order, shop, *group, gate, hooks, result);
  const bool started = result.started;
  result.started = before || started;
  if (started) note_attempt(result);
  return started;
}

}  // namespace jobward::launcher
