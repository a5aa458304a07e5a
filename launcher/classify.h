// How a run ended, from what was counted. Pure. 137 alone never proves anything.
#pragma once

#include <optional>
#include <string>

#include "common/job_types.h"
#include "common/kill_mark.h"
#include "host/backends/backend.h"

namespace jobward::launcher {

// What the supervisor saw and did.
struct Supervision {
  ExitStatus main;
  double wall_seconds = 0;
  // The limit on time (wall, cpu_time, stall) at which jobward ended the job.
  std::optional<Resource> ended_by;
  bool killed_for_memory = false;     // at the memory limit, by the supervisor (event or polled)
  bool killed_for_processes = false;  // at the polled limit of processes, by the supervisor
  std::string left_for;           // the cgroups that the main process moved itself to, if it did
  bool died_before_exec = false;  // killed before the program was loaded
  std::string problem;            // that the supervisor had, for people; empty: none
  std::optional<unsigned> stop_request;  // the uid of whoever asked by `jobward stop`
  std::optional<int> stop_signal;  // INT, TERM, HUP or QUIT that the supervisor itself was sent
  std::optional<KillMark> mark;    // the watchdog had chosen the job
  double since_mark = 0;           // seconds from the mark to the end
};

struct Classification {
  Outcome outcome = Outcome::ok;
  std::string cause;          // in words: which limit, its value, the peak, who killed
  int exit_code = 0;          // for scripts: the job's own, 124, 137, 128+n
  bool from_job = true;       // exit_source: job or jobward
  std::optional<int> signal;  // that ended the main process
  // INT, QUIT, TERM, HUP: the supervisor ends itself the same way, so that shell loops end as they
  // should.
  std::optional<int> die_of;
  // The need is only known to be larger than what was measured.
  bool memory_censored = false;
  bool wall_censored = false;
  bool ended_early = false;  // not at a memory limit: see profiles::Observed
};

Classification classify(const Supervision& seen, const host::LimitCounters& counters,
                        const Limits& limits, const Usage& usage);

// How much memory was left and how large the job was, as the watchdog saw it.
std::string mark_words(const KillMark& mark);

// "SIGKILL", or "signal 42" where it has no name.
std::string signal_name(int signal);

}  // namespace jobward::launcher
