// Single processes and trees of them: named by pidfd where something is done to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "host/observe/kernel_roots.h"
#include "host/observe/proc_parse.h"

namespace jobward::host {

// pidfd_open(2) (Linux 5.3). ESRCH: no such process.
Result<Fd> open_pidfd(int pid);
// pidfd_send_signal(2): can hit no newcomer that was given the same pid.
Status send_signal(const Fd& pidfd, int signal);
// Waits until the process has exited or the time is over; true if it has.
bool wait_for_exit(const Fd& pidfd, int timeout_ms);

// An error where /proc is that of another pid namespace (`unshare --pid` without --mount-proc): its
// numbers would name other processes than ours.
Status check_proc(const KernelRoots& roots);

// Neither gone nor a zombie without threads (a zombie main thread with live threads is alive).
bool is_alive(const KernelRoots& roots, int pid);

// All processes below `ancestor`, itself not included, parents before children. Uses
// /proc/PID/task/TID/children, or a scan of /proc where the kernel lacks it (CONFIG_PROC_CHILDREN).
// Processes that come and go during the walk may be missed: ask again.
std::vector<int> descendants(const KernelRoots& roots, int ancestor);

// A process that is told from a later one of the same pid by its start.
struct KnownProcess {
  int pid = 0;
  std::uint64_t start_ticks = 0;
};

// The processes below this one before it starts a job: `exec jobward` leaves it with those of the
// program that it replaced (`exec > >(tee log)` in a script). They are not the job's.
std::vector<KnownProcess> present_descendants(const KernelRoots& roots);
// The living processes of a job, as the tree below this one: without `known` and those below them.
// Where there are such strangers, their orphans come to us as well: then only the job's main
// process and children that carry its environment entry count as the job's, and what is below them.
struct JobMark {
  int main_pid = 0;
  std::string environment;  // "JOBWARD_RUN_ID=..."
};
std::vector<int> descendants_but(const KernelRoots& roots, const std::vector<KnownProcess>& known,
                                 const JobMark& mark);

// Memory of a set of processes, in bytes. `need` is anon + shmem + swap. With exact = false pages
// shared after fork count once a process (fast, too high); with exact = true by their share (PSS,
// about 1 ms a GiB).
struct TreeMemory {
  std::uint64_t need = 0;
  std::uint64_t anon = 0;
  std::uint64_t file = 0;
  std::uint64_t shmem = 0;
  int processes = 0;
};
TreeMemory tree_memory(const KernelRoots& roots, const std::vector<int>& pids, bool exact);

// The process with the largest need (fast sum), the youngest of equals; absent if none has memory.
std::optional<int> largest_of(const KernelRoots& roots, const std::vector<int>& pids);

// CPU time of these processes and of those that they have waited for, in seconds; the kernel counts
// in ticks of 10 ms.
double tree_cpu_seconds(const KernelRoots& roots, const std::vector<int>& pids);

// CPU time of the children that this process has waited for, and theirs in turn, in seconds.
double waited_children_cpu_seconds();

// A number that changes whenever one of these processes reads or writes anything, or one of them
// comes or goes. /proc/PID/io is only for the owner: processes that cannot be read do not count.
std::uint64_t activity_of(const KernelRoots& roots, const std::vector<int>& pids);

// The processes of any user that we may look at whose environment, as it was when they were
// executed, holds this entry ("NAME=value").
std::vector<int> processes_with_environment(const KernelRoots& roots, std::string_view entry);

// The cgroup in which a process's memory is counted, below the hierarchy's root; absent if the
// process is gone or there is none.
std::optional<std::string> memory_cgroup_of(const KernelRoots& roots, int pid);

// The parent of a process; absent if it is gone.
std::optional<int> parent_of(const KernelRoots& roots, int pid);

// The name of a process (comm); absent if it is gone. A zombie still has one.
std::optional<std::string> name_of(const KernelRoots& roots, int pid);

// Bytes moved to and from storage by the processes that this one has waited for, and theirs in
// turn: /proc/self/io less the I/O of this process's own threads. Children that nobody waited for
// are missing.
Result<ProcessIo> waited_children_io(const KernelRoots& roots);

// How much this process has.
Result<ProcessSizes> own_sizes(const KernelRoots& roots);

// oom_score_adj of this process; absent where it cannot be read.
std::optional<int> own_oom_score_adj(const KernelRoots& roots);

}  // namespace jobward::host
