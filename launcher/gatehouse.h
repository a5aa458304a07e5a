// What admission looks at: the machine (or the run around this one), the open runs of the records,
// and the managed jobs of others in the cgroup tree.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/observe/managed_jobs.h"
#include "launcher/admission.h"
#include "launcher/job_runner.h"

namespace jobward::launcher {

class Gatehouse {
 public:
  // Looks at everything but the records. Cheap enough for every run.
  Gatehouse(const RunOrder& order, const Workshop& shop);

  // Looks again: things have changed.
  void look();
  // How much of their reservations one's own runs use: read, or taken to be nothing, which makes
  // less free than there is and costs no look at any of them.
  enum class Use { read, none };
  // What the run of this id meets, one scene for each bound on memory around it, at least one;
  // those that came before it make up the queue. A run that is not on record comes last.
  [[nodiscard]] std::vector<Scene> scenes(const std::vector<profiles::OpenRun>& open,
                                          const std::string& run_id, Use use = Use::read) const;
  // Inside another run: admitted against that one's memory only, and nobody waits there.
  [[nodiscard]] bool nested() const { return !enclosing_run_.empty(); }
  [[nodiscard]] const std::string& enclosing_run() const { return enclosing_run_; }
  // Free now within all bounds, bytes.
  [[nodiscard]] double available() const;
  // Whose end may make room, beside that of one's own runs.
  [[nodiscard]] std::vector<int> foreign_supervisors() const;

 private:
  // A bound on memory around this run, and what there is in it, bytes.
  struct Level {
    std::string directory;  // the cgroup with the limit; empty: the machine, or the run around us
    double capacity = 0;
    double available = 0;
    double reserve = 0;  // kept back from all runs
    std::string bound = "there are";
  };

  void look_at_others(const host::HostSnapshot& now);
  bool look_at_enclosing();
  [[nodiscard]] Level level(std::string directory, double capacity, double available) const;
  [[nodiscard]] Scene scene_in(const Level& level, const std::vector<profiles::OpenRun>& open,
                               const std::set<std::string>& supervised, const std::string& run_id,
                               Use use) const;
  [[nodiscard]] double use_of(const profiles::OpenRun& run) const;
  [[nodiscard]] Holder holder(const profiles::OpenRun& run, Use use) const;

  const RunOrder& order_;
  const Workshop& shop_;
  std::string enclosing_run_;
  std::vector<Level> levels_;           // at least one
  std::vector<host::ManagedJob> jobs_;  // of anybody
};

// What the gate would say of a run now, without asking for anything.
struct Outlook {
  Decision decision;
  Scene scene;  // the tightest bound
};
Outlook outlook(const RunOrder& order, const Workshop& shop, const Preview& preview);

// What admission cannot see here, in words.
std::vector<std::string> blind_spots(const profiles::RunStore* store, const host::CgroupTree& tree);

// What this run asks for.
Candidate candidate_of(const profiles::RunRequest& request);
// Predicted seconds, rather too long: the wall limit, or the p95 where that is shorter.
std::optional<double> predicted_duration(const Limits& limits, const Estimate& estimate,
                                         double grace_seconds);

}  // namespace jobward::launcher
