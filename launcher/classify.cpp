#include "launcher/classify.h"

#include <signal.h>

#include <algorithm>
#include <cstring>

#include "common/exit_codes.h"
#include "common/units.h"

namespace jobward::launcher {
namespace {

bool ends_supervisor_too(int signal) {
  return signal == SIGINT || signal == SIGQUIT || signal == SIGTERM || signal == SIGHUP;
}

// Less than the C library and its loader take (bytes).
constexpr double kSmallestLoad = 1U << 20U;

std::string peak_words(const Usage& usage) {
  const auto peak = usage.get(Metric::memory_peak);
  const auto need = usage.get(Metric::memory_need);
  if (peak) return "peak " + format_bytes(*peak);
  if (need) return "peak " + format_bytes(*need) + " as polled";
  return "peak not measured";
}

void end_by_job(Classification& out, const ExitStatus& main) {
  out.from_job = true;
  if (main.signal == 0) {
    out.exit_code = main.code;
    return;
  }
  out.exit_code = exit_code::kSignalBase + main.signal;
  out.signal = main.signal;
  if (ends_supervisor_too(main.signal)) out.die_of = main.signal;
}

void end_by_limit(Classification& out, const ExitStatus& main, int code) {
  out.from_job = false;
  out.exit_code = code;
  if (main.signal != 0) out.signal = main.signal;
}

Classification memory_end(const Supervision& seen, const host::LimitCounters& counters,
                          const Limits& limits, const Usage& usage) {
  Classification out;
  out.memory_censored = true;
  out.wall_censored = true;
  const Limit* limit = limits.find(Resource::memory);
  // Where an enclosing limit was hit the supervisor kills the rest of the job as well.
  const bool own = limit != nullptr && (counters.own_limit_hits > 0 ||
                                        (seen.killed_for_memory && counters.ancestor.empty()));
  // One process or several where the job was to go on (--oom-kill=process).
  const std::string killer =
      seen.killed_for_memory && counters.kills == 0 ? "jobward ended it"
      : seen.killed_for_memory || seen.main.signal == SIGKILL
          ? "the kernel's OOM killer ended it"
          : "the kernel's OOM killer ended " + std::to_string(counters.kills) +
                (counters.kills == 1 ? " process of it" : " processes of it");
  if (own && (seen.died_before_exec || limit->value < kSmallestLoad)) {
    out.outcome = Outcome::memory_limit;
    out.cause = "the memory limit of " + format_bytes(limit->value) + " (" + limit->source +
                ") is too small to start a program (" + peak_words(usage) + " by then); " + killer +
                (seen.died_before_exec ? " before it was loaded" : "");
  } else if (own) {
    out.outcome = Outcome::memory_limit;
    out.cause = "the job reached its memory limit of " + format_bytes(limit->value) + " (" +
                limit->source + "; " + peak_words(usage) + ") and " + killer;
  } else if (!counters.ancestor.empty()) {
    out.outcome = Outcome::aggregate_limit;
    const std::string amount =
        counters.ancestor_limit
            ? " of " + format_bytes(static_cast<double>(*counters.ancestor_limit))
            : std::string();
    out.cause = (counters.aggregate
                     ? "all jobs together reached the cap" + amount + " on " + counters.ancestor
                     : "the memory limit" + amount + " of the enclosing cgroup " +
                           counters.ancestor + " was reached") +
                ", not the job's own limit (" + peak_words(usage) + "), and " + killer;
  } else {
    out.outcome = Outcome::system_oom;
    out.cause = "the machine ran out of memory, the job had not reached a limit of its own (" +
                peak_words(usage) + "), and " + killer;
  }
  if (seen.main.signal == SIGKILL) {
    end_by_limit(out, seen.main, exit_code::kSignalBase + SIGKILL);
  } else {
    end_by_job(out, seen.main);
    out.cause += seen.killed_for_memory
                     ? "; its main process had already ended by itself"
                     : "; its main process went on to its own end (" +
                           (seen.main.signal == 0 ? "exit status " + std::to_string(seen.main.code)
                                                  : signal_name(seen.main.signal)) +
                           ")";
  }
  return out;
}

// At a limit on time.
Classification time_end(const Supervision& seen, const Limits& limits) {
  Classification out;
  const Limit* limit = limits.find(*seen.ended_by);
  const std::string amount =
      limit == nullptr ? "" : format_duration(limit->value) + " (" + limit->source + ")";
  switch (*seen.ended_by) {
    case Resource::cpu_time:
      out.outcome = Outcome::cpu_limit;
      out.cause = "the job used up its CPU time of " + amount;
      break;
    case Resource::stall:
      out.outcome = Outcome::stall_limit;
      out.cause = "the job did nothing for " + amount + ": no CPU time, no I/O and no output;";
      break;
    default:
      out.outcome = Outcome::wall_limit;
      out.cause = "the job reached its wall limit of " + amount;
  }
  out.cause += *seen.ended_by == Resource::stall ? " jobward ended it" : " and jobward ended it";
  out.memory_censored = out.wall_censored = out.ended_early = true;
  end_by_limit(out, seen.main, exit_code::kTimeLimit);
  return out;
}

// The kernel refuses a fork and the job decides what to do about it; polled, jobward ends the job.
Classification processes_end(const Supervision& seen, const host::LimitCounters& counters,
                             const Limits& limits) {
  Classification out;
  out.outcome = Outcome::pids_limit;
  out.memory_censored = out.wall_censored = out.ended_early = true;
  const Limit* limit = limits.find(Resource::processes);
  const std::string amount =
      limit == nullptr ? std::string() : format_quantity(Unit::count, limit->value) + " ";
  out.cause = "the job reached its limit of " + amount + "processes" +
              (limit == nullptr ? "" : " (" + limit->source + ")");
  if (seen.killed_for_processes && seen.main.signal == SIGKILL) {
    out.cause += " and jobward ended it";
    end_by_limit(out, seen.main, exit_code::kSignalBase + SIGKILL);
    return out;
  }
  end_by_job(out, seen.main);
  if (counters.refused_forks > 0)
    out.cause += ": the kernel refused " + std::to_string(counters.refused_forks) +
                 (counters.refused_forks == 1 ? " more" : " times to start more");
  return out;
}

// `jobward stop`: whatever the job made of the TERM.
Classification stop_end(const Supervision& seen) {
  Classification out;
  out.outcome = Outcome::stopped;
  out.cause = "stopped by `jobward stop` (uid " + std::to_string(*seen.stop_request) + ")";
  out.memory_censored = out.wall_censored = out.ended_early = true;
  if (seen.main.signal == 0) {
    end_by_job(out, seen.main);
    out.cause += "; its main process answered with exit status " + std::to_string(seen.main.code);
  } else {
    end_by_limit(out, seen.main, exit_code::kSignalBase + seen.main.signal);
    if (seen.main.signal == SIGKILL) out.cause += "; it did not end by TERM and was killed";
  }
  return out;
}

// Did the job end because of the signal that somebody sent to stop it? Shells and make report it as
// 128+n.
bool ended_by_stop(const Supervision& seen) {
  return seen.stop_signal && (seen.main.signal == *seen.stop_signal ||
                              seen.main.code == exit_code::kSignalBase + *seen.stop_signal);
}

// A job that ended by itself later than this (seconds) after the mark was not ended because of it:
// the watchdog itself was ended before its signal. Far more than any sensible grace.
constexpr double kMarkHolds = 600;

// The watchdog's signal, or the end that the job made of it. Limits of its own and whoever stopped
// it go first, and so does a kernel that did not wait for the end of the grace.
bool ended_by_watchdog(const Supervision& seen, const host::LimitCounters& counters) {
  if (!seen.mark || seen.ended_by || seen.stop_request || seen.killed_for_memory ||
      seen.killed_for_processes || ended_by_stop(seen))
    return false;
  const int signal = seen.main.signal;
  if (counters.kills > 0 && signal != SIGTERM) return false;
  // Late, but of that SIGTERM all the same; shells report it as 143.
  if (seen.mark->spared)
    return signal == SIGTERM || seen.main.code == exit_code::kSignalBase + SIGTERM;
  return signal == SIGTERM || signal == SIGKILL || seen.since_mark <= kMarkHolds;
}

Classification watchdog_end(const Supervision& seen) {
  Classification out;
  out.outcome = Outcome::watchdog_killed;
  out.memory_censored = out.wall_censored = out.ended_early = true;
  out.cause =
      "the watchdog ended it: " + mark_words(*seen.mark) + " (see `jobward history --watchdog`)";
  const int signal = seen.main.signal;
  if (signal == SIGTERM || signal == SIGKILL) {
    end_by_limit(out, seen.main, exit_code::kSignalBase + signal);
    if (signal == SIGKILL && seen.mark->level == KillLevel::term)
      out.cause += "; it did not end by TERM and was killed";
    return out;
  }
  end_by_job(out, seen.main);
  out.cause +=
      "; its main process answered with " +
      (signal == 0 ? "exit status " + std::to_string(seen.main.code) : signal_name(signal));
  return out;
}

// Whatever the watchdog did.
Classification other_end(const Supervision& seen, const host::LimitCounters& counters,
                         const Limits& limits, const Usage& usage) {
  if (seen.stop_request && !seen.killed_for_memory) return stop_end(seen);
  // With --oom-kill=process the job may have gone on after a kill, to its end by another limit.
  if (seen.killed_for_memory || (counters.kills > 0 && !seen.ended_by))
    return memory_end(seen, counters, limits, usage);
  if (seen.ended_by) return time_end(seen, limits);
  const bool refused = counters.refused_forks > 0 && limits.contains(Resource::processes);
  if (seen.killed_for_processes || (refused && !ended_by_stop(seen)))
    return processes_end(seen, counters, limits);
  Classification out;
  end_by_job(out, seen.main);
  if (ended_by_stop(seen)) {
    out.outcome = Outcome::stopped;
    out.cause = "stopped by " + signal_name(*seen.stop_signal);
    out.memory_censored = out.wall_censored = out.ended_early = true;
  } else if (seen.main.signal != 0) {
    out.outcome = Outcome::signaled;
    out.cause = "killed by " + signal_name(seen.main.signal);
    if (seen.main.signal == SIGKILL)
      out.cause += ", not by jobward and not for memory (no OOM kill was counted)";
    out.memory_censored = out.wall_censored = out.ended_early = true;
  } else if (seen.main.code != 0) {
    out.outcome = Outcome::failed;
    out.cause = "exit status " + std::to_string(seen.main.code);
    // It may have failed early: three usage errors must not teach that a training run needs 8 MiB.
    out.memory_censored = out.wall_censored = out.ended_early = true;
  } else {
    out.outcome = Outcome::ok;
    out.cause = "exit status 0";
    // Asked to stop, it may have ended well before its time.
    if (seen.stop_signal) out.memory_censored = out.wall_censored = out.ended_early = true;
  }
  return out;
}

}  // namespace

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

std::string mark_words(const KillMark& mark) {
  const auto bytes = [](std::uint64_t value) { return format_bytes(static_cast<double>(value)); };
  std::string out =
      mark.available ? bytes(*mark.available) + " of memory were left" : "memory was short";
  if (mark.threshold) out += " (threshold " + bytes(*mark.threshold) + ")";
  out += " and this job was the largest";
  if (mark.size) out += " with " + bytes(*mark.size);
  if (mark.spared) out += "; memory came back meanwhile, and it was left alone";
  return out;
}

Classification classify(const Supervision& seen, const host::LimitCounters& counters,
                        const Limits& limits, const Usage& usage) {
  if (ended_by_watchdog(seen, counters)) return watchdog_end(seen);
  auto out = other_end(seen, counters, limits, usage);
  if (seen.mark)
    out.cause += "; the watchdog had chosen it " + format_duration(std::max(0.0, seen.since_mark)) +
                 " before: " + mark_words(*seen.mark);
  return out;
}

}  // namespace jobward::launcher
