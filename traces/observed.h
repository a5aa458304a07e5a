// How the end of a run bears on what was measured, by the rules of the launcher (classify() and
// observe() there). Private to traces/.
#pragma once

#include <optional>

#include "common/job_types.h"
#include "profiles/observation.h"

namespace jobward::traces {

enum class Ending {
  complete,         // what was measured is what it needed
  at_memory_limit,  // it needed more memory; of the rest at least what was measured
  early,            // it failed, or was ended for another reason: at least that, of all
};

// Absent: a run that never started.
std::optional<Ending> ending_of(Outcome outcome);

// Sets one resource, if there is a value.
void observe(profiles::Observation& observation, Resource resource, std::optional<double> value,
             Ending ending);

// A run needs memory: 0 bytes says that it was not measured.
inline std::optional<double> unless_zero(std::optional<double> value) {
  return value && *value > 0 ? value : std::nullopt;
}

}  // namespace jobward::traces
