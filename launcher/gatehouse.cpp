#include "launcher/gatehouse.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "common/units.h"
#include "host/observe/process.h"
#include "launcher/run_lock.h"

namespace jobward::launcher {
namespace {

std::string environment_of(const RunOrder& order, std::string_view name) {
  for (const auto& entry : order.environment)
    if (entry.compare(0, name.size(), name) == 0) return entry.substr(name.size());
  return {};
}

}  // namespace

// The snapshot of the workshop is a moment old at most.
Gatehouse::Gatehouse(const RunOrder& order, const Workshop& shop) : order_(order), shop_(shop) {
  if (!look_at_enclosing()) look_at_others(shop_.snapshot);
}

void Gatehouse::look() {
  enclosing_run_.clear();
  if (look_at_enclosing()) return;
  const auto now = host::read_host_snapshot(shop_.roots, shop_.tree);
  look_at_others(now ? *now : shop_.snapshot);
}

Gatehouse::Level Gatehouse::level(std::string directory, double capacity, double available) const {
  const auto& settings = shop_.settings.admission;
  return {std::move(directory), capacity, available,
          settings.reserve_bytes.value_or(settings.reserve_share * capacity), "there are"};
}

// A limit around us and the machine are two bounds: who runs outside of the one takes none of its
// room.
void Gatehouse::look_at_others(const host::HostSnapshot& snapshot) {
  // One's own are on record.
  jobs_ = host::managed_jobs(shop_.roots, shop_.tree, [this](const std::string& run) {
    return is_supervised(shop_.lock_directory, run);
  });
  levels_.clear();
  const auto whole = static_cast<double>(snapshot.memory.total);
  if (const auto& around = snapshot.enclosing)
    levels_.push_back(level(around->directory, std::min(static_cast<double>(around->limit), whole),
                            static_cast<double>(around->room())));
  levels_.push_back(level("", whole, static_cast<double>(snapshot.memory.available)));
  auto& tightest_around = levels_.front();
  if (snapshot.enclosing) tightest_around.bound = "the cgroup around us has";
  if (const auto cap = aggregate_bytes(shop_);
      cap && static_cast<double>(*cap) < tightest_around.capacity) {
    tightest_around.capacity = static_cast<double>(*cap);
    tightest_around.bound = "all jobs together may have ([aggregate] memory)";
  }
}

// By our own cgroup; where nothing is seen there, by what the run around us has put into the
// environment, as long as it goes on.
bool Gatehouse::look_at_enclosing() {
  if (const auto job = host::enclosing_managed_job(shop_.tree)) {
    enclosing_run_ = job->run_id;
    const auto whole =
        job->limit ? static_cast<double>(*job->limit) : std::numeric_limits<double>::max();
    levels_ = {{"", whole, std::max(0.0, whole - static_cast<double>(job->in_use)), 0,
                "run " + enclosing_run_ + " around it has"}};
    return true;
  }
  if (!shop_.backend.parent().empty()) return false;
  const std::string run = environment_of(order_, "JOBWARD_RUN_ID=");
  if (run.empty() || !is_supervised(shop_.lock_directory, run)) return false;
  enclosing_run_ = run;
  const auto limit = parse_bytes(environment_of(order_, "JOBWARD_MEM_LIMIT="));
  const double whole = limit ? static_cast<double>(*limit) : std::numeric_limits<double>::max();
  levels_ = {{"", whole, whole, 0, "run " + enclosing_run_ + " around it has"}};
  return true;
}

double Gatehouse::use_of(const profiles::OpenRun& run) const {
  if (!run.memory_cgroup.empty())
    return static_cast<double>(host::unreclaimable_memory(run.memory_cgroup).value_or(0));
  const auto supervisor = supervisor_of(shop_.lock_directory, run.id);
  if (!supervisor) return 0;
  const auto tree = host::descendants(shop_.roots, *supervisor);
  return static_cast<double>(host::tree_memory(shop_.roots, tree, false).need);
}

Holder Gatehouse::holder(const profiles::OpenRun& run, Use use) const {
  Holder out{run.id, *run.reserved, use == Use::read ? use_of(run) : 0, {}, false};
  if (run.lasts_seconds && run.started) {
    // Not negative where the clock was set back meanwhile.
    const double elapsed =
        std::max(0.0, static_cast<double>(shop_.clock.wall_ms() - *run.started) / 1000);
    // One that has outlived its prediction may end at any time: nobody knows.
    if (elapsed < *run.lasts_seconds) out.ends_in = *run.lasts_seconds - elapsed;
  }
  return out;
}

double Gatehouse::available() const {
  double least = levels_.front().available;
  for (const auto& level : levels_)
    least = std::min(least, level.available);
  return least;
}

std::vector<Scene> Gatehouse::scenes(const std::vector<profiles::OpenRun>& open,
                                     const std::string& run_id, Use use) const {
  std::set<std::string> supervised;
  for (const auto& run : open)
    if (run.id != run_id && is_supervised(shop_.lock_directory, run.id)) supervised.insert(run.id);
  std::vector<Scene> out;
  for (const auto& level : levels_)
    out.push_back(scene_in(level, open, supervised, run_id, use));
  return out;
}

Scene Gatehouse::scene_in(const Level& level, const std::vector<profiles::OpenRun>& open,
                          const std::set<std::string>& supervised, const std::string& run_id,
                          Use use) const {
  Scene out{level.capacity, level.available, level.reserve, {}, {}, level.bound};
  const auto outside = [&](const std::string& cgroup) {
    return !level.directory.empty() && !cgroup.empty() &&
           cgroup.compare(0, level.directory.size() + 1, level.directory + "/") != 0;
  };
  for (const auto& run : open) {
    if (run.id == run_id && run.state == profiles::RunState::queued) break;  // the rest came later
    if (supervised.count(run.id) == 0) continue;
    const bool beside = nested() ? run.parent == enclosing_run_ : supervised.count(run.parent) == 0;
    if (!beside) continue;
    if (run.state == profiles::RunState::queued)
      out.queue.push_back({run.id, run.reserved, run.lasts_seconds});
  }
  for (const auto& run : open) {
    if (supervised.count(run.id) == 0 || run.state == profiles::RunState::queued || !run.reserved)
      continue;
    const bool beside = nested() ? run.parent == enclosing_run_ : supervised.count(run.parent) == 0;
    if (beside && !outside(run.memory_cgroup)) out.running.push_back(holder(run, use));
  }
  for (const auto& job : jobs_) {
    const auto& about = job.attribute;
    if (supervised.count(about.run_id) > 0 || about.run_id == run_id) continue;
    if (outside(job.directory)) continue;
    const auto reserved =
        about.memory_limit_bytes ? about.memory_limit_bytes : about.memory_p99_bytes;
    // Whoever made the directory wrote that: it can hold no more than there is.
    if (reserved)
      out.running.push_back({about.run_id,
                             std::min(static_cast<double>(*reserved), level.capacity),
                             static_cast<double>(job.in_use),
                             {},
                             true});
  }
  return out;
}

std::vector<int> Gatehouse::foreign_supervisors() const {
  std::vector<int> out;
  for (const auto& job : jobs_)
    if (!is_supervised(shop_.lock_directory, job.attribute.run_id))
      out.push_back(job.attribute.supervisor_pid);
  return out;
}

Outlook outlook(const RunOrder& order, const Workshop& shop, const Preview& preview) {
  const auto open =
      shop.store != nullptr ? shop.store->open_runs() : Result<std::vector<profiles::OpenRun>>();
  const Gatehouse house(order, shop);
  const auto scenes = house.scenes(open ? *open : std::vector<profiles::OpenRun>(), "");
  Outlook out{judge(candidate_of(preview.request), scenes), tightest(scenes)};
  if (preview.plan.refusal) out.decision = {Verdict::refuse, *preview.plan.refusal, 0, {}, {}};
  // Inside a run nobody waits, and nothing is refused for good: another run may have more.
  else if (house.nested() && out.decision.verdict == Verdict::refuse)
    out.decision.verdict = Verdict::wait;
  return out;
}

std::vector<std::string> blind_spots(const profiles::RunStore* store,
                                     const host::CgroupTree& tree) {
  std::vector<std::string> out;
  if (store == nullptr) out.emplace_back("one's own runs: the records cannot be read");
  if (tree.of("memory") == nullptr)
    out.emplace_back(
        "runs of other users and other state directories: no cgroup hierarchy that "
        "counts memory is mounted");
  out.emplace_back(
      "what others will still use: runs that were started without cgroups, and jobs of "
      "other launchers, count by what they use now");
  return out;
}

Candidate candidate_of(const profiles::RunRequest& request) {
  const auto* reserved = request.reservation.find(Resource::memory);
  return {request.id, reserved != nullptr ? std::optional(*reserved) : std::nullopt,
          request.lasts_seconds};
}

std::optional<double> predicted_duration(const Limits& limits, const Estimate& estimate,
                                         double grace_seconds) {
  std::optional<double> out;
  if (const auto* limit = limits.find(Resource::wall)) out = limit->value + grace_seconds;
  // How long all programs together take says nothing about this one.
  const bool known = estimate.level != Level::everything && estimate.level != Level::none;
  if (const auto* wall = estimate.by.find(Resource::wall); known && wall != nullptr)
    out = std::min(wall->p95, out.value_or(wall->p95));
  return out;
}

}  // namespace jobward::launcher
