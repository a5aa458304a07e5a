// Memory of a job by asking its processes: where no cgroup counts it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "host/backends/backend.h"
#include "host/observe/kernel_roots.h"

namespace jobward::host {

// Remembers the largest sums, so that only what could matter is counted exactly.
class TreeSampler {
 public:
  // `limit`: bytes of need at which the job will be ended.
  TreeSampler(KernelRoots roots, std::optional<std::uint64_t> limit)
      : roots_(std::move(roots)), limit_(limit) {}

  MemorySample sample(const std::vector<int>& pids);
  // Absent before the first sample.
  [[nodiscard]] std::optional<int> processes_peak() const { return processes_peak_; }

 private:
  [[nodiscard]] bool must_be_exact(std::uint64_t need, int processes) const;

  KernelRoots roots_;
  std::optional<std::uint64_t> limit_;
  std::uint64_t peak_ = 0;
  std::optional<int> processes_peak_;
};

}  // namespace jobward::host
