// Running an audit as a run of its own.
#pragma once

#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"

namespace jobward::cli {

struct AuditEnd {
  std::string run;
  std::string outcome;
  int exit_code = 0;
  bool started = false;
  bool recorded = false;
  std::string cause;
  UnixMillis started_ms = 0;
  UnixMillis ended_ms = 0;
  std::string stdout_sha256;
};

// `jobward run --name NAME -- ARGV` by this very executable: the same limits, the same policy, on
// record. Its standard output goes on to ours, hashed on the way.
Result<AuditEnd> run_audit(const std::string& name, const std::vector<std::string>& argv);

}  // namespace jobward::cli
