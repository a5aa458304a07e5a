#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "host/backends/backends.h"
#include "host/backends/systemd_bus.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {
namespace {

class Chooser {
 public:
  Chooser(const KernelRoots& roots, const CgroupTree& tree) : roots_(roots), tree_(tree) {}

  BackendChoice choose() {
    // Also without the memory controller where there is nothing else: the processes are held
    // together and killed at a stroke.
    const Hierarchy* v2 = tree_.v2();
    const bool is_first = v2 != nullptr && (v2->has("memory") || tree_.mode == CgroupMode::unified);
    if (is_first && use_v2(*v2)) return std::move(choice_);
    if (tree_.mode == CgroupMode::hybrid &&
        take(make_hybrid_backend(tree_, uid_),
             "v1 controllers hold the limits, a v2 leaf the processes"))
      return std::move(choice_);
    if ((tree_.mode == CgroupMode::hybrid || tree_.mode == CgroupMode::v1) &&
        take(make_v1_backend(roots_, tree_, uid_), "v1 controllers alone"))
      return std::move(choice_);
    if (tree_.mode == CgroupMode::none)
      choice_.obstacles.emplace_back(
          "no cgroup hierarchy is mounted, or none that shows this process");
    choice_.backend = make_none_backend(roots_, delegation_command());
    choice_.reason = "no cgroup can be used: the process tree is polled";
    return std::move(choice_);
  }

 private:
  bool take(Result<std::unique_ptr<Backend>> made, std::string reason) {
    if (!made) {
      // The same for hybrid and v1, mostly.
      const auto why = made.error().message();
      if (choice_.obstacles.empty() || choice_.obstacles.back() != why)
        choice_.obstacles.push_back(why);
      return false;
    }
    choice_.backend = std::move(*made);
    choice_.reason = std::move(reason);
    return true;
  }

  bool use_v2(const Hierarchy& v2) {
    auto where = place(v2, uid_);
    if (where && where->nested)
      return take(make_unified_backend(roots_, v2, *where), "inside another run");
    if (booted_by_systemd() && !is_delegated_to_us(v2) &&
        take(make_scope_backend(roots_, v2, uid_), "systemd gives each run a scope of its own"))
      return true;
    if (where)
      return take(make_unified_backend(roots_, v2, *where), "cgroup v2 holds the limits itself");
    choice_.obstacles.push_back(where.error().message());
    return false;
  }

  // How root gives this user a part of the tree, where the job can then be started.
  std::string delegation_command() const {
    const std::string id = std::to_string(uid_);
    const Hierarchy* memory = tree_.of("memory");
    if (memory == nullptr) return {};
    if (booted_by_systemd() && uid_ != 0) return "loginctl enable-linger " + id + "   (as root)";
    const std::string& root = memory->mount_point;
    const std::string own = root + "/user-" + id;
    if (!memory->v2)
      return "mkdir " + own + " && chown -R " + id + " " + own + " && echo PID > " + own +
             "/cgroup.procs   (as root; PID: the shell that runs jobward)";
    return "echo '+memory +pids +cpu' > " + root + "/cgroup.subtree_control; mkdir -p " + own +
           "/shell && echo '+memory +pids +cpu' > " + own + "/cgroup.subtree_control && chown -R " +
           id + " " + own + " && echo PID > " + own +
           "/shell/cgroup.procs   (as root; PID: the shell that runs jobward)";
  }

  // systemd marks what it hands over (user.delegate since version 251). What was handed to the
  // user manager is that manager's, not ours.
  static bool is_delegated_to_us(const Hierarchy& v2) {
    for (std::string path = v2.own_path; !path.empty(); path = path.substr(0, path.rfind('/'))) {
      std::array<char, 8> value{};
      const std::string directory = v2.mount_point + path;
      if (::getxattr(directory.c_str(), "user.delegate", value.data(), value.size()) < 1 ||
          value[0] != '1')
        continue;
      return path.find("/user@") == std::string::npos ||
             path.find(".service", path.rfind("/user@")) + std::string_view(".service").size() !=
                 path.size();
    }
    return false;
  }

  const KernelRoots& roots_;
  const CgroupTree& tree_;
  const unsigned uid_ = ::geteuid();
  BackendChoice choice_;
};

}  // namespace

BackendChoice choose_backend(const KernelRoots& roots, const CgroupTree& tree) {
  return Chooser(roots, tree).choose();
}

}  // namespace jobward::host
