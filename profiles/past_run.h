// A run that is over, as a history tells it: that of the own store, a trace, or one that is
// imported. Data only.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/fingerprint.h"
#include "profiles/observation.h"

namespace jobward::profiles {

struct PastRun {
  std::string source;  // of an imported one: "nextflow", "sacct", "gnu-time", "csv"; empty: our own
  std::string id;      // what makes it the same run when its history is read again; empty: nothing
  std::string job;     // its kind, for people: the process of a workflow, the name of a program
  std::vector<std::string> command;  // where the history tells it; else empty
  Fingerprint fingerprint;           // an empty key: that level is not known
  Observation observation;
  std::optional<UnixMillis> submitted;
  std::optional<UnixMillis> started;
  std::optional<UnixMillis> finished;
  std::optional<double> requested_bytes;  // of memory, by the user; > 0
  bool history = false;                   // of a trace: learned, not scored
  std::size_t line = 0;                   // in its file, counted from 1; 0: it has none
};

// Gives a history's runs in its order, one a call; absent at the end.
using PastRuns = std::function<Result<std::optional<PastRun>>()>;

}  // namespace jobward::profiles
