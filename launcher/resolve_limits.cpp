#include "launcher/resolve_limits.h"

#include <sched.h>

#include <algorithm>

#include "common/files.h"
#include "common/text.h"
#include "host/observe/block_device.h"
#include "host/observe/proc_parse.h"

namespace jobward::launcher {
namespace {

Status check_cpuset(const host::KernelRoots& roots, const Limit& limit) {
  auto text = read_file(roots.mount_prefix + "/sys/devices/system/cpu/online");
  if (!text) return tl::unexpected(std::move(text).error());
  auto online = host::parse_cpu_list(*text);
  if (!online) return rethrow(std::move(online).error(), "CPUs that are online");
  auto wanted = host::parse_cpu_list(limit.detail);
  if (!wanted) return tl::unexpected(std::move(wanted).error());
  for (const int cpu : *wanted)
    if (std::find(online->begin(), online->end(), cpu) == online->end())
      return error("use", "CPU " + std::to_string(cpu) + " of " + limit.source + " " + limit.detail,
                   "it is not online; there are " + std::string(trim(*text)));
  // What encloses us (a cpuset, another run, taskset) has the last word in the kernel.
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {};
  for (const int cpu : *wanted)
    if (cpu < CPU_SETSIZE && !CPU_ISSET(static_cast<std::size_t>(cpu), &allowed))
      return error("use", "CPU " + std::to_string(cpu) + " of " + limit.source + " " + limit.detail,
                   "it is outside of what encloses this process (a cpuset, another run, taskset)");
  return {};
}

}  // namespace

Status resolve_limits(const host::KernelRoots& roots, const std::string& directory,
                      Limits& limits) {
  if (const Limit* cpuset = limits.find(Resource::cpuset))
    JOBWARD_RETURN_IF_ERROR(check_cpuset(roots, *cpuset));
  for (const Resource resource : {Resource::io_read_rate, Resource::io_write_rate}) {
    const Limit* found = limits.find(resource);
    if (found == nullptr) continue;
    Limit limit = *found;
    auto device = host::block_device_of(roots, limit.detail.empty() ? directory : limit.detail);
    if (!device) return rethrow(std::move(device).error(), limit.source);
    limit.detail = std::move(*device);
    limits.set(resource, std::move(limit));
  }
  return {};
}

}  // namespace jobward::launcher
