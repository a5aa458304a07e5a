// The watchdog as a program: what it holds for as long as it runs, and its loop.
#pragma once

#include "host/observe/kernel_roots.h"
#include "watchdog/config.h"
#include "watchdog/options.h"

namespace jobward::watchdog {

// Exit statuses (docs/watchdog.md).
inline constexpr int kNothingToDo = 0;
inline constexpr int kActed = 1;
inline constexpr int kCannot = 2;

int run_once(const Options& options, const Config& config, const host::KernelRoots& roots);
// Until SIGTERM or SIGINT; SIGHUP reads the configuration anew.
int run_daemon(const Options& options, const Config& config, const host::KernelRoots& roots);
// Starts the daemon in the background, unless it runs.
int ensure_daemon(const Options& options, const Config& config, const host::KernelRoots& roots);

}  // namespace jobward::watchdog
