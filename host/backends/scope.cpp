// Under systemd: each run in a transient scope, whose cgroup is delegated to us; of the user's own
// manager, for root of the system's. SCOPE/super holds this process, SCOPE/job/main the job.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "common/text.h"
#include "host/backends/backends.h"
#include "host/backends/limit_support.h"
#include "host/backends/systemd_bus.h"
#include "host/backends/v2_group.h"

namespace jobward::host {
namespace {

constexpr const char* kSlice = "jobward.slice";

std::string scope_of(const std::string& run_id) { return "jobward-" + run_id + ".scope"; }

class ScopeBackend final : public Backend {
 public:
  ScopeBackend(KernelRoots roots, Hierarchy v2, Manager manager, std::string directory,
               V2Controllers controllers)
      : roots_(std::move(roots)),
        v2_(std::move(v2)),
        manager_(manager),
        directory_(std::move(directory)),
        controllers_(std::move(controllers)),
        support_(v2_support(controllers_, counts_swap(v2_))) {}

  std::string_view name() const override { return "systemd-scope"; }
  const Support& support() const override { return support_; }
  std::string parent() const override { return directory_ + "/" + kSlice; }
  std::string reason() const override {
    return manager_ == Manager::user ? "a slice of the user's own systemd" : "a slice of systemd";
  }
  GroupPlace place(const std::string& run_id) const override {
    const std::string job = parent() + "/" + scope_of(run_id) + "/job";
    return {job, job};
  }

  // systemd works on another processor meanwhile.
  void announce(const std::string& run_id, Attachment attachment) override {
    announced_ = run_id;
    bus_ = SystemdBus::connect(manager_);
    if (!bus_) return;
    auto asked = bus_->request_scope(scope_of(run_id), kSlice, "jobward run " + run_id,
                                     attachment == Attachment::detached ? "" : own_unit());
    if (!asked) bus_ = tl::unexpected(std::move(asked).error());
  }

  bool shelter(const std::string& run_id) override {
    if (aside_ == run_id) return true;
    if (announced_ != run_id) announce(run_id, Attachment::detached);
    if (!bus_ || !bus_->await_scope()) return false;
    return static_cast<bool>(step_aside(run_id));
  }

  Result<std::unique_ptr<JobGroup>> create(const GroupRequest& request) override {
    if (announced_ != request.run_id) announce(request.run_id, Attachment::with_caller);
    if (!bus_) return tl::unexpected(bus_.error());
    if (auto started = bus_->await_scope(); !started)
      return tl::unexpected(std::move(started).error());
    const auto capped = set_aggregate(request.aggregate_bytes);
    auto run = step_aside(request.run_id);
    if (!run) return tl::unexpected(std::move(run).error());
    std::vector<std::string> wanted;
    for (auto& controller : v2_needs(request.limits))
      if (controllers_.has(controller)) wanted.push_back(std::move(controller));
    auto leaf = V2Leaf::create_in(std::move(*run), request, wanted);
    if (!leaf) return tl::unexpected(std::move(leaf).error());
    auto group = make_v2_group(roots_, std::move(*leaf), request, controllers_, v2_.mount_point);
    if (group && !capped)
      (*group)->remark("the aggregate cap could not be set: " + capped.error().message());
    return group;
  }

 private:
  // Through systemd, which owns the slice; only when it is another.
  Status set_aggregate(const std::optional<std::uint64_t>& bytes) {
    const auto slice = CgroupDir::open(parent());
    const auto now =
        slice ? slice->counter("memory.max") : Result<std::optional<std::uint64_t>>(std::nullopt);
    if (now && now->has_value() == bytes.has_value() && (!bytes || **now / 4096 == *bytes / 4096))
      return {};
    const auto used = memory_in_use(parent());
    if (bytes && used && *used > *bytes)
      return error("set", parent(),
                   "the jobs there use more than " + std::to_string(*bytes) + " bytes already");
    const auto value = bytes.value_or(UINT64_MAX);  // UINT64_MAX: infinity
    if (bus_->set_memory_max(kSlice, value)) return {};
    // After a long wait for admission systemd may have hung up: all its signals were sent to us.
    bus_ = SystemdBus::connect(manager_);
    if (!bus_) return tl::unexpected(bus_.error());
    return bus_->set_memory_max(kSlice, value);
  }

