// What the machine has and what is free, at one moment.
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "host/observe/cgroup_tree.h"
#include "host/observe/kernel_roots.h"
#include "host/observe/proc_parse.h"

namespace jobward::host {

struct HostSnapshot {
  MemInfo memory;
  int cpus = 1;                             // that this process may use (sched_getaffinity)
  std::optional<Pressure> memory_pressure;  // absent: the kernel has no PSI, or it is switched off
  std::optional<EnclosingLimit> enclosing;  // absent: only the machine itself bounds us

  // What a new job could have at most, with nothing else running: the machine's or the enclosing
  // limit.
  [[nodiscard]] std::uint64_t capacity() const;
  // What is free for a new job now.
  [[nodiscard]] std::uint64_t available() const;
};

Result<HostSnapshot> read_host_snapshot(const KernelRoots& roots, const CgroupTree& tree);

// Ids that say whose record a record is. Absent where the system does not tell.
struct MachineIdentity {
  std::string machine_id;     // /etc/machine-id, else the host name
  std::string boot_id;        // /proc/sys/kernel/random/boot_id
  std::string pid_namespace;  // the target of /proc/self/ns/pid
};
MachineIdentity read_machine_identity(const KernelRoots& roots);

}  // namespace jobward::host
