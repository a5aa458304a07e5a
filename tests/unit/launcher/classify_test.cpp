#include "launcher/classify.h"

#include <signal.h>

#include <catch2/catch.hpp>

using namespace jobward;
using namespace jobward::launcher;
using Catch::Contains;
using host::LimitCounters;

namespace {

constexpr double kMiB = 1048576;

Limits memory_limit() {
  Limits limits;
  limits.set(Resource::memory, {100 * kMiB, "--mem"});
  limits.set(Resource::wall, {90, "--time"});
  return limits;
}
Usage peak_usage() {
  Usage usage;
  usage.set(Metric::memory_peak, 99 * kMiB);
  return usage;
}

Supervision exited(int code) {
  Supervision seen;
  seen.main.code = code;
  return seen;
}
Supervision died(int signal) {
  Supervision seen;
  seen.main.signal = signal;
  return seen;
}
LimitCounters oom(std::uint64_t hits, std::uint64_t kills, const std::string& ancestor = "") {
  LimitCounters out;
  out.own_limit_hits = hits;
  out.kills = kills;
  out.ancestor = ancestor;
  return out;
}

Classification classified(const Supervision& seen, const LimitCounters& counters = {}) {
  const auto out = classify(seen, counters, memory_limit(), peak_usage());
  CHECK(!out.cause.empty());
  return out;
}

void check_from_job(const Classification& out, Outcome outcome, int code) {
  CHECK(out.outcome == outcome);
  CHECK(out.exit_code == code);
  CHECK(out.from_job);
}
void check_from_jobward(const Classification& out, Outcome outcome, int code) {
  CHECK(out.outcome == outcome);
  CHECK(out.exit_code == code);
  CHECK(!out.from_job);
  CHECK(!out.die_of);
}

}  // namespace

TEST_CASE("classify: A job that exits with 0 is ok and a full measurement") {
  const auto out = classified(exited(0));
  check_from_job(out, Outcome::ok, 0);
  CHECK(!out.signal);
  CHECK(!out.die_of);
  CHECK(!out.memory_censored);
  CHECK(!out.wall_censored);
}

TEST_CASE("classify: A job that fails keeps its exit status, also those that jobward uses itself") {
  for (const int code : {1, 2, 42, 75, 77, 124, 125, 126, 127, 128, 130, 137, 143, 255}) {
    const auto out = classified(exited(code));
    check_from_job(out, Outcome::failed, code);
    CHECK_THAT(out.cause, Contains(std::to_string(code)));
    CHECK(!out.signal);
    CHECK(!out.die_of);
    CHECK(out.memory_censored);
  }
}

TEST_CASE("classify: 137 from the job itself is not an out-of-memory end") {
  check_from_job(classified(exited(137)), Outcome::failed, 137);
  // Not even where the limit was touched, as long as nothing was killed for it.
  check_from_job(classified(exited(137), oom(3, 0)), Outcome::failed, 137);
}

TEST_CASE("classify: A KILL from somebody is not an out-of-memory end either") {
  const auto out = classified(died(SIGKILL));
  check_from_job(out, Outcome::signaled, 137);
  CHECK(out.signal == SIGKILL);
  CHECK(!out.die_of);
  CHECK_THAT(out.cause, Contains("SIGKILL") && Contains("not for memory"));
}

TEST_CASE("classify: A job that a signal ended gives 128 + n and names it") {
  for (const int signal : {SIGSEGV, SIGABRT, SIGUSR1, SIGPIPE}) {
    const auto out = classified(died(signal));
    check_from_job(out, Outcome::signaled, 128 + signal);
    CHECK(out.signal == signal);
    CHECK(!out.die_of);
    CHECK(out.memory_censored);
    CHECK(out.wall_censored);
    CHECK_THAT(out.cause, Contains(signal_name(signal)));
  }
}

TEST_CASE("classify: A job that dies of INT, QUIT, TERM or HUP takes the supervisor along") {
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) {
    const auto out = classified(died(signal));
    check_from_job(out, Outcome::signaled, 128 + signal);
    CHECK(out.die_of == signal);
  }
}

