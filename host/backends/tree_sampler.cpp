#include "host/backends/tree_sampler.h"

#include <unistd.h>

#include <algorithm>

#include "host/observe/process.h"

namespace jobward::host {
namespace {

// The fast sum is of counters that each CPU updates in batches of 32 pages, three a process (anon,
// file, shmem): so much may be missing (lib/percpu_counter.c, include/linux/mm.h).
std::uint64_t unseen_bytes(int processes) {
  constexpr std::uint64_t kBatchBytes = 3ULL * 32 * 4096;
  const auto cpus = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  return kBatchBytes * cpus * static_cast<std::uint64_t>(processes);
}

}  // namespace

// The fast sum counts pages shared after a fork once a process, and may lag behind. Before it may
// cost a job its life, or save it, or become its record, it is counted exactly.
bool TreeSampler::must_be_exact(std::uint64_t need, int processes) const {
  if (processes > 1 && need > peak_) return true;
  if (!limit_) return false;
  constexpr std::uint64_t kNear = 20;  // a twentieth of the limit: exact counts are dear
  return need + std::min(unseen_bytes(processes), *limit_ / kNear) >= *limit_;
}

MemorySample TreeSampler::sample(const std::vector<int>& pids) {
  auto memory = tree_memory(roots_, pids, false);
  if (must_be_exact(memory.need, memory.processes)) memory = tree_memory(roots_, pids, true);
  peak_ = std::max(peak_, memory.need);
  processes_peak_ = std::max(processes_peak_.value_or(0), memory.processes);
  MemorySample out;
  out.file = memory.file;
  out.current = memory.need + memory.file;
  out.anon = memory.anon;
  out.shmem = memory.shmem;
  out.processes = memory.processes;
  return out;
}

}  // namespace jobward::host