  // The unit of the same manager that we are started from, if it is one: who stops it stops the
  // run.
  std::string own_unit() const {
    const std::string below = v2_.own_directory() + "/";
    if (below.compare(0, directory_.size() + 1, directory_ + "/") != 0) return {};
    const std::string path = below.substr(directory_.size(), below.size() - directory_.size() - 1);
    for (const auto word : split(path, '/'))
      for (const std::string_view kind : {".service", ".scope"})
        if (word.size() > kind.size() && word.substr(word.size() - kind.size()) == kind)
          return std::string(word);
    return {};
  }

  // systemd has moved us into the scope; v2 wants nobody beside `job` there.
  Result<CgroupDir> step_aside(const std::string& run_id) {
    const std::string directory = parent() + "/" + scope_of(run_id);
    auto scope = CgroupDir::open(directory);
    if (!scope) return scope;
    auto super = scope->child("super", true);
    if (!super) return super;
    if (auto moved = super->write("cgroup.procs", "0"); !moved)
      return tl::unexpected(std::move(moved).error());
    aside_ = run_id;
    return scope;
  }

  KernelRoots roots_;
  Hierarchy v2_;
  Manager manager_;
  std::string directory_;  // that manager's cgroup
  V2Controllers controllers_;
  Support support_;
  std::string announced_;  // the run that was asked for
  std::string aside_;      // the run in whose scope we are
  Result<SystemdBus> bus_ = error("connect to", "systemd", "not yet");  // open for one run
};

// A run must not climb out of a limit that holds its caller.
Status stays_inside(const Hierarchy& v2, const std::string& target) {
  for (std::string path = v2.own_path; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    if ((target + "/").compare(0, path.size() + 1, path + "/") == 0) return {};
    auto limited = has_finite_limit(v2, path, Bounds::but_tasks);
    if (!limited) return tl::unexpected(std::move(limited).error());
    if (*limited)
      return error("use", "a systemd scope",
                   "it would leave the limits of " + v2.mount_point + path);
  }
  return {};
}

// systemd would take our number for that of another process.
bool in_own_pid_namespace(const KernelRoots& roots) {
  constexpr ino_t kInitial = 0xEFFFFFFCU;  // include/linux/proc_ns.h: PROC_PID_INIT_INO
  struct stat info {};
  return ::stat((roots.proc + "/self/ns/pid").c_str(), &info) != 0 || info.st_ino != kInitial;
}

}  // namespace

Result<std::unique_ptr<Backend>> make_scope_backend(const KernelRoots& roots, const Hierarchy& v2,
                                                    unsigned uid) {
  if (auto loaded = SystemdBus::available(); !loaded)
    return rethrow(std::move(loaded).error(), "use a systemd scope (install libsystemd0)");
  if (in_own_pid_namespace(roots))
    return error("use", "a systemd scope",
                 "this process is in a pid namespace (a container): systemd knows it by another "
                 "number");
  const std::string id = std::to_string(uid);
  const Manager manager = uid == 0 ? Manager::system : Manager::user;
  const std::string path =
      uid == 0 ? "" : "/user.slice/user-" + id + ".slice/user@" + id + ".service";
  auto dir = CgroupDir::open(v2.mount_point + path);
  if (!dir)
    return error("use", "a systemd scope",
                 "the user manager does not run (no " + v2.mount_point + path +
                     "); `loginctl enable-linger` starts it for good");
  if (!dir->writable())
    return error("use", "a systemd scope", dir->path() + " is not delegated to this user");
  if (auto inside = stays_inside(v2, path); !inside)
    return tl::unexpected(std::move(inside).error());
  auto controllers = uid == 0 ? probe_controllers(*dir) : probe_user_manager(*dir);
  return std::make_unique<ScopeBackend>(roots, v2, manager, v2.mount_point + path,
                                        std::move(controllers));
}

}  // namespace jobward::host
