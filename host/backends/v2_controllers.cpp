#include "host/backends/v2_controllers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>

#include "common/text.h"
#include "host/backends/limit_support.h"
#include "host/backends/v1_limits.h"

namespace jobward::host {
namespace {

constexpr std::array kControllers{"memory", "pids", "cpu", "cpuset", "io"};
constexpr const char* kStepAside = "jobward-super";

std::string whole(double value) { return std::to_string(static_cast<std::uint64_t>(value)); }

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Result<std::vector<std::string>> words_of(const CgroupDir& dir, const char* file) {
  auto text = dir.read(file);
  if (!text) return tl::unexpected(std::move(text).error());
  std::vector<std::string> out;
  if (!*text) return out;
  for (const auto word : split(trim(**text), ' '))
    if (!word.empty()) out.emplace_back(word);
  return out;
}

// Only the root of the whole hierarchy may have processes beside children with controllers; it is
// the one without cgroup.events.
bool is_true_root(const CgroupDir& dir) { return !dir.has("cgroup.events"); }

// Of what can be seen: also the root of a cgroup namespace.
bool is_topmost(const CgroupDir& dir) {
  const auto slash = dir.path().rfind('/');
  return ::access((dir.path().substr(0, slash) + "/cgroup.controllers").c_str(), F_OK) != 0;
}

// Who keeps the controllers of this directory from being enabled; empty: nobody, ours alone does
// not.
std::string in_the_way(const CgroupDir& dir) {
  if (is_true_root(dir)) return {};
  const auto text = dir.read("cgroup.procs");
  if (!text || !*text) return {};
  const auto self = std::to_string(::getpid());
  for (const auto line : split(**text, '\n')) {
    if (line.empty() || line == self) continue;
    // 0: of another pid namespace than ours.
    return line == "0" ? "a process from outside our pid namespace" : "pid " + std::string(line);
  }
  return {};
}

std::string io_line(const Limits& limits, const std::string& device) {
  std::string line = device;
  const auto add = [&](Resource resource, const char* key) {
    const Limit* limit = limits.find(resource);
    if (limit != nullptr && limit->detail == device) line += key + whole(limit->value);
  };
  add(Resource::io_read_rate, " rbps=");
  add(Resource::io_write_rate, " wbps=");
  return line;
}

void add_io(V2Values& out, const Limits& limits) {
  const Limit* read = limits.find(Resource::io_read_rate);
  const Limit* write = limits.find(Resource::io_write_rate);
  if (read != nullptr) out.emplace_back("io.max", io_line(limits, read->detail));
  if (write != nullptr && (read == nullptr || read->detail != write->detail))
    out.emplace_back("io.max", io_line(limits, write->detail));
}

}  // namespace

V2Values v2_values(const Limits& limits, bool oom_kills_job) {
  V2Values out;
  const auto add = [&](Resource resource, const char* file, const auto& text) {
    if (const Limit* limit = limits.find(resource)) out.emplace_back(file, text(*limit));
  };
  const auto number = [](const Limit& limit) { return whole(limit.value); };
  add(Resource::memory, "memory.max", number);
  add(Resource::swap, "memory.swap.max", number);
  if (oom_kills_job) out.emplace_back("memory.oom.group", "1");
  add(Resource::processes, "pids.max", number);
  add(Resource::cpus, "cpu.max", [](const Limit& limit) {
    return whole(std::round(limit.value * kCpuPeriodUs)) + " " + whole(kCpuPeriodUs);
  });
  add(Resource::cpu_weight, "cpu.weight", number);
  add(Resource::cpuset, "cpuset.cpus", [](const Limit& limit) { return limit.detail; });
  add_io(out, limits);
  return out;
}

std::vector<std::string> v2_needs(const Limits& limits) {
  std::vector<std::string> out{"memory", "pids"};
  if (limits.contains(Resource::cpus) || limits.contains(Resource::cpu_weight))
    out.emplace_back("cpu");
  if (limits.contains(Resource::cpuset)) out.emplace_back("cpuset");
  if (limits.contains(Resource::io_read_rate) || limits.contains(Resource::io_write_rate))
    out.emplace_back("io");
  return out;
}

bool V2Controllers::has(std::string_view controller) const { return contains(usable, controller); }

V2Controllers probe_controllers(const CgroupDir& above) {
  V2Controllers out;
  const auto available = words_of(above, "cgroup.controllers");
  const auto enabled = words_of(above, "cgroup.subtree_control");
  const auto others = in_the_way(above);
  for (const char* name : kControllers) {
    const std::string controller(name);
    if (!available || !enabled) {
      const auto& failure = available ? enabled.error() : available.error();
      out.gaps.push_back({controller, failure.message(), {}});
    } else if (contains(*enabled, controller) ||
               (contains(*available, controller) && others.empty())) {
      out.usable.push_back(controller);
    } else if (contains(*available, controller)) {
      out.gaps.push_back({controller,
                          "cgroup v2 gives controllers to the children of " + above.path() +
                              " only while no process is in it, and " + others + " is",
                          "mkdir " + above.path() + "/others && for p in $(cat " + above.path() +
                              "/cgroup.procs); do echo $p > " + above.path() +
                              "/others/cgroup.procs; done"});
    } else {
      const std::string parent = above.path().substr(0, above.path().rfind('/'));
      out.gaps.push_back({controller,
                          "controller " + controller + " is not available in " + above.path(),
                          is_topmost(above) ? std::string()
                                            : "echo +" + controller + " > " + parent +
                                                  "/cgroup.subtree_control   (as its owner)"});
    }
  }
  return out;
}

V2Controllers probe_user_manager(const CgroupDir& manager) {
  V2Controllers out;
  const auto available = words_of(manager, "cgroup.controllers");
  for (const char* name : kControllers) {
    const std::string controller(name);
    if (available && contains(*available, controller))
      out.usable.push_back(controller);
    else
      out.gaps.push_back(
          {controller,
           "systemd does not delegate controller " + controller + " to " + manager.path(),
           "mkdir -p /etc/systemd/system/user@.service.d && printf "
           "'[Service]\\nDelegate=cpu cpuset io memory pids\\n' > "
           "/etc/systemd/system/user@.service.d/delegate.conf && systemctl "
           "daemon-reload   (as root; then log in again)"});
  }
  return out;
}

Result<bool> enable_controllers(const CgroupDir& dir, const std::vector<std::string>& wanted) {
  auto available = words_of(dir, "cgroup.controllers");
  if (!available) return tl::unexpected(std::move(available).error());
  auto enabled = words_of(dir, "cgroup.subtree_control");
  if (!enabled) return tl::unexpected(std::move(enabled).error());
  std::string text;
  for (const auto& controller : wanted)
    if (contains(*available, controller) && !contains(*enabled, controller))
      text += (text.empty() ? "+" : " +") + controller;
  if (text.empty()) return false;
  auto written = dir.write("cgroup.subtree_control", text);
  if (written) return false;
  if (written.error().errnum != EBUSY || !in_the_way(dir).empty())
    return tl::unexpected(std::move(written).error());
  auto aside = dir.child(kStepAside, true);
  if (!aside) return tl::unexpected(std::move(aside).error());
  JOBWARD_RETURN_IF_ERROR(aside->write("cgroup.procs", "0"));
  JOBWARD_RETURN_IF_ERROR(dir.write("cgroup.subtree_control", text));
  return true;
}

void step_back(const CgroupDir& dir) {
  const auto enabled = words_of(dir, "cgroup.subtree_control");
  if (!enabled) return;
  std::string text;
  for (const auto& controller : *enabled)
    text += (text.empty() ? "-" : " -") + controller;
  if (!text.empty() && !dir.write("cgroup.subtree_control", text)) return;
  if (!dir.write("cgroup.procs", "0")) return;
  static_cast<void>(::unlinkat(dir.fd(), kStepAside, AT_REMOVEDIR));
}

bool counts_swap(const Hierarchy& v2) {
  const auto root = CgroupDir::open(v2.mount_point);
  if (!root) return true;
  for (const auto& name : root->children()) {
    const auto child = root->child(name, false);
    if (child && child->has("memory.current")) return child->has("memory.swap.max");
  }
  return true;
}

Support v2_support(const V2Controllers& controllers, bool counts_swap) {
  Support out = common_support();
  const auto set = [&](Resource resource, std::string_view controller, Enforcement otherwise) {
    if (controllers.has(controller)) return out.set(resource, held_by_kernel());
    for (const auto& gap : controllers.gaps)
      if (gap.controller == controller) out.set(resource, {otherwise, gap.why, gap.mend});
  };
  set(Resource::memory, "memory", Enforcement::polled);
  set(Resource::swap, "memory", Enforcement::none);
  set(Resource::processes, "pids", Enforcement::polled);
  set(Resource::cpus, "cpu", Enforcement::none);
  set(Resource::cpu_weight, "cpu", Enforcement::none);
  set(Resource::cpuset, "cpuset", Enforcement::none);
  set(Resource::io_read_rate, "io", Enforcement::none);
  set(Resource::io_write_rate, "io", Enforcement::none);
  if (controllers.has("memory") && !counts_swap)
    out.set(Resource::swap, not_held("the kernel counts no swap for cgroups (CONFIG_SWAP, or "
                                     "swapaccount=0 at boot)"));
  return out;
}

}  // namespace jobward::host
