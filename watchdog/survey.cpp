#include "watchdog/survey.h"

#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>

namespace jobward::watchdog {
namespace {

// Units are listed by size and pid, since reading the start of all of them would double the time;
// among equals it decides as soon as they are looked at more closely.
bool is_larger(const Unit& a, const Unit& b) {
  return a.score != b.score ? a.score > b.score : a.size > b.size;
}

void learn(Unit& unit, const host::ProcessFacts& facts) {
  unit.start_ticks = facts.start_ticks;
  unit.uid = facts.uid;
  unit.name = facts.name.view();
  unit.exe = facts.exe.view();
  if (unit.is_job) return;
  unit.cgroup = facts.cgroup.view();
  unit.shmem = facts.shmem;
}

}  // namespace

Result<Survey> Survey::open(const host::KernelRoots& roots, const Sensor& sensor) {
  auto processes = host::ProcessScan::open(roots, sensor.controller(), sensor.cgroup_root());
  if (!processes) return tl::unexpected(std::move(processes).error());
  return Survey(std::move(*processes), sensor.tree());
}

Survey::Survey(host::ProcessScan processes, const host::MemoryTree& tree)
    : processes_(std::move(processes)),
      tree_(tree),
      units_(std::make_unique<Units>()),
      further_(std::make_unique<Units>()),
      jobs_(std::make_unique<Jobs>()) {}

const Unit* Survey::find_victim(const Config& config, const Snapshot& snapshot) {
  find_self();
  seen_ = 0;
  list_ = units_.get();
  count_ = 0;
  job_count_ = 0;
  if (config.unit == UnitKind::job) add_jobs(config, snapshot);
  collect({config}, snapshot);
  const std::size_t first = count_;
  bool found = examine_list(config, false);
  // All of the largest are protected, or (by PSS, and among equals) one that comes after them may
  // still go before the best of them.
  while (count_ == kMost &&
         (!found || (!config.prefer_over_estimate && !is_larger(victim_, last_listed_)))) {
    list_ = further_.get();
    count_ = 0;
    if (config.unit == UnitKind::job) add_further_jobs(config, last_listed_);
    // Where thousands are protected (to an ordinary user's watchdog all others are), list after
    // list of them would take the square of the time.
    collect({config, false, &last_listed_, !found}, snapshot);
    found = examine_list(config, found);
  }
  list_ = units_.get();
  count_ = first;
  return found ? &victim_ : nullptr;
}

// The best of the list at work, if it goes before the one that was found already, into victim_.
bool Survey::examine_list(const Config& config, bool found) {
  if (count_ == kMost) {
    last_listed_ = (*list_)[kMost - 1];
    last_listed_.start_ticks = 0;  // as it was listed
  }
  const int best = examine(config);
  if (best < 0) return found;
  auto& unit = (*list_)[static_cast<std::size_t>(best)];
  if (found && !goes_before(unit, victim_)) return true;
  for (auto& earlier : *units_)
    if (found && earlier.pid == victim_.pid && earlier.why == Why::largest)
      earlier.why = Why::smaller;
  victim_ = unit;
  return true;
}

// Largest first, until nobody who follows can be larger than the best; which that is, -1: nobody.
int Survey::examine(const Config& config) {
  int best = -1;
  for (std::size_t i = 0; i < count_; ++i) {
    auto& unit = (*list_)[i];
    if (best >= 0 && is_larger((*list_)[static_cast<std::size_t>(best)], unit) &&
        !config.prefer_over_estimate)
      break;
    learn_facts(unit, config);
    if (is_protected(unit.why)) continue;
    if (config.by == SizeBy::pss && !unit.is_job)
      if (const auto pss = processes_.pss(unit.pid)) unit.size = *pss;
    if (best < 0 || goes_before(unit, (*list_)[static_cast<std::size_t>(best)]))
      best = static_cast<int>(i);
  }
  if (best < 0) return -1;
  std::size_t examined = 0;
  while (examined < count_ && (*list_)[examined].has_facts)
    ++examined;
  return choose(std::span(*list_).first(examined), config);
}

void Survey::find_self() {
  self_.pid = ::getpid();
  self_.uid = ::geteuid();
  std::size_t count = 0;
  for (auto parent = processes_.parent(self_.pid);
       parent && *parent > 0 && count < ancestors_.size(); parent = processes_.parent(*parent))
    ancestors_[count++] = *parent;
  self_.ancestors = std::span(ancestors_).first(count);
  own_cgroup_.clear();
  if (const auto own = processes_.facts(self_.pid)) own_cgroup_ = own->cgroup.view();
  self_.cgroup = own_cgroup_;
}

void Survey::add_jobs(const Config& config, const Snapshot& snapshot) {
  struct Context {
    Survey& survey;
    const Config& config;
  } context{*this, config};
  const auto whole = [](void* data, const host::JobFacts& job) {
    const auto& c = *static_cast<Context*>(data);
    return c.survey.is_whole(c.config, job);
  };
  const auto found = host::find_jobs(tree_, snapshot.within, processes_, *jobs_, whole, &context);
  for (std::size_t i = 0; i < found; ++i) {
    Unit unit;
    // One whose processes have all gone meanwhile is none.
    if (!learn_job((*jobs_)[i], config, unit)) continue;
    keep(unit);
    if (job_count_ != i) (*jobs_)[job_count_] = (*jobs_)[i];
    ++job_count_;
  }
}

void Survey::add_further_jobs(const Config& config, const Unit& after) {
  for (std::size_t i = 0; i < job_count_; ++i) {
    Unit unit;
    if (learn_job((*jobs_)[i], config, unit) && goes_before(after, unit)) keep(unit);
  }
}

// What is named is its largest process; where that has just gone, its main one.
bool Survey::learn_job(const host::JobFacts& job, const Config& config, Unit& unit) {
  for (const int pid : {job.largest, job.oldest}) {
    unit = Unit();
    unit.is_job = true;
    unit.pid = pid;
    unit.size = job.size();
    unit.shmem = job.shmem;
    unit.p99 = job.p99;
    unit.inode = job.inode;
    unit.cgroup = job.path.view();
    unit.run = job.run.view();
    if (config.by == SizeBy::oom_score) {
      const auto score = job_score(job, pid);
      if (!score) continue;
      unit.score = *score;
    }
    if (learn_facts(unit, config)) return true;
  }
  return false;
}

// A job whose main process is protected (an agent that was started with `jobward run`) does not go
// as a whole: the jobs and processes in it are units of their own, so that the agent goes last.
bool Survey::is_whole(const Config& config, const host::JobFacts& job) {
  const auto facts = processes_.facts(job.oldest);
  if (!facts) return true;
  candidate_ = Unit();
  candidate_.pid = job.oldest;
  learn(candidate_, *facts);
  const Why why = shield_of(candidate_, *facts, config, self_, candidate_.rule);
  // Another user's takes no place from those that may be ended.
  return why != Why::rule && why != Why::unkillable && why != Why::other_user;
}

// A job's score: that of its largest process, and for the rest of its memory what the kernel would
// give: two thirds of a thousandth of memory and swap each (fs/proc/base.c, proc_oom_score).
std::optional<std::uint64_t> Survey::job_score(const host::JobFacts& job, int pid) {
  const auto score = processes_.oom_score(pid);
  const auto size = processes_.size(pid, true);
  struct sysinfo info {};
  if (!score || !size || ::sysinfo(&info) != 0) return std::nullopt;
  const double total = static_cast<double>(std::uint64_t{info.totalram} + info.totalswap) *
                       static_cast<double>(info.mem_unit);
  const std::uint64_t own = size->rss + size->swap;
  const auto rest = static_cast<double>(job.size() > own ? job.size() - own : 0);
  return *score + static_cast<std::uint64_t>(rest / total * 1000 * 2 / 3);
}

void Survey::collect(Pass pass, const Snapshot& snapshot) {
  // Reading what each process has in swap costs five times as much as what is resident: it is done
  // where swap holds enough to matter.
  constexpr std::uint64_t kOneIn = 100;
  const std::uint64_t used =
      snapshot.swap_total - std::min(snapshot.swap_free, snapshot.swap_total);
  pass.with_swap = used > snapshot.memory_total / kOneIn;
  if (snapshot.within.empty()) {
    if (!processes_.rewind()) return;
    while (const int pid = processes_.next())
      consider(pid, pass);
    return;
  }
  struct Context {
    Survey& survey;
    const Pass& pass;
  } context{*this, pass};
  const auto directory = host::open_cgroup(tree_, snapshot.within);
  if (!directory) return;
  host::each_process(
      directory.get(),
      [](void* data, int pid) {
        const auto& c = *static_cast<Context*>(data);
        c.survey.consider(pid, c.pass);
      },
      &context);
}

void Survey::consider(int pid, const Pass& pass) {
  ++seen_;
  const auto size = processes_.size(pid, pass.with_swap);
  if (!size) return;
  Unit& unit = candidate_;
  unit.has_facts = false;
  unit.start_ticks = 0;
  unit.why = Why::smaller;
  unit.pid = pid;
  unit.size = size->rss + size->swap;
  unit.score = 0;
  if (pass.config.by == SizeBy::oom_score) {
    const auto score = processes_.oom_score(pid);
    if (!score) return;
    unit.score = *score;
  }
  if (pass.after != nullptr && !goes_before(*pass.after, unit)) return;
  if (pass.unprotected_only) {
    const bool is_listed = count_ < kMost || goes_before(unit, (*list_)[kMost - 1]);
    if (!is_listed || !learn_facts(unit, pass.config) || is_protected(unit.why)) return;
  }
  keep(unit);
}

void Survey::keep(const Unit& unit) {
  auto& list = *list_;
  std::size_t at = count_;
  while (at > 0 && goes_before(unit, list[at - 1]))
    --at;
  if (at == kMost) return;
  if (count_ < kMost) ++count_;
  for (std::size_t i = count_ - 1; i > at; --i)
    list[i] = list[i - 1];
  list[at] = unit;
}

bool Survey::is_in_job(std::string_view cgroup) const {
  return std::any_of(jobs_->begin(), jobs_->begin() + static_cast<std::ptrdiff_t>(job_count_),
                     [&](const auto& job) { return is_below(cgroup, job.path); });
}

bool Survey::learn_facts(Unit& unit, const Config& config) {
  if (unit.has_facts) return true;
  unit.has_facts = true;
  const auto facts = processes_.facts(unit.pid);
  if (!facts) {
    unit.why = Why::gone;
    return false;
  }
  learn(unit, *facts);
  unit.why = shield_of(unit, *facts, config, self_, unit.rule);
  if (!is_protected(unit.why)) unit.why = left_out(unit);
  if (!unit.is_job && !is_protected(unit.why) && is_in_job(facts->cgroup))
    unit.why = Why::part_of_job;
  return true;
}

void Survey::complete(const Config& config, std::size_t most) {
  for (std::size_t i = 0; i < std::min(most, count_); ++i)
    learn_facts((*units_)[i], config);
}

const Unit* Survey::largest_by_shmem() const {
  const Unit* out = nullptr;
  for (const auto& unit : units())
    if (unit.is_job && unit.shmem > 0 && !is_protected(unit.why) &&
        (out == nullptr || unit.shmem > out->shmem))
      out = &unit;
  return out;
}

const Unit* Survey::take_instead(const Unit& unit, Why why) {
  for (auto& other : *units_) {
    const bool is_it = other.is_job == unit.is_job && other.pid == unit.pid;
    if (is_it)
      other.why = why;
    else if (other.why == Why::largest || other.why == Why::beyond_estimate)
      other.why = Why::smaller;
  }
  victim_ = unit;
  victim_.why = why;
  return &victim_;
}

void Survey::leave_out(const Unit& unit, Why why) {
  left_out_[left_out_next_ % left_out_.size()] = {unit.is_job, unit.pid, unit.start_ticks,
                                                  unit.inode, why};
  ++left_out_next_;
}

Why Survey::left_out(const Unit& unit) const {
  for (const auto& entry : left_out_) {
    if (entry.pid == 0 || entry.is_job != unit.is_job) continue;
    const bool same = unit.is_job ? entry.inode == unit.inode
                                  : entry.pid == unit.pid && entry.start_ticks == unit.start_ticks;
    if (same) return entry.why;
  }
  return Why::smaller;
}

bool Survey::is_same(const Unit& unit) {
  if (!unit.is_job) return processes_.start_ticks(unit.pid) == unit.start_ticks;
  const auto directory = host::open_cgroup(tree_, unit.cgroup);
  struct stat info {};
  return directory && ::fstat(directory.get(), &info) == 0 && info.st_ino == unit.inode;
}

}  // namespace jobward::watchdog
