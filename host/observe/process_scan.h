// All processes of the machine, looked at one by one without allocation: for the watchdog.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/fd.h"
#include "common/fixed_text.h"
#include "common/result.h"
#include "host/observe/kernel_roots.h"
#include "host/observe/kernel_text.h"

namespace jobward::host {

inline constexpr std::size_t kLongestExe = 512;
inline constexpr std::size_t kLongestCgroup = 512;

// Bytes. `swap` is only read where it was asked for.
struct ProcessSize {
  std::uint64_t rss = 0;
  std::uint64_t swap = 0;
};

struct ProcessFacts {
  int parent = 0;
  uid_t uid = 0;  // effective
  std::uint64_t start_ticks = 0;
  bool kernel_thread = false;
  bool gone = false;  // a zombie without living threads holds nothing
  int oom_score_adj = 0;
  std::uint64_t shmem = 0;  // resident, bytes
  FixedText<64> name;
  FixedText<kLongestExe> exe;        // empty: it may not be read, or is gone
  FixedText<kLongestCgroup> cgroup;  // in the hierarchy that counts memory
};

// Holds /proc open. Not thread-safe: one buffer for all.
class ProcessScan {
 public:
  // `memory_controller`: where memory is counted; empty: in the v2 hierarchy. `cgroup_root`: the
  // part of that hierarchy that is mounted here (empty: all of it); paths are given below it.
  static Result<ProcessScan> open(const KernelRoots& roots, std::string_view memory_controller,
                                  std::string_view cgroup_root);

  // Begins anew at the first process; next() gives one pid after the other, 0 at the end. Those
  // that come or go meanwhile may be missed.
  bool rewind();
  int next();

  // Absent: gone, or none of its own (kernel threads). A zombie main thread shows nothing, but the
  // other threads still hold the memory and show it as theirs.
  std::optional<ProcessSize> size(int pid, bool with_swap);
  // Absent: gone.
  std::optional<ProcessFacts> facts(int pid);
  std::optional<std::uint64_t> start_ticks(int pid);
  std::optional<int> parent(int pid);
  // Below the mount point of the hierarchy that counts memory; empty: gone, or elsewhere.
  FixedText<kLongestCgroup> cgroup(int pid);
  std::optional<std::uint64_t> oom_score(int pid);
  // Pss and SwapPss (bytes); absent: not ours to read, or gone.
  std::optional<std::uint64_t> pss(int pid);

  [[nodiscard]] int directory() const { return proc_.get(); }

 private:
  ProcessScan(Fd proc, std::string_view controller, std::string_view cgroup_root);
  std::optional<std::string_view> read(int pid, std::string_view file);
  std::optional<ProcessSize> size_at(std::string_view where, bool with_swap);
  std::optional<ProcessSize> size_of_threads(int pid, bool with_swap);
  template <class Of>
  auto from_threads(int pid, Of&& of) -> decltype(of(FixedText<64>()));

  static constexpr std::size_t kText = 16384;
  Fd proc_;
  FixedText<16> controller_;
  FixedText<kLongestCgroup> cgroup_root_;
  std::uint64_t page_ = 4096;
  std::unique_ptr<std::array<char, kText>> text_;
  std::unique_ptr<std::array<char, kText>> entries_;
  std::size_t entries_at_ = 0;
  std::size_t entries_end_ = 0;
};

}  // namespace jobward::host
