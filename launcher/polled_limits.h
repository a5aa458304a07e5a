// The limits that nobody but the supervisor holds: where there is no cgroup, or not the controller.
#pragma once

#include <optional>

#include "common/job_types.h"
#include "host/backends/backend.h"
#include "host/observe/kernel_roots.h"

namespace jobward::launcher {

// Absent: no such limit, or the kernel holds it.
struct PolledLimits {
  std::optional<double> memory;     // bytes
  std::optional<double> processes;  // how many
  [[nodiscard]] bool any() const { return memory || processes; }
  [[nodiscard]] bool is_over_memory(const host::MemorySample& sample) const;
  [[nodiscard]] bool is_over_processes(const host::MemorySample& sample) const;
};
PolledLimits polled_limits(const Limits& limits, const Enforcements& enforcement);

// What the kernel's OOM killer would do with --oom-kill=process.
void kill_largest(host::JobGroup& group, const host::KernelRoots& roots);

}  // namespace jobward::launcher
