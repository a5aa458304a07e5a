// What each limit becomes on a v1 hierarchy. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/job_types.h"
#include "host/backends/libcgroup_v1.h"

namespace jobward::host {

// The period over which a CPU quota is counted (kernel/sched/core.c: the default of both versions).
inline constexpr double kCpuPeriodUs = 100000;

// The values of the job's directory of this controller, in the order in which they must be written.
// `counts_swap`: the kernel has memory.memsw.*. cpuset also needs `memory_nodes`, its parent's.
libcgroup::Values v1_values(std::string_view controller, const Limits& limits, bool counts_swap,
                            const std::string& memory_nodes);

// Does any limit need this controller? memory and pids also measure: they are used whenever there.
bool v1_needs(std::string_view controller, const Limits& limits);

}  // namespace jobward::host