TEST_CASE("classify: A job that ends by the signal that the supervisor got was stopped") {
  for (const int signal : {SIGINT, SIGTERM}) {
    Supervision seen = died(signal);
    seen.stop_signal = signal;
    const auto out = classified(seen);
    check_from_job(out, Outcome::stopped, 128 + signal);
    CHECK(out.die_of == signal);
    CHECK(out.memory_censored);
    CHECK(out.wall_censored);
    CHECK_THAT(out.cause, Contains(signal_name(signal)));
    Supervision shell = exited(128 + signal);
    shell.stop_signal = signal;
    check_from_job(classified(shell), Outcome::stopped, 128 + signal);
  }
}

TEST_CASE("classify: A job that ends otherwise after a signal was not stopped by it") {
  Supervision seen = exited(0);
  seen.stop_signal = SIGTERM;
  check_from_job(classified(seen), Outcome::ok, 0);
  seen.main.code = 3;
  check_from_job(classified(seen), Outcome::failed, 3);
  seen.main = {0, SIGSEGV};
  check_from_job(classified(seen), Outcome::signaled, 128 + SIGSEGV);
}

TEST_CASE(
    "classify: A kill at the job's own limit names the limit, its source, the peak, the killer") {
  const auto out = classified(died(SIGKILL), oom(4, 1));
  check_from_jobward(out, Outcome::memory_limit, 137);
  CHECK(out.signal == SIGKILL);
  CHECK(out.memory_censored);
  CHECK(out.wall_censored);
  CHECK_THAT(out.cause, Contains("100 MiB") && Contains("--mem") && Contains("peak 99.0 MiB"));
  CHECK_THAT(out.cause, Contains("the kernel's OOM killer"));
}

TEST_CASE("classify: Where the supervisor held the limit it says that jobward ended the job") {
  Supervision seen = died(SIGKILL);
  seen.killed_for_memory = true;
  const auto out = classified(seen);
  check_from_jobward(out, Outcome::memory_limit, 137);
  CHECK_THAT(out.cause, Contains("jobward") && !Contains("kernel"));
}

TEST_CASE("classify: A main process that had ended by itself keeps its status, the outcome tells") {
  const auto out = classified(exited(0), oom(1, 1));
  check_from_job(out, Outcome::memory_limit, 0);
  CHECK(!out.signal);
  CHECK(out.memory_censored);
  CHECK_THAT(out.cause, Contains("1 process of it") && Contains("exit status 0"));
}

TEST_CASE("classify: A kill at an enclosing limit names the cgroup") {
  const auto out = classified(died(SIGKILL), oom(0, 1, "/jobward/parent"));
  check_from_jobward(out, Outcome::aggregate_limit, 137);
  CHECK(out.memory_censored);
  CHECK_THAT(out.cause, Contains("/jobward/parent") && Contains("peak 99.0 MiB"));
}

TEST_CASE("classify: The job's own limit goes before an enclosing one") {
  CHECK(classified(died(SIGKILL), oom(2, 1, "/p")).outcome == Outcome::memory_limit);
}

TEST_CASE("classify: A kill without any limit reached is the machine's") {
  const auto out = classified(died(SIGKILL), oom(0, 1));
  check_from_jobward(out, Outcome::system_oom, 137);
  CHECK(out.memory_censored);
  CHECK_THAT(out.cause, Contains("machine") && Contains("peak 99.0 MiB"));
}

TEST_CASE("classify: A run without a memory limit never ends at one") {
  const auto out = classify(died(SIGKILL), oom(3, 1), {}, {});
  CHECK(out.outcome == Outcome::system_oom);
  CHECK_THAT(out.cause, Contains("not measured"));
}

TEST_CASE("classify: The wall limit gives 124 whatever the job did of it, and names the limit") {
  for (Supervision seen : {died(SIGTERM), died(SIGKILL), exited(0), exited(3)}) {
    seen.ended_by = Resource::wall;
    const auto out = classified(seen);
    check_from_jobward(out, Outcome::wall_limit, 124);
    CHECK(out.memory_censored);
    CHECK(out.wall_censored);
    CHECK_THAT(out.cause, Contains("90.0 s") && Contains("--time") && Contains("jobward"));
    CHECK(out.signal.value_or(0) == seen.main.signal);
  }
}

TEST_CASE("classify: 124 from the job itself is not a wall limit") {
  CHECK(classified(exited(124)).outcome == Outcome::failed);
}

