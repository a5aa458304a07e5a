#include "launcher/polled_limits.h"

#include <signal.h>

#include <vector>

#include "common/log.h"
#include "host/backends/drain.h"
#include "host/observe/process.h"

namespace jobward::launcher {

bool PolledLimits::is_over_memory(const host::MemorySample& sample) const {
  return memory && static_cast<double>(sample.need()) > *memory;
}

bool PolledLimits::is_over_processes(const host::MemorySample& sample) const {
  return processes && sample.processes && *sample.processes > *processes;
}

PolledLimits polled_limits(const Limits& limits, const Enforcements& enforcement) {
  const auto value = [&](Resource resource) -> std::optional<double> {
    const auto* how = enforcement.find(resource);
    const auto* limit = limits.find(resource);
    if (limit == nullptr || how == nullptr || *how != Enforcement::polled) return std::nullopt;
    return limit->value;
  };
  return {value(Resource::memory), value(Resource::processes)};
}

void kill_largest(host::JobGroup& group, const host::KernelRoots& roots) {
  const auto largest = [&]() -> Result<std::vector<int>> {
    auto pids = group.processes();
    if (!pids) return pids;
    const auto found = host::largest_of(roots, *pids);
    return found ? std::vector<int>{*found} : std::vector<int>{};
  };
  if (auto killed = host::signal_members(largest, SIGKILL); !killed)
    log::warn(killed.error().message());
}

}  // namespace jobward::launcher
