// What a finished run taught, without its record. Data only.
#pragma once

#include <optional>
#include <string>

#include "common/clock.h"
#include "profiles/fingerprint.h"
#include "profiles/observation.h"

namespace jobward::profiles {

struct Lesson {
  std::string digest;       // the same run has the same one; of our own runs run_digest()
  std::string source;       // "nextflow", "sacct", "gnu-time", "csv", "profiles", "pruned"
  std::string job;          // its kind, for people
  Fingerprint fingerprint;  // an empty key: that level is not known
  Observation observation;
  std::optional<UnixMillis> finished;
};

// Of a run of Jobward's own, here or on another machine.
inline constexpr const char* kRunDigest = "run:";
inline std::string run_digest(const std::string& id) { return kRunDigest + id; }

}  // namespace jobward::profiles