TEST_CASE("classify: Signals have their names, or their number where they have none") {
  CHECK(signal_name(SIGKILL) == "SIGKILL");
  CHECK(signal_name(SIGINT) == "SIGINT");
  CHECK(signal_name(42) == "signal 42");
}

TEST_CASE("classify: CPU time and stalls end a run as the wall clock does, under their own name") {
  Limits limits;
  limits.set(Resource::cpu_time, {60, "--cpu-time", LimitOrigin::asked, {}});
  limits.set(Resource::stall, {1200, "--stall", LimitOrigin::asked, {}});
  Supervision seen = died(SIGTERM);
  seen.ended_by = Resource::cpu_time;
  auto out = classify(seen, {}, limits, {});
  CHECK(out.outcome == Outcome::cpu_limit);
  CHECK(out.exit_code == 124);
  CHECK(!out.from_job);
  CHECK_THAT(out.cause, Catch::Contains("60.0 s (--cpu-time)"));
  seen.ended_by = Resource::stall;
  out = classify(seen, {}, limits, {});
  CHECK(out.outcome == Outcome::stall_limit);
  CHECK_THAT(out.cause, Catch::Contains("20m00s") && Catch::Contains("no output"));
}

TEST_CASE("classify: A refused fork names the limit of processes, and the status stays the job's") {
  Limits limits;
  limits.set(Resource::processes, {20, "--pids", LimitOrigin::asked, {}});
  LimitCounters counters;
  counters.refused_forks = 3;
  const auto out = classify(exited(254), counters, limits, {});
  CHECK(out.outcome == Outcome::pids_limit);
  CHECK(out.exit_code == 254);
  CHECK(out.from_job);
  CHECK_THAT(out.cause,
             Catch::Contains("20 processes (--pids)") && Catch::Contains("refused 3 times"));
}

TEST_CASE("classify: A polled limit of processes ends the job by jobward's hand") {
  Supervision seen = died(SIGKILL);
  seen.killed_for_processes = true;
  const auto out = classified(seen);
  CHECK(out.outcome == Outcome::pids_limit);
  CHECK(out.exit_code == 137);
  CHECK(!out.from_job);
}

TEST_CASE("classify: All jobs together at their cap are told from an enclosing limit") {
  LimitCounters counters = oom(0, 1, "/jobward-0");
  counters.aggregate = true;
  const auto out = classified(died(SIGKILL), counters);
  CHECK(out.outcome == Outcome::aggregate_limit);
  CHECK_THAT(out.cause, Catch::Contains("all jobs together") && Catch::Contains("/jobward-0"));
}

TEST_CASE("classify: A limit too small to load the program is said to be that") {
  Supervision seen = died(SIGKILL);
  seen.died_before_exec = true;
  Limits limits;
  limits.set(Resource::memory, {4096, "--mem", LimitOrigin::asked, {}});
  const auto out = classify(seen, oom(1, 1), limits, {});
  CHECK(out.outcome == Outcome::memory_limit);
  CHECK_THAT(out.cause, Catch::Contains("too small to start"));
}

TEST_CASE("classify: A job that outlived the kill of one process and then its time ended by time") {
  Supervision seen = died(SIGTERM);
  seen.ended_by = Resource::wall;
  CHECK(classified(seen, oom(1, 1)).outcome == Outcome::wall_limit);
}

namespace {

Supervision marked(Supervision seen, double since = 0.2) {
  seen.mark = KillMark{1500, KillLevel::term, 312 << 20, 400 << 20, 2048ULL << 20U};
  seen.since_mark = since;
  return seen;
}

void check_ended_early(const Classification& out) {
  CHECK(out.memory_censored);
  CHECK(out.wall_censored);
  CHECK(out.ended_early);
}

}  // namespace

TEST_CASE("classify: The watchdog's signal is told with what was left and how large the job was") {
  for (const int signal : {SIGTERM, SIGKILL}) {
    const auto out = classified(marked(died(signal)));
    check_from_jobward(out, Outcome::watchdog_killed, 128 + signal);
    CHECK(out.signal == signal);
    check_ended_early(out);
    CHECK_THAT(out.cause, Contains("312 MiB of memory were left (threshold 400 MiB)") &&
                              Contains("the largest with 2.00 GiB") &&
                              Contains("jobward history --watchdog"));
    CHECK((out.cause.find("did not end by TERM") != std::string::npos) == (signal == SIGKILL));
  }
  auto at_once = marked(died(SIGKILL));
  at_once.mark->level = KillLevel::kill;
  CHECK_THAT(classified(at_once).cause, !Contains("TERM"));
}

