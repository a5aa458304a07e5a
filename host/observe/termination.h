// Ending processes that are named for certain, without allocation. Everything returns at once
// unless told to wait.
#pragma once

#include "common/fd.h"

namespace jobward::host {

// A pidfd; not valid: errno says why (ESRCH: there is no such process).
Fd open_process(int pid);
// False: errno says why.
bool signal_process(const Fd& pidfd, int signal);
// Has it exited? Waits up to so long.
bool has_exited(const Fd& pidfd, int timeout_ms);
// process_mrelease(2) (Linux 5.15): gives back the memory of a process with a pending SIGKILL at
// once, also where that process cannot run. False where the kernel lacks it, or it is gone already.
bool release_memory(const Fd& pidfd);
// cgroup.kill (v2, Linux 5.14): SIGKILL to all in it and below, no fork escapes. False: errno says
// why.
bool kill_cgroup(int directory);

}  // namespace jobward::host
