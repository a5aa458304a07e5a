// Who is there, how large, and who of them may be ended. No allocation.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/result.h"
#include "host/observe/job_scan.h"
#include "host/observe/process_scan.h"
#include "watchdog/decide.h"

namespace jobward::watchdog {

// Looks anew each time. Not thread-safe.
class Survey {
 public:
  static Result<Survey> open(const host::KernelRoots& roots, const Sensor& sensor);

  // Looks at all units, of the machine or below the snapshot's cgroup, and chooses one. Null:
  // nobody may be ended. It stays valid until the next call.
  const Unit* find_victim(const Config& config, const Snapshot& snapshot);

  // The largest units of that look, in their order, the chosen one among them; at most kMost, and
  // of those that were not needed for the choice only the size is known.
  [[nodiscard]] std::span<const Unit> units() const { return std::span(*units_).first(count_); }
  [[nodiscard]] const Self& self() const { return self_; }
  // Fills in the facts of the first `most` of them: for the record.
  void complete(const Config& config, std::size_t most);

  // The job whose shared memory is largest; null: no job holds any.
  [[nodiscard]] const Unit* largest_by_shmem() const;
  // It goes in place of the one that was chosen, for this reason.
  const Unit* take_instead(const Unit& unit, Why why);

  // Is it still the same, and there?
  bool is_same(const Unit& unit);
  // It is not to be chosen again while it is there.
  void leave_out(const Unit& unit, Why why);
  host::ProcessScan& processes() { return processes_; }
  // How many processes the last look saw.
  [[nodiscard]] std::size_t seen() const { return seen_; }

  // Ten of them are recorded. Each takes 1.3 KiB, twice, that stay in memory.
  static constexpr std::size_t kMost = 20;
  static constexpr std::size_t kMostJobs = 16;

 private:
  explicit Survey(host::ProcessScan processes, const host::MemoryTree& tree);
  void find_self();
  void add_jobs(const Config& config, const Snapshot& snapshot);
  bool is_whole(const Config& config, const host::JobFacts& job);
  // The jobs that come after `after` in the order, into *list_.
  void add_further_jobs(const Config& config, const Unit& after);
  bool learn_job(const host::JobFacts& job, const Config& config, Unit& unit);
  std::optional<std::uint64_t> job_score(const host::JobFacts& job, int pid);
  // The largest processes that come after `after` in the order (null: all), into *list_.
  struct Pass {
    const Config& config;
    bool with_swap = false;
    const Unit* after = nullptr;
    // Only those that may be ended: each that would be listed is looked at closely first.
    bool unprotected_only = false;
  };
  void collect(Pass pass, const Snapshot& snapshot);
  void consider(int pid, const Pass& pass);
  void keep(const Unit& unit);
  int examine(const Config& config);
  bool examine_list(const Config& config, bool found);
  bool learn_facts(Unit& unit, const Config& config);
  [[nodiscard]] Why left_out(const Unit& unit) const;
  [[nodiscard]] bool is_in_job(std::string_view cgroup) const;

  using Units = std::array<Unit, kMost>;
  host::ProcessScan processes_;
  host::MemoryTree tree_;
  using Jobs = std::array<host::JobFacts, kMostJobs>;
  std::unique_ptr<Units> units_;    // the largest, jobs and processes, in their order
  std::unique_ptr<Units> further_;  // those that come after, where all of the largest are protected
  Units* list_ = nullptr;           // of the two, the one at work
  std::size_t count_ = 0;           // in it
  std::unique_ptr<Jobs> jobs_;
  std::size_t job_count_ = 0;
  std::size_t seen_ = 0;
  Self self_;
  std::array<int, 64> ancestors_{};
  FixedText<host::kLongestCgroup> own_cgroup_;
  struct LeftOut {
    bool is_job = false;
    int pid = 0;
    std::uint64_t start_ticks = 0;
    ino_t inode = 0;
    Why why = Why::smaller;
  };
  std::array<LeftOut, 32> left_out_{};
  std::size_t left_out_next_ = 0;
  Unit candidate_;
  Unit victim_;
  Unit last_listed_;  // as it was found, before it was looked at
};

}  // namespace jobward::watchdog
