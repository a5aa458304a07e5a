// Starting the job's main process as the run's request says, and what to say if that fails.
#pragma once

#include <string>

#include "host/backends/spawn.h"
#include "launcher/job_runner.h"
#include "launcher/signal_gate.h"

namespace jobward::launcher {

struct StartingPlace {
  const host::KernelRoots& roots;
  host::JobGroup& group;
  const SignalGate& gate;
};

struct StartFailure {
  int exit_code = 0;
  std::string cause;
};

tl::expected<host::Spawned, StartFailure> start_job(const RunOrder& order,
                                                    const profiles::RunRequest& request,
                                                    const StartingPlace& place);

}  // namespace jobward::launcher
