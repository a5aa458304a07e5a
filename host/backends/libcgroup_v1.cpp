#include "host/backends/libcgroup_v1.h"

#include <libcgroup.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace jobward::host::libcgroup {
namespace {

// The library's errno is the only part of its diagnosis that can be trusted: "parameter does not
// exist" also stands for EACCES (reference: libcgroup.md 7, 8).
tl::unexpected<Error> library_error(std::string operation, std::string object, int code) {
  return tl::unexpected(Error{std::move(operation),
                              std::move(object),
                              cgroup_get_last_errno(),
                              std::string("libcgroup: ") + cgroup_strerror(code),
                              {}});
}

Status initialise() {
  static const int code = cgroup_init();  // reads /proc/mounts and /proc/cgroups, once a process
  if (code != 0) return library_error("discover", "cgroup controllers", code);
  return {};
}

}  // namespace

Result<std::string> mount_point(const std::string& controller) {
  if (auto ready = initialise(); !ready) return tl::unexpected(std::move(ready).error());
  char* found = nullptr;
  const int code = cgroup_get_subsys_mount_point(controller.c_str(), &found);
  if (code != 0) return library_error("find the mount of controller", controller, code);
  const std::unique_ptr<char, void (*)(void*)> owned(found, &std::free);
  return std::string(owned.get());
}

Status create(const std::string& controller, const std::string& path, const Values& values) {
  auto mount = mount_point(controller);
  if (!mount) return tl::unexpected(std::move(mount).error());
  const std::unique_ptr<cgroup, void (*)(cgroup*)> group(cgroup_new_cgroup(path.c_str()),
                                                         [](cgroup* g) { cgroup_free(&g); });
  if (!group) return error("create cgroup", path, "libcgroup has no memory for it");
  cgroup_controller* part = cgroup_add_controller(group.get(), controller.c_str());
  if (part == nullptr)
    return error("create cgroup", path, "libcgroup refuses controller " + controller);
  for (const auto& [file, text] : values) {
    const int code = cgroup_add_value_string(part, file.c_str(), text.c_str());
    if (code != 0) return library_error("prepare " + file + " of", path, code);
  }
  const int ignore_ownership = 1;  // keep the kernel's owner and modes
  const int code = cgroup_create_cgroup(group.get(), ignore_ownership);
  if (code == 0) return {};
  auto failure = library_error("create cgroup", *mount + path, code);
  ::rmdir((*mount + path).c_str());  // a failed create leaves it behind (libcgroup.md 9)
  return failure;
}

}  // namespace jobward::host::libcgroup
