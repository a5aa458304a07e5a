#include "host/backends/v1_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/text.h"
#include "common/units.h"
#include "host/backends/drain.h"
#include "host/backends/libcgroup_v1.h"
#include "host/backends/v1_limits.h"

namespace jobward::host {
namespace {

// Another run that ends may remove the shared parent between our mkdirs: start over, a bounded
// number of times. libcgroup does not always keep the errno: what it calls otherwise is tried a
// second time, too.
constexpr int kCreateTries = 20;
constexpr int kTriesOfOthers = 2;

Result<std::string> text_of(const std::string& directory, const char* file) {
  auto dir = CgroupDir::open(directory);
  if (!dir) return tl::unexpected(std::move(dir).error());
  auto text = dir->read(file);
  if (!text) return tl::unexpected(std::move(text).error());
  return std::string(trim(text->value_or("")));
}

// A v1 cpuset starts out empty, and a child may have only what its parent has: P and P/ID are given
// all that is above them (cgroup-v1/cpusets.rst, 1.4).
Status open_cpuset_parents(const V1Place& place, const std::string& run_id, std::string& nodes) {
  const std::string& p = place.placement.path;
  const std::string above = place.placement.nested ? p : p.substr(0, p.rfind('/'));
  auto cpus = text_of(place.hierarchy.mount_point + above, "cpuset.effective_cpus");
  if (!cpus) return tl::unexpected(std::move(cpus).error());
  auto mems = text_of(place.hierarchy.mount_point + above, "cpuset.effective_mems");
  if (!mems) return tl::unexpected(std::move(mems).error());
  nodes = *mems;
  const libcgroup::Values all{{"cpuset.mems", *mems}, {"cpuset.cpus", *cpus}};
  if (!place.placement.nested) JOBWARD_RETURN_IF_ERROR(libcgroup::create("cpuset", p, all));
  return libcgroup::create("cpuset", p + "/" + run_id, all);
}

// v1 refuses a quota above that of the parent; the smaller one is in force anyway.
Limits within_quota(const V1Place& place, Limits limits) {
  const Limit* cpus = limits.find(Resource::cpus);
  if (cpus == nullptr) return limits;
  const std::string& p = place.placement.path;
  const std::string above = place.placement.nested ? p : p.substr(0, p.rfind('/'));
  const auto quota = text_of(place.hierarchy.mount_point + above, "cpu.cfs_quota_us");
  const auto period = text_of(place.hierarchy.mount_point + above, "cpu.cfs_period_us");
  const auto most = quota ? parse_number(*quota) : Result<double>(0.0);
  const auto each = period ? parse_number(*period) : Result<double>(0.0);
  if (!most || !each || *most <= 0 || *each <= 0 || cpus->value <= *most / *each) return limits;
  Limit held = *cpus;
  held.value = *most / *each;
  limits.set(Resource::cpus, std::move(held));
  return limits;
}

Status create_once(const V1Place& place, const GroupRequest& request) {
  std::string nodes;
  if (place.controller == "cpuset")
    JOBWARD_RETURN_IF_ERROR(open_cpuset_parents(place, request.run_id, nodes));
  const bool counts_swap =
      ::access((place.hierarchy.own_directory() + "/memory.memsw.limit_in_bytes").c_str(), F_OK) ==
      0;
  return libcgroup::create(
      place.controller, place.placement.path + "/" + request.run_id + "/job",
      v1_values(place.controller, within_quota(place, request.limits), counts_swap, nodes));
}

}  // namespace

Result<V1Directory> V1Directory::create(const V1Place& place, const GroupRequest& request) {
  Status created;
  for (int attempt = 0; attempt < kCreateTries; ++attempt) {
    created = create_once(place, request);
    if (created || (created.error().errnum != ENOENT && attempt + 1 >= kTriesOfOthers)) break;
  }
  V1Directory made;
  made.controller_ = place.controller;
  made.id_ = request.run_id;
  made.own_parent_ = !place.placement.nested;
  auto parent = CgroupDir::open(place.hierarchy.mount_point + place.placement.path);
  if (!created) {
    if (parent) static_cast<void>(parent->remove_child(request.run_id));
    if (made.own_parent_)  // EBUSY: other runs are alive
      remove_parent(place.hierarchy.mount_point + place.placement.path);
    return rethrow(std::move(created).error(), place.controller + " cgroup");
  }
  if (!parent) return tl::unexpected(std::move(parent).error());
  made.parent_ = std::move(*parent);
  const auto undo = [&](Error failure) -> tl::unexpected<Error> {
    static_cast<void>(made.parent_.remove_child(request.run_id));
    return tl::unexpected(std::move(failure));
  };
  auto job = CgroupDir::open(made.parent_.path() + "/" + request.run_id + "/job");
  if (!job) return undo(std::move(job).error());
  made.job_ = std::move(*job);
  // A newborn child is one thread. Moving itself by "0" into `tasks` needs no machine-wide lock,
  // which a write to cgroup.procs takes and which costs up to 9 ms (kernel/cgroup/cgroup.c,
  // cgroup_procs_write_start).
  auto tasks = made.job_.open_file("tasks", O_WRONLY);
  if (!tasks) return undo(std::move(tasks).error());
  made.tasks_ = std::move(*tasks);
  // In every hierarchy: a nested run finds its place in each by it.
  if (auto named = write_job_attribute(made.job_.fd(), made.job_.path(), request.attribute); !named)
    return undo(std::move(named).error());
  return made;
}

void V1Directory::remove(std::vector<std::string>& problems) {
  if (!parent_.valid()) return;
  tasks_.reset();
  if (auto removed = remove_drained(parent_, id_, {"job"}); !removed)
    problems.push_back(removed.error().message());
  // Shared with other runs: EBUSY is the usual answer while one of them is alive.
  if (own_parent_) remove_parent(parent_.path());
  parent_ = CgroupDir();
}

}  // namespace jobward::host
