#include "host/observe/host_snapshot.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/files.h"
#include "common/text.h"

namespace jobward::host {
namespace {

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  const long online = ::sysconf(_SC_NPROCESSORS_ONLN);  // more CPUs than a cpu_set_t holds
  return online > 0 ? static_cast<int>(online) : 1;
}

std::string trimmed_file(const std::string& path) {
  const auto text = read_file(path, 4096);
  return text ? std::string(trim(*text)) : std::string();
}

}  // namespace

std::uint64_t HostSnapshot::capacity() const {
  return enclosing ? std::min(memory.total, enclosing->limit) : memory.total;
}

std::uint64_t HostSnapshot::available() const {
  return enclosing ? std::min(memory.available, enclosing->room()) : memory.available;
}

Result<HostSnapshot> read_host_snapshot(const KernelRoots& roots, const CgroupTree& tree) {
  HostSnapshot snapshot;
  auto text = read_file(roots.proc + "/meminfo");
  if (!text) return tl::unexpected(std::move(text).error());
  auto memory = parse_meminfo(*text);
  if (!memory) return tl::unexpected(std::move(memory).error());
  snapshot.memory = *memory;
  snapshot.cpus = usable_cpus();
  // Unreadable means switched off (EOPNOTSUPP) or not built in (ENOENT): either way not measured.
  if (const auto psi = read_file(roots.proc + "/pressure/memory")) {
    auto pressure = parse_pressure(*psi);
    if (!pressure) return rethrow(std::move(pressure).error(), roots.proc + "/pressure/memory");
    snapshot.memory_pressure = *pressure;
  }
  auto enclosing = tightest_memory_limit(tree);
  if (!enclosing) return rethrow(std::move(enclosing).error(), "enclosing memory limit");
  snapshot.enclosing = *enclosing;
  return snapshot;
}

MachineIdentity read_machine_identity(const KernelRoots& roots) {
  MachineIdentity identity;
  identity.machine_id = trimmed_file("/etc/machine-id");
  if (identity.machine_id.empty()) {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) identity.machine_id = name.data();
  }
  identity.boot_id = trimmed_file(roots.proc + "/sys/kernel/random/boot_id");
  std::array<char, 64> link{};
  const std::string ns = roots.proc + "/self/ns/pid";
  if (::readlink(ns.c_str(), link.data(), link.size() - 1) > 0)
    identity.pid_namespace = link.data();
  return identity;
}

}  // namespace jobward::host
