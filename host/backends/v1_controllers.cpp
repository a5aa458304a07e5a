#include "host/backends/v1_controllers.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cmath>

#include "host/backends/drain.h"
#include "host/backends/libcgroup_v1.h"

namespace jobward::host {
namespace {

// Another run that ends may remove the shared parent between our mkdirs: start over, a bounded
// number of times.
constexpr int kCreateTries = 20;

// Reads a file that is kept open; cgroup files give their current content at offset 0.
Result<std::string_view> reread(const Fd& fd, std::array<char, 8192>& buffer, const char* name) {
  const ssize_t got = ::pread(fd.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return errno_error("read", name);
  return std::string_view(buffer.data(), static_cast<std::size_t>(got));
}

Result<std::uint64_t> reread_counter(const Fd& fd, const char* name) {
  std::array<char, 8192> buffer;
  auto text = reread(fd, buffer, name);
  if (!text) return tl::unexpected(std::move(text).error());
  auto value = parse_counter(*text);
  if (!value) return rethrow(std::move(value).error(), name);
  if (!*value) return error("read", name, "no number");
  return **value;
}

std::uint64_t keyed_or_zero(const FlatKeyed& keyed, std::string_view key) {
  const auto it = keyed.find(key);
  return it == keyed.end() ? 0 : it->second;
}

// How often a charge failed at this cgroup's own limit, at least. Where memory + swap is limited to
// the same value, its counter is charged first and takes the failures (mm/memcontrol.c,
// try_charge_memcg). Linux 6.18 sometimes counts none at all for a job that was killed at its
// limit: a peak that reached the limit counts as one. Absent without limit.
std::optional<std::uint64_t> limit_hits(const CgroupDir& dir) {
  const auto memory = dir.counter("memory.failcnt");
  const auto limit = dir.counter("memory.limit_in_bytes");
  const auto peak = dir.counter("memory.max_usage_in_bytes");
  if (!memory || !*memory || !limit || !*limit || !peak || !*peak) return std::nullopt;
  const auto with_swap = dir.counter("memory.memsw.failcnt");
  return **memory + (with_swap && *with_swap ? **with_swap : 0) + (**peak >= **limit ? 1 : 0);
}

libcgroup::Values memory_values(const Limits& limits, bool counts_swap) {
  const Limit* limit = limits.find(Resource::memory);
  if (limit == nullptr) return {};
  const std::string bytes = std::to_string(static_cast<std::uint64_t>(limit->value));
  libcgroup::Values values{{"memory.limit_in_bytes", bytes}};
  // memory + swap = memory: no swap. Must follow the memory limit (the kernel keeps memsw >=
  // memory).
  if (counts_swap) values.emplace_back("memory.memsw.limit_in_bytes", bytes);
  return values;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Result<V1Places> place_v1(const CgroupTree& tree, unsigned uid) {
  const Hierarchy* memory = tree.of("memory");
  if (memory == nullptr || memory->v2)
    return error("use", "cgroup v1", "no v1 memory controller is mounted");
  V1Places places{*memory, {}, std::nullopt, std::nullopt};
  auto placement = place(*memory, uid);
  if (!placement) return tl::unexpected(std::move(placement).error());
  places.memory_place = *placement;
  if (const Hierarchy* pids = tree.of("pids"); pids != nullptr && !pids->v2) {
    if (auto where = place(*pids, uid)) {
      places.pids = *pids;
      places.pids_place = *where;
    }
  }
  return places;
}

Result<V1Controllers::Place> V1Controllers::make_place(const Hierarchy& hierarchy,
                                                       const Placement& placement,
                                                       const std::string& controller,
                                                       const GroupRequest& request) {
  const std::string path = placement.path + "/" + request.run_id + "/job";
  const bool counts_swap =
      ::access((hierarchy.own_directory() + "/memory.memsw.limit_in_bytes").c_str(), F_OK) == 0;
  const auto values =
      controller == "memory" ? memory_values(request.limits, counts_swap) : libcgroup::Values{};
  Status created;
  for (int attempt = 0; attempt < kCreateTries; ++attempt) {
    created = libcgroup::create(controller, path, values);
    if (created || created.error().errnum != ENOENT) break;
  }
  Place made;
  made.id = request.run_id;
  made.own_parent = !placement.nested;
  auto parent = CgroupDir::open(hierarchy.mount_point + placement.path);
  if (!created) {
    if (parent) static_cast<void>(parent->remove_child(request.run_id));
    return tl::unexpected(std::move(created).error());
  }
  if (!parent) return tl::unexpected(std::move(parent).error());
  made.parent = std::move(*parent);
  const auto undo = [&](Error failure) -> tl::unexpected<Error> {
    static_cast<void>(made.parent.remove_child(request.run_id));
    return tl::unexpected(std::move(failure));
  };
  auto job = CgroupDir::open(hierarchy.mount_point + path);
  if (!job) return undo(std::move(job).error());
  made.job = std::move(*job);
  // A newborn child is one thread. Moving itself by "0" into `tasks` needs no machine-wide lock,
  // which a write to cgroup.procs takes and which costs up to 9 ms (kernel/cgroup/cgroup.c,
  // cgroup_procs_write_start).
  auto tasks = made.job.open_file("tasks", O_WRONLY);
  if (!tasks) return undo(std::move(tasks).error());
  // In every hierarchy: a nested run finds its place in each by it.
  if (auto named = write_job_attribute(made.job.fd(), made.job.path(), request.attribute); !named)
    return undo(std::move(named).error());
  made.tasks = std::move(*tasks);
  return made;
}

Result<V1Controllers> V1Controllers::create(const V1Places& places, const GroupRequest& request) {
  V1Controllers made;
  auto memory = make_place(places.memory, places.memory_place, "memory", request);
  if (!memory) return rethrow(std::move(memory).error(), "memory cgroup");
  made.memory_ = std::move(*memory);
  const auto undo = [&](Error failure) -> tl::unexpected<Error> {
    std::vector<std::string> ignored;
    made.remove(ignored);
    return tl::unexpected(std::move(failure));
  };

  if (places.pids) {
    auto pids = make_place(*places.pids, *places.pids_place, "pids", request);
    if (!pids) return undo(std::move(pids).error().with_context("pids cgroup"));
    made.pids_ = std::move(*pids);
  }
  if (auto watched = made.watch_memory(); !watched) return undo(std::move(watched).error());
  if (auto seen = made.remember_ancestors(places.memory, places.memory_place); !seen)
    return undo(std::move(seen).error());
  return made;
}

// v1 tells of an OOM through an eventfd registered in cgroup.event_control (cgroup-v1/memory.rst, 9
// and 10).
Status V1Controllers::watch_memory() {
  const auto open = [&](const char* file, Fd& target) -> Status {
    auto fd = memory_.job.open_file(file, O_RDONLY);
    if (!fd) return tl::unexpected(std::move(fd).error());
    target = std::move(*fd);
    return {};
  };
  JOBWARD_RETURN_IF_ERROR(open("memory.usage_in_bytes", usage_file_));
  JOBWARD_RETURN_IF_ERROR(open("memory.max_usage_in_bytes", peak_file_));
  JOBWARD_RETURN_IF_ERROR(open("memory.stat", stat_file_));
  Fd control;
  JOBWARD_RETURN_IF_ERROR(open("memory.oom_control", control));
  Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return errno_error("create", "an eventfd");
  JOBWARD_RETURN_IF_ERROR(memory_.job.write(
      "cgroup.event_control", std::to_string(event.get()) + " " + std::to_string(control.get())));
  oom_event_ = std::move(event);
  return {};
}

Status V1Controllers::remember_ancestors(const Hierarchy& hierarchy, const Placement& placement) {
  for (std::string path = placement.path;; path = parent_of(path)) {
    const std::string directory = hierarchy.mount_point + path;
    auto limit = own_memory_limit(directory, false);
    if (!limit) return tl::unexpected(std::move(limit).error());
    if (*limit) {
      auto dir = CgroupDir::open(directory);
      if (!dir) return tl::unexpected(std::move(dir).error());
      const auto hits = limit_hits(*dir).value_or(0);
      ancestors_.push_back({std::move(*dir), hits});
    }
    if (path.empty()) return {};
  }
}

std::vector<int> V1Controllers::task_files() const {
  std::vector<int> out{memory_.tasks.get()};
  if (pids_) out.push_back(pids_->tasks.get());
  return out;
}

Result<MemorySample> V1Controllers::sample() const {
  MemorySample out;
  auto current = reread_counter(usage_file_, "memory.usage_in_bytes");
  if (!current) return tl::unexpected(std::move(current).error());
  auto peak = reread_counter(peak_file_, "memory.max_usage_in_bytes");
  if (!peak) return tl::unexpected(std::move(peak).error());
  std::array<char, 8192> buffer;
  auto text = reread(stat_file_, buffer, "memory.stat");
  if (!text) return tl::unexpected(std::move(text).error());
  auto stat = parse_flat_keyed(*text);
  if (!stat) return rethrow(std::move(stat).error(), "memory.stat");
  out.current = *current;
  out.peak = *peak;
  // v1's "cache" includes shmem, which cannot be reclaimed without swap; total_* includes nested
  // runs.
  const auto cache = keyed_or_zero(*stat, "total_cache");
  out.shmem = keyed_or_zero(*stat, "total_shmem");
  out.file = cache > out.shmem ? cache - out.shmem : 0;
  out.anon = keyed_or_zero(*stat, "total_rss");
  return out;
}

void V1Controllers::read_final(GroupReport& report) const {
  const auto note = [&](const Error& failure) { report.problems.push_back(failure.message()); };
  if (auto peak = reread_counter(peak_file_, "memory.max_usage_in_bytes"))
    report.usage.set(Metric::memory_peak, static_cast<double>(*peak));
  else
    note(peak.error());
  if (pids_) {
    auto tasks = pids_->job.counter("pids.peak");  // since Linux 6.1
    if (!tasks) note(tasks.error());
    if (tasks && *tasks) {
      report.usage.set(Metric::processes_peak, static_cast<double>(**tasks));
      report.usage.basis["processes_basis"] = "kernel, threads counted";
    }
  }
  for (const auto* file : {"memory.failcnt", "memory.oom_control"})
    if (auto text = memory_.job.read(file); !text) note(text.error());
  report.oom = oom_counters();
}

OomCounters V1Controllers::oom_counters() const {
  OomCounters out;
  out.own_limit_hits = limit_hits(memory_.job).value_or(0);
  const auto control = memory_.job.keyed("memory.oom_control");
  if (control && *control) out.kills = keyed_or_zero(**control, "oom_kill");
  for (const auto& ancestor : ancestors_)
    if (limit_hits(ancestor.dir).value_or(0) > ancestor.hits && out.ancestor.empty())
      out.ancestor = ancestor.dir.path();
  return out;
}

void V1Controllers::remove_place(Place& place, std::vector<std::string>& problems) {
  if (!place.parent.valid()) return;
  place.tasks.reset();
  if (auto removed = remove_drained(place.parent, place.id, {"job"}); !removed)
    problems.push_back(removed.error().message());
  // Shared with other runs: EBUSY is the usual answer while one of them is alive.
  if (place.own_parent) static_cast<void>(::rmdir(place.parent.path().c_str()));
  place.parent = CgroupDir();
}

void V1Controllers::remove(std::vector<std::string>& problems) {
  remove_place(memory_, problems);
  if (pids_) remove_place(*pids_, problems);
}

}  // namespace jobward::host
