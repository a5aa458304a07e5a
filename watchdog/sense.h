// How much memory is left: of the machine, and of the cgroups with a limit around the watchdog.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/fixed_text.h"
#include "common/result.h"
#include "host/observe/job_scan.h"
#include "host/observe/kernel_roots.h"

namespace jobward::watchdog {

// Bytes; pressure as shares of 1 over the last 10 s, absent where the kernel tells none.
struct Snapshot {
  std::int64_t time_ms = 0;
  std::uint64_t memory_total = 0;  // or the cgroup's limit
  std::uint64_t memory_available = 0;
  std::uint64_t swap_total = 0;
  std::uint64_t swap_free = 0;
  std::uint64_t shmem = 0;  // tmpfs and shared memory, wherever it is mapped
  std::optional<double> some;
  std::optional<double> full;
  FixedText<host::kLongestCgroup> within;  // the cgroup whose limit it is; empty: the machine
};

// Keeps the kernel's files open. Sensing allocates nothing. Not thread-safe.
class Sensor {
 public:
  // `within`: a cgroup, as a directory or as a path below the hierarchy that counts memory: its
  // limit is all there is to watch, and it is an error if it has none. Else the machine and every
  // limit around this process whose cgroup holds others as well.
  static Result<Sensor> open(const host::KernelRoots& roots, const std::string& within);

  // One each; at most kMost. Empty: nothing could be read (errno).
  static constexpr std::size_t kMost = 4;
  std::span<const Snapshot> sense();
  // The same without pressure, which costs two thirds as much again; complete_pressure() adds it to
  // what was given last.
  std::span<const Snapshot> sense_memory();
  void complete_pressure();

  // The first of what was sensed last.
  [[nodiscard]] const Snapshot& last() const { return snapshots_[0]; }

  // Bytes of memory and swap that are free outright, without a look at /proc/meminfo, which costs
  // four times as much. Tells nothing of limits around.
  struct Free {
    std::uint64_t memory = 0;
    std::uint64_t swap = 0;
  };
  [[nodiscard]] static std::optional<Free> free_now();

  // Readable (POLLPRI) when processes have waited for memory; -1: no trigger, and why in words.
  [[nodiscard]] int trigger() const { return trigger_.get(); }
  void drop_trigger() { trigger_.reset(); }
  [[nodiscard]] const std::string& trigger_words() const { return trigger_words_; }

  [[nodiscard]] const host::MemoryTree& tree() const { return tree_; }
  [[nodiscard]] const std::string& controller() const { return controller_; }
  // The part of the hierarchy that is mounted here; empty: all of it.
  [[nodiscard]] const std::string& cgroup_root() const { return cgroup_root_; }
  // Where the v2 hierarchy is mounted beside v1 (hybrid); empty: nowhere else.
  [[nodiscard]] const std::string& unified_mount() const { return unified_mount_; }
  [[nodiscard]] bool is_within() const { return !within_.empty(); }
  // The cgroup that was given may have been made anew, or has a limit again. Allocates.
  Status reopen();
  // The limits around this process anew: some may have been set, or taken away, since it was
  // opened. Allocates.
  void find_enclosing();
  [[nodiscard]] bool has_enclosing() const { return !bounds_.empty(); }

 private:
  struct Bound {
    std::string path;  // below the mount point
    Fd directory;
    Fd pressure;
  };
  Sensor() : text_(std::make_unique<std::array<char, kText>>()) { text_->fill(0); }
  Status open_within(const std::string& within);
  void open_trigger(const std::string& file);
  bool machine(Snapshot& out);
  bool bound(const Bound& bound, const Snapshot& machine, Snapshot& out);
  void pressure(int fd, Snapshot& out);

  static constexpr std::size_t kText = 16384;
  std::unique_ptr<std::array<char, kText>> text_;
  std::array<Snapshot, kMost> snapshots_;
  std::array<int, kMost> pressure_of_{};  // descriptors, borrowed; -1: tells none
  std::size_t sensed_ = 0;
  Fd meminfo_;
  Fd pressure_;
  Fd arcstats_;  // ZFS
  Fd trigger_;
  std::string trigger_words_;
  host::MemoryTree tree_;
  std::string controller_;  // "memory" on v1, empty on v2
  std::string cgroup_root_;
  std::string unified_mount_;
  std::string own_path_;
  std::string within_;  // as it was given; empty: the machine
  std::vector<Bound> bounds_;
};

}  // namespace jobward::watchdog
