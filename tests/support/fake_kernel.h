// A tree of files that looks like /proc and mounted cgroup hierarchies, in a directory of its own.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "host/observe/kernel_roots.h"
#include "tests/support/temporary_directory.h"

namespace jobward::test {

class FakeKernel {
 public:
  using Files = std::map<std::string, std::string>;

  FakeKernel() {
    mount_line("/", "/", "ext4", "rw");
    membership("");
  }

  [[nodiscard]] host::KernelRoots roots() const { return {dir_.path("proc"), dir_.path()}; }
  // Where something lies, as the code under test names it.
  [[nodiscard]] std::string path(const std::string& absolute) const {
    return dir_.path() + absolute;
  }

  void proc(const std::string& name, std::string_view text) { dir_.write("proc/" + name, text); }
  // /proc/self/cgroup
  void membership(std::string_view text) { proc("self/cgroup", text); }
  void mount_line(const std::string& root, const std::string& point, const std::string& type,
                  const std::string& super_options) {
    mountinfo_ += "36 25 0:31 " + root + " " + point + " rw,nosuid - " + type + " " + type + " " +
                  super_options + "\n";
    proc("self/mountinfo", mountinfo_);
  }
  void mount_v1(const std::string& point, const std::string& controllers,
                const std::string& root = "/") {
    mount_line(root, point, "cgroup", "rw," + controllers);
    cgroup(point);
  }
  void mount_v2(const std::string& point, const std::string& controllers,
                const std::string& root = "/") {
    mount_line(root, point, "cgroup2", "rw");
    cgroup(point, {{"cgroup.controllers", controllers + "\n"}});
  }
  // A cgroup directory with these files besides cgroup.procs.
  void cgroup(const std::string& directory, const Files& files = {}) {
    dir_.write(directory + "/cgroup.procs", "");
    for (const auto& [name, text] : files)
      dir_.write(directory + "/" + name, text);
  }
  void cgroup_v1_memory(const std::string& directory, const std::string& limit,
                        const std::string& usage, const std::string& inactive_file) {
    cgroup(directory, {{"memory.limit_in_bytes", limit + "\n"},
                       {"memory.usage_in_bytes", usage + "\n"},
                       {"memory.stat",
                        "cache 999\ninactive_file 7\ntotal_cache 999\n"
                        "total_inactive_file " +
                            inactive_file + "\n"}});
  }
  [[nodiscard]] const TemporaryDirectory& directory() const { return dir_; }

 private:
  TemporaryDirectory dir_;
  std::string mountinfo_;
};

}  // namespace jobward::test
