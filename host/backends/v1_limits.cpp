#include "host/backends/v1_limits.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace jobward::host {
namespace {

std::string whole(double value) { return std::to_string(static_cast<std::uint64_t>(value)); }

void add_memory(libcgroup::Values& out, const Limits& limits, bool counts_swap) {
  const Limit* memory = limits.find(Resource::memory);
  if (memory == nullptr) return;
  out.emplace_back("memory.limit_in_bytes", whole(memory->value));
  const Limit* swap = limits.find(Resource::swap);
  // memsw limits memory and swap together. Must follow the memory limit: the kernel keeps memsw >=
  // memory.
  if (counts_swap && swap != nullptr)
    out.emplace_back("memory.memsw.limit_in_bytes", whole(memory->value + swap->value));
}

void add_cpu(libcgroup::Values& out, const Limits& limits) {
  if (const Limit* cpus = limits.find(Resource::cpus)) {
    out.emplace_back("cpu.cfs_period_us", whole(kCpuPeriodUs));
    out.emplace_back("cpu.cfs_quota_us", whole(std::round(cpus->value * kCpuPeriodUs)));
  }
  // v1 shares of 1024 are v2's weight of 100; the kernel wants at least 2 (kernel/sched/sched.h).
  if (const Limit* weight = limits.find(Resource::cpu_weight))
    out.emplace_back("cpu.shares", whole(std::max(2.0, weight->value * 1024 / 100)));
}

}  // namespace

libcgroup::Values v1_values(std::string_view controller, const Limits& limits, bool counts_swap,
                            const std::string& memory_nodes) {
  libcgroup::Values out;
  if (controller == "memory") add_memory(out, limits, counts_swap);
  if (controller == "cpu") add_cpu(out, limits);
  if (controller == "pids")
    if (const Limit* processes = limits.find(Resource::processes))
      out.emplace_back("pids.max", whole(processes->value));
  if (controller == "cpuset")
    if (const Limit* cpuset = limits.find(Resource::cpuset)) {
      out.emplace_back("cpuset.mems", memory_nodes);
      out.emplace_back("cpuset.cpus", cpuset->detail);
    }
  if (controller == "blkio") {
    const auto rate = [&](Resource resource, const char* file) {
      if (const Limit* limit = limits.find(resource))
        out.emplace_back(file, limit->detail + " " + whole(limit->value));
    };
    rate(Resource::io_read_rate, "blkio.throttle.read_bps_device");
    rate(Resource::io_write_rate, "blkio.throttle.write_bps_device");
  }
  return out;
}

bool v1_needs(std::string_view controller, const Limits& limits) {
  if (controller == "memory" || controller == "pids") return true;
  if (controller == "cpuacct")
    return limits.contains(Resource::cpu_time) || limits.contains(Resource::stall);
  return !v1_values(controller, limits, false, "0").empty();
}

}  // namespace jobward::host
