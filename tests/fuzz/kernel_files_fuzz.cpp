// Every parser of kernel files takes any bytes: a value that makes sense, or an error; never a
// crash.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/observe/job_attribute.h"
#include "host/observe/kill_mark.h"
#include "host/observe/proc_parse.h"
#include "tests/fuzz/check.h"

using namespace jobward::host;
using jobward::fuzz::require;

namespace {

void check_pressure_line(const PressureLine& line) {
  for (const double average : {line.avg10, line.avg60, line.avg300})
    require(std::isfinite(average) && average >= 0, "a pressure average is a finite share");
}

void check_numbers(std::string_view text) {
  static_cast<void>(parse_meminfo(text));
  static_cast<void>(parse_io(text));
  static_cast<void>(parse_statm(text, 4096));
  static_cast<void>(parse_status_memory(text));
  static_cast<void>(parse_smaps_rollup(text));
  static_cast<void>(parse_counter(text));
  if (const auto pressure = parse_pressure(text)) {
    check_pressure_line(pressure->some);
    if (pressure->full) check_pressure_line(*pressure->full);
  }
  if (const auto pids = parse_pids(text))
    for (const int pid : *pids)
      require(pid > 0, "a listed pid can be signalled");
}

// A keyed file that is written out again reads the same.
void check_keyed(std::string_view text) {
  const auto keyed = parse_flat_keyed(text);
  if (!keyed) return;
  std::string again;
  for (const auto& [key, value] : *keyed)
    again += key + " " + std::to_string(value) + "\n";
  const auto reread = parse_flat_keyed(again);
  require(reread && *reread == *keyed, "keyed values survive being written out", again);
}

// Ascending CPUs that a machine can have; written out again it reads the same.
void check_cpu_list(std::string_view text) {
  constexpr int kMostCpus = 8192;
  const auto cpus = parse_cpu_list(text);
  if (!cpus) return;
  std::string again;
  int before = -1;
  for (const int cpu : *cpus) {
    require(cpu > before && cpu < kMostCpus, "CPUs are ascending and bounded", text);
    before = cpu;
    again += (again.empty() ? "" : ",") + std::to_string(cpu);
  }
  const auto reread = parse_cpu_list(again);
  require(reread && *reread == *cpus, "a list of CPUs survives being written out", text);
}

// The name is between the first '(' and the last ')', whatever it holds.
void check_stat(std::string_view text) {
  const auto stat = parse_stat(text);
  if (stat) {
    const auto open = text.find('(');
    const auto name = text.substr(open + 1, text.rfind(')') - open - 1);
    require(stat->name == name, "the name ends at the last parenthesis", text);
  }
  const std::string wrapped =
      "7 (" + std::string(text) + ") S 1 2 3 0 -1 0 0 0 0 0 8 9 0 0 20 0 1 0 55 0 0 0\n";
  const auto hostile = parse_stat(wrapped);
  require(hostile && hostile->name == text && hostile->state == 'S' && hostile->start_ticks == 55,
          "any name can be parsed", wrapped);
}

void check_cgroups(std::string_view text) {
  if (const auto list = parse_membership(text))
    for (const auto& entry : *list)
      require(entry.path.front() == '/', "a cgroup path is absolute");
  if (const auto mounts = parse_cgroup_mounts(text))
    for (const auto& mount : *mounts)
      require(!mount.v2 || mount.controllers.empty(), "a v2 mount names no controllers");
}

void check_attribute(std::string_view text) {
  const auto first = decode_job_attribute(text);
  if (!first) return;
  require(!first->run_id.empty(), "a job attribute names its run");
  require(first->supervisor_pid > 0, "a supervisor is a process", text);
  const auto second = decode_job_attribute(encode(*first));
  require(second && encode(*second) == encode(*first), "a job attribute survives being written out",
          text);
}

void check_kill_mark(std::string_view text) {
  const auto first = parse_kill_mark(text);
  if (!first) return;
  KillMarkBuffer buffer;
  const auto second = parse_kill_mark(format_kill_mark(*first, buffer));
  require(second && *second == *first, "a kill mark survives being written out", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_numbers(text);
  check_keyed(text);
  check_cpu_list(text);
  check_stat(text);
  check_cgroups(text);
  check_attribute(text);
  check_kill_mark(text);
  return 0;
}