TEST_CASE("classify: What the watchdog did not note is not made up") {
  auto seen = marked(died(SIGTERM));
  seen.mark = KillMark{1500, KillLevel::term, {}, {}, {}};
  CHECK_THAT(classified(seen).cause,
             Contains("memory was short and this job was the largest (") && !Contains("threshold"));
}

TEST_CASE(
    "classify: A job that answers the watchdog by ending keeps its status, the outcome tells") {
  for (const int code : {0, 3, 143}) {
    const auto out = classified(marked(exited(code)));
    check_from_job(out, Outcome::watchdog_killed, code);
    CHECK(!out.signal);
    CHECK(!out.die_of);
    check_ended_early(out);
    CHECK_THAT(out.cause, Contains("answered with exit status " + std::to_string(code)));
  }
  const auto out = classified(marked(died(SIGSEGV)));
  check_from_job(out, Outcome::watchdog_killed, 128 + SIGSEGV);
  CHECK_THAT(out.cause, Contains("SIGSEGV"));
}

TEST_CASE("classify: A mark of long ago ends nobody who ends by himself, and is told") {
  const auto out = classified(marked(exited(0), 3 * 3600));
  check_from_job(out, Outcome::ok, 0);
  CHECK(!out.memory_censored);
  CHECK_THAT(out.cause, Contains("had chosen it 3h00m before"));
  CHECK(classified(marked(died(SIGKILL), 3 * 3600)).outcome == Outcome::watchdog_killed);
}

TEST_CASE("classify: A job that was left alone after SIGTERM ends as it does") {
  const auto spared = [](Supervision seen) {
    auto out = marked(std::move(seen), 30);
    out.mark->spared = true;
    return classified(out);
  };
  const auto good = spared(exited(0));
  CHECK(good.outcome == Outcome::ok);
  CHECK(good.cause.find("it was left alone") != std::string::npos);
  CHECK(spared(exited(3)).outcome == Outcome::failed);
  CHECK(spared(died(SIGSEGV)).outcome == Outcome::signaled);
  CHECK(spared(died(SIGKILL)).outcome == Outcome::signaled);
  // It took its time over that SIGTERM.
  CHECK(spared(died(SIGTERM)).outcome == Outcome::watchdog_killed);
  CHECK(spared(exited(143)).outcome == Outcome::watchdog_killed);
}

TEST_CASE("classify: Whoever ended the job before the watchdog could is named, the mark is told") {
  auto limited = marked(died(SIGKILL));
  limited.killed_for_memory = true;
  auto late = marked(died(SIGTERM));
  late.ended_by = Resource::wall;
  auto stopped = marked(died(SIGTERM));
  stopped.stop_request = 1000;
  auto interrupted = marked(died(SIGTERM));
  interrupted.stop_signal = SIGTERM;
  auto many = marked(died(SIGKILL));
  many.killed_for_processes = true;
  const std::vector<std::pair<Classification, Outcome>> ends{
      {classified(limited), Outcome::memory_limit},
      {classified(marked(died(SIGKILL)), oom(1, 1)), Outcome::memory_limit},
      {classified(marked(died(SIGKILL)), oom(0, 1)), Outcome::system_oom},
      {classified(late), Outcome::wall_limit},
      {classified(stopped), Outcome::stopped},
      {classified(interrupted), Outcome::stopped},
      {classified(many), Outcome::pids_limit}};
  for (const auto& [out, outcome] : ends) {
    CHECK(out.outcome == outcome);
    CHECK_THAT(out.cause, Contains("the watchdog had chosen it"));
  }
}

TEST_CASE(
    "classify: A job that outlived the loss of one process is the watchdog's if TERM ends it") {
  CHECK(classified(marked(died(SIGTERM)), oom(1, 1)).outcome == Outcome::watchdog_killed);
  LimitCounters counters;
  counters.refused_forks = 3;
  Limits limits;
  limits.set(Resource::processes, {20, "--pids", LimitOrigin::asked, {}});
  CHECK(classify(marked(died(SIGTERM)), counters, limits, {}).outcome == Outcome::watchdog_killed);
}
