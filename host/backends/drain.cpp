#include "host/backends/drain.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "common/fault.h"
#include "host/observe/kill_mark.h"
#include "host/observe/process.h"

namespace jobward::host {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kDrainPatience = std::chrono::seconds(10);
constexpr auto kRemovePatience = std::chrono::seconds(1);
// A process that leaves the list without our pidfd noticing (it moved away) must not hold us up for
// long, and new ones that were forked meanwhile are to be killed, too.
constexpr auto kRecheck = std::chrono::milliseconds(100);

// Until all of them have ended, or it is time to look again. A list of a thousand is gone through
// once, not listed and killed anew for each that ends.
void wait_for_all(const std::vector<int>& pids) {
  const auto until = Clock::now() + kRecheck;
  for (const int pid : pids) {
    const auto process = open_pidfd(pid);
    if (!process) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return;
    wait_for_exit(*process, static_cast<int>(left.count()));
  }
}

}  // namespace

Result<int> signal_members(const ListProcesses& list, int signal) {
  auto pids = list();
  if (!pids) return tl::unexpected(std::move(pids).error());
  std::vector<std::pair<int, Fd>> held;
  for (const int pid : *pids)
    if (auto process = open_pidfd(pid)) held.emplace_back(pid, std::move(*process));
  auto again = list();
  if (!again) return tl::unexpected(std::move(again).error());
  std::sort(again->begin(), again->end());
  Status first;  // one that may not be signalled (setuid) must not protect the others
  for (const auto& [pid, process] : held) {
    if (!std::binary_search(again->begin(), again->end(), pid)) continue;
    auto sent = send_signal(process, signal);
    if (!sent && sent.error().errnum != ESRCH && first)
      first = rethrow(std::move(sent).error(), "pid " + std::to_string(pid));
  }
  if (!first) return tl::unexpected(first.error());
  return static_cast<int>(pids->size());
}

Result<int> drain(const ListProcesses& list, const std::function<Status()>& kill) {
  const auto deadline = Clock::now() + kDrainPatience;
  int at_first = -1;
  Status last;
  while (true) {
    auto pids = list();
    if (!pids) return tl::unexpected(std::move(pids).error());
    if (at_first < 0) at_first = static_cast<int>(pids->size());
    if (pids->empty()) return at_first;
    if (Clock::now() > deadline && !last) return tl::unexpected(last.error());
    if (Clock::now() > deadline)
      return error("kill", std::to_string(pids->size()) + " processes of the job",
                   "they are still there 10 s after SIGKILL, the first is pid " +
                       std::to_string(pids->front()));
    last = kill();  // what could not be signalled is still waited for
    JOBWARD_FAULT(kill_sent);
    wait_for_all(*pids);
  }
}

void drain_group(JobGroup& group, const ListProcesses& list, GroupReport& report) {
  const auto kill = [&group]() -> Status {
    auto killed = group.signal_all(SIGKILL);
    if (!killed) return tl::unexpected(std::move(killed).error());
    return {};
  };
  const auto drained = drain(list, kill);
  if (drained)
    report.killed_leftovers = *drained;
  else
    report.problems.push_back(drained.error().message());
  JOBWARD_FAULT(drained);
}

void note_kill_mark(const CgroupDir& directory, GroupReport& report) {
  if (report.mark) return;
  auto mark = read_kill_mark(directory.fd(), directory.path());
  if (mark)
    report.mark = *mark;
  else
    report.problems.push_back(mark.error().message());
}

Status remove_drained(const CgroupDir& parent, const std::string& name,
                      std::initializer_list<const char*> layout) {
  // Usually nothing else is there, and no directory has to be listed.
  for (const auto* path : layout)
    static_cast<void>(::unlinkat(parent.fd(), (name + "/" + path).c_str(), AT_REMOVEDIR));
  const auto deadline = Clock::now() + kRemovePatience;
  while (true) {
    auto removed = parent.remove_child(name);
    if (removed || removed.error().errnum != EBUSY || Clock::now() > deadline) return removed;
    ::poll(nullptr, 0,
           1);  // the last task is between leaving the list and letting go of the cgroup
  }
}

}  // namespace jobward::host
