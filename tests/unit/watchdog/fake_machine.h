// A machine of 1 GiB with one v2 hierarchy at /cg, as the watchdog sees it.
#pragma once

#include <sys/xattr.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/fake_processes.h"
#include "watchdog/survey.h"

namespace jobward::test {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
inline constexpr std::uint64_t kTotal = 1024 * kMiB;

class FakeMachine {
 public:
  FakeMachine() {
    kernel.mount_v2("/cg", "memory");
    kernel.membership("0::/user\n");
    kernel.cgroup("/cg/user");
    memory(kTotal);
  }

  // Bytes.
  void memory(std::uint64_t available, std::uint64_t swap_total = 0, std::uint64_t swap_free = 0,
              std::uint64_t shmem = 0) {
    const auto line = [](const char* key, std::uint64_t bytes) {
      return std::string(key) + ":   " + std::to_string(bytes / 1024) + " kB\n";
    };
    kernel.proc("meminfo", line("MemTotal", kTotal) + line("MemFree", available) +
                               line("MemAvailable", available) + line("Shmem", shmem) +
                               line("SwapTotal", swap_total) + line("SwapFree", swap_free));
  }
  void process(const FakeProcess& p) { add_process(kernel, p); }
  // A job of root's, with these processes in it.
  void job(const std::string& run, unsigned long anon_mib, const std::vector<FakeProcess>& members,
           const std::string& more = "", unsigned long shmem_mib = 0,
           const std::string& below = "/jobward-0") {
    const std::string path = below + "/" + run + "/job";
    kernel.cgroup("/cg" + path,
                  {{"memory.stat", "anon " + std::to_string(anon_mib * kMiB) + "\nshmem " +
                                       std::to_string(shmem_mib * kMiB) + "\n"}});
    const std::string attribute = "run=" + run + "\nsupervisor=7\nboot=b\nowner=0\n" + more;
    REQUIRE(::setxattr(kernel.path("/cg" + path).c_str(), "user.jobward", attribute.data(),
                       attribute.size(), 0) == 0);
    std::string pids;
    for (auto member : members) {
      member.cgroup = path + "/main";
      add_process(kernel, member);
      pids += std::to_string(member.pid) + "\n";
    }
    kernel.directory().write("/cg" + path + "/main/cgroup.procs", pids);
  }

  FakeKernel kernel;
};

// What looks at it.
struct Eyes {
  explicit Eyes(const FakeMachine& machine, const std::string& within = "")
      : sensor(open_sensor(machine, within)), survey(open_survey(machine, sensor)) {}

  const watchdog::Unit* victim(const watchdog::Config& config = {}) {
    const auto seen = sensor.sense();
    REQUIRE_FALSE(seen.empty());
    return survey.find_victim(config, seen[0]);
  }
  int victim_pid(const watchdog::Config& config = {}) {
    const auto* found = victim(config);
    return found == nullptr ? -1 : found->pid;
  }
  // Why the unit with this pid was not chosen.
  watchdog::Why why(int pid) const {
    for (const auto& unit : survey.units())
      if (unit.pid == pid) return unit.why;
    FAIL("not among the largest: " << pid);
    return {};
  }

  watchdog::Sensor sensor;
  watchdog::Survey survey;

 private:
  static watchdog::Sensor open_sensor(const FakeMachine& machine, const std::string& within) {
    auto made = watchdog::Sensor::open(machine.kernel.roots(), within);
    if (!made) FAIL(made.error().message());
    return std::move(*made);
  }
  static watchdog::Survey open_survey(const FakeMachine& machine, const watchdog::Sensor& sensor) {
    auto made = watchdog::Survey::open(machine.kernel.roots(), sensor);
    if (!made) FAIL(made.error().message());
    return std::move(*made);
  }
};

}  // namespace jobward::test
