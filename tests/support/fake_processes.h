// Processes in a FakeKernel. Their pids are beyond what Linux can give out (PID_MAX_LIMIT,
// 4194304), so that no code under test can ever signal a real one.
#pragma once

#include <filesystem>
#include <string>

#include "tests/support/fake_kernel.h"

namespace jobward::test {

inline constexpr int kFirstFakePid = 5'000'000;

struct FakeProcess {
  int pid = 0;
  std::string name = "worker";
  std::string exe = "/usr/bin/worker";  // empty: no link
  std::string cgroup = "/";
  char state = 'S';
  int parent = 1;
  unsigned long flags = 0x00400000;  // PF_RANDOMIZE
  int threads = 1;
  unsigned long start = 1000;
  unsigned uid = 1000;
  unsigned long rss_mib = 0;
  unsigned long swap_mib = 0;
  unsigned long shmem_mib = 0;
  unsigned long pss_mib = 0;
  int oom_score_adj = 0;
  int oom_score = 0;
};

inline std::string stat_text(const FakeProcess& p) {
  return std::to_string(p.pid) + " (" + p.name + ") " + p.state + " " + std::to_string(p.parent) +
         " 1 1 0 -1 " + std::to_string(p.flags) + " 100 0 0 0 5 6 0 0 20 0 " +
         std::to_string(p.threads) + " 0 " + std::to_string(p.start) +
         " 1000000 25 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0\n";
}

// What a thread (or a process) shows of its memory; a zombie shows none.
inline void add_memory(FakeKernel& kernel, const std::string& where, const FakeProcess& p,
                       bool shows_memory) {
  constexpr unsigned long kPages = 256;  // of 4 KiB in a MiB
  const std::string id = std::to_string(p.uid);
  std::string status = "Name:\t" + p.name + "\nState:\t" + p.state + "\nUid:\t" + id + "\t" + id +
                       "\t" + id + "\t" + id + "\n";
  if (shows_memory)
    status += "VmRSS:\t" + std::to_string(p.rss_mib * 1024) + " kB\nRssShmem:\t" +
              std::to_string(p.shmem_mib * 1024) + " kB\nVmSwap:\t" +
              std::to_string(p.swap_mib * 1024) + " kB\n";
  kernel.proc(where + "/status", status + "Threads:\t" + std::to_string(p.threads) + "\n");
  const std::string pages = std::to_string(p.rss_mib * kPages);
  kernel.proc(where + "/statm",
              shows_memory ? "999999 " + pages + " 10 5 0 8 0\n" : "0 0 0 0 0 0 0\n");
}

// `controller`: "memory" for v1, empty for v2.
inline void add_process(FakeKernel& kernel, const FakeProcess& p,
                        const std::string& controller = "") {
  const std::string where = std::to_string(p.pid);
  const bool is_zombie = p.state == 'Z';
  const bool is_kernel_thread = (p.flags & 0x00200000U) != 0;
  kernel.proc(where + "/stat", stat_text(p));
  add_memory(kernel, where, p, !is_zombie && !is_kernel_thread);
  kernel.proc(where + "/cgroup", controller.empty()
                                     ? "0::" + p.cgroup + "\n"
                                     : "4:" + controller + ":" + p.cgroup + "\n0::/\n");
  kernel.proc(where + "/oom_score_adj", std::to_string(p.oom_score_adj) + "\n");
  kernel.proc(where + "/oom_score", std::to_string(p.oom_score) + "\n");
  kernel.proc(where + "/smaps_rollup", "7f00-7fff ---p 00000000 00:00 0 [rollup]\nPss:   " +
                                           std::to_string(p.pss_mib * 1024) +
                                           " kB\nSwapPss:   0 kB\n");
  for (int tid = p.pid; p.threads > 1 && tid < p.pid + p.threads; ++tid)
    add_memory(kernel, where + "/task/" + std::to_string(tid), p, !is_zombie || tid != p.pid);
  if (p.exe.empty()) return;
  const auto link_at = [&](const std::string& place) {
    std::filesystem::create_symlink(p.exe, kernel.directory().path("proc/" + place + "/exe"));
  };
  if (!is_zombie) return link_at(where);
  for (int tid = p.pid + 1; tid < p.pid + p.threads; ++tid)
    link_at(where + "/task/" + std::to_string(tid));
}

inline void remove_process(const FakeKernel& kernel, int pid) {
  std::filesystem::remove_all(kernel.directory().path("proc/" + std::to_string(pid)));
}

}  // namespace jobward::test
