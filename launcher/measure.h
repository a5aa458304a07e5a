// What the cgroup does not count: I/O and CPU of waited-for children, and the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/job_types.h"
#include "common/result.h"
#include "host/observe/kernel_roots.h"
#include "host/observe/proc_parse.h"
#include "host/observe/process.h"

namespace jobward::launcher {

// Construct before the spawn; fill() after everything of the job has been reaped.
class ChildMeter {
 public:
  ChildMeter(const host::KernelRoots& roots, std::string working_directory);
  // Sets io_*, disk_growth, and cpu_* where the cgroup has not set them; each with its basis. A
  // quantity that could not be read at either end stays absent.
  void fill(Usage& usage) const;

 private:
  const host::KernelRoots& roots_;
  std::string directory_;
  std::optional<host::ProcessIo> io_before_;
  double user_before_ = 0;
  double system_before_ = 0;
  std::optional<double> disk_before_;
};

// Reaps every child that has ended, and kills what is left of the job outside its cgroup: whatever
// still lives below this process and is not in `known`, 50 ms after the cgroup was emptied. Bounded
// to 10 s. Returns how many had to be killed; an error if some are still there.
Result<int> reap_descendants(const host::KernelRoots& roots,
                             const std::vector<host::KnownProcess>& known,
                             const host::JobMark& mark);

}  // namespace jobward::launcher
