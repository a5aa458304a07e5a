// Threads with a small stack: what is locked counts against what an ordinary user may lock (8 MiB),
// and the usual stack is as large as that.
#pragma once

#include <pthread.h>

#include <string>

#include "common/result.h"

namespace jobward::watchdog {

// Joinable, with the signals blocked that are blocked now. `purpose` is for the error: "writes the
// journal".
Result<pthread_t> start_thread(const std::string& purpose, void* (*run)(void*), void* argument);

}  // namespace jobward::watchdog
