#include "traces/observed.h"

namespace jobward::traces {

std::optional<Ending> ending_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return Ending::complete;
    case Outcome::memory_limit:
    case Outcome::aggregate_limit:
    case Outcome::system_oom:
      return Ending::at_memory_limit;
    case Outcome::launch_failed:
    case Outcome::not_admitted:
    case Outcome::refused:
    case Outcome::cancelled:
      return std::nullopt;
    case Outcome::failed:
    case Outcome::signaled:
    case Outcome::wall_limit:
    case Outcome::cpu_limit:
    case Outcome::pids_limit:
    case Outcome::stall_limit:
    case Outcome::stopped:
    case Outcome::watchdog_killed:
    case Outcome::supervisor_lost:
    case Outcome::verify_failed:
      break;
  }
  return Ending::early;
}

void observe(profiles::Observation& observation, Resource resource, std::optional<double> value,
             Ending ending) {
  if (!value) return;
  const bool censored = ending != Ending::complete;
  const bool at_limit = ending == Ending::at_memory_limit && resource == Resource::memory;
  observation.used.set(resource, {*value, censored, censored && !at_limit});
}

}  // namespace jobward::traces
