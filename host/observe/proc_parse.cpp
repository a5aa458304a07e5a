#include "host/observe/proc_parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "common/text.h"

namespace jobward::host {
namespace {

constexpr std::uint64_t kKibi = 1024;

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

tl::unexpected<Error> bad(const char* file, std::string_view what) {
  return error("parse", file, "unexpected text \"" + printable(what.substr(0, 80)) + "\"");
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const auto word : split(line, ' '))
    if (!word.empty()) out.push_back(word);
  return out;
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  for (const auto line : split(text, '\n'))
    if (!line.empty()) out.push_back(line);
  return out;
}

// "MemTotal:       24117248 kB" -> bytes
std::optional<std::uint64_t> kibibytes(std::string_view after_colon) {
  const auto parts = words(trim(after_colon));
  if (parts.size() != 2 || parts[1] != "kB") return std::nullopt;
  const auto value = number<std::uint64_t>(parts[0]);
  if (!value || *value > std::numeric_limits<std::uint64_t>::max() / kKibi) return std::nullopt;
  return *value * kKibi;
}

// The named "Key: N kB" lines of text, each into its slot; lines with other names are passed over.
struct Slot {
  std::string_view key;
  std::optional<std::uint64_t> value;
};
template <std::size_t N>
Status read_slots(std::string_view text, const char* file, std::array<Slot, N>& slots) {
  for (const auto line : lines(text)) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    for (auto& slot : slots) {
      if (line.substr(0, colon) != slot.key) continue;
      slot.value = kibibytes(line.substr(colon + 1));
      if (!slot.value) return bad(file, line);
    }
  }
  return {};
}

Result<PressureLine> pressure_line(std::string_view line) {
  PressureLine out;
  const auto parts = words(line);
  if (parts.size() != 5) return bad("pressure", line);
  const std::array<std::pair<std::string_view, double*>, 3> averages{
      std::pair{std::string_view("avg10="), &out.avg10},
      std::pair{std::string_view("avg60="), &out.avg60},
      std::pair{std::string_view("avg300="), &out.avg300}};
  for (std::size_t i = 0; i < averages.size(); ++i) {
    const auto [key, target] = averages[i];
    const auto part = parts[i + 1];
    const auto value =
        part.substr(0, key.size()) == key ? number<double>(part.substr(key.size())) : std::nullopt;
    if (!value || !(*value >= 0) || !std::isfinite(*value)) return bad("pressure", line);
    *target = *value;
  }
  static constexpr std::string_view kTotal = "total=";
  const auto total = parts[4].substr(0, kTotal.size()) == kTotal
                         ? number<std::uint64_t>(parts[4].substr(kTotal.size()))
                         : std::nullopt;
  if (!total) return bad("pressure", line);
  out.total_us = *total;
  return out;
}

// mountinfo escapes space, tab, newline and backslash in octal (proc(5)).
std::string unescape_octal(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      int value = 0;
      const auto [end, ec] = std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8);
      if (ec == std::errc{} && end == text.data() + i + 4) {
        out += static_cast<char>(value);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// cgroup(7), "Cgroups v1 controllers": the list is closed, no other will be added. A mount's
// options hold much else.
bool is_controller(std::string_view option) {
  static constexpr std::array<std::string_view, 14> kControllers{
      "cpu",   "cpuacct",    "cpuset",   "memory",  "devices", "freezer", "net_cls",
      "blkio", "perf_event", "net_prio", "hugetlb", "pids",    "rdma",    "misc"};
  return std::find(kControllers.begin(), kControllers.end(), option) != kControllers.end() ||
         option.substr(0, 5) == "name=";
}

std::vector<std::string> controllers_of(std::string_view super_options) {
  std::vector<std::string> out;
  for (const auto option : split(super_options, ','))
    if (is_controller(option)) out.emplace_back(option);
  return out;
}

}  // namespace

Result<MemInfo> parse_meminfo(std::string_view text) {
  std::array<Slot, 4> slots{Slot{"MemTotal", {}}, Slot{"MemAvailable", {}}, Slot{"SwapTotal", {}},
                            Slot{"SwapFree", {}}};
  JOBWARD_RETURN_IF_ERROR(read_slots(text, "meminfo", slots));
  for (const auto& slot : slots)
    if (!slot.value) return error("parse", "meminfo", "no line " + std::string(slot.key));
  return MemInfo{*slots[0].value, *slots[1].value, *slots[2].value, *slots[3].value};
}

Result<Pressure> parse_pressure(std::string_view text) {
  std::optional<PressureLine> some;
  std::optional<PressureLine> full;
  for (const auto line : lines(text)) {
    auto parsed = pressure_line(line);
    if (!parsed) return tl::unexpected(std::move(parsed).error());
    if (line.substr(0, 5) == "some ") some = *parsed;
    if (line.substr(0, 5) == "full ") full = *parsed;
  }
  if (!some) return bad("pressure", text);
  return Pressure{*some, full};
}

Result<ProcessStat> parse_stat(std::string_view text) {
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return bad("stat", text);
  ProcessStat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  const auto pid = number<int>(trim(text.substr(0, open)));
  const auto fields = words(trim(text.substr(close + 1)));
  // Field n of proc(5) stands at n - 3, since state (3) is the first after the name.
  if (!pid || fields.size() < 20 || fields[0].size() != 1) return bad("stat", text);
  const auto parent = number<int>(fields[1]);
  const auto group = number<int>(fields[2]);
  const auto session = number<int>(fields[3]);
  const auto user = number<std::uint64_t>(fields[11]);
  const auto system = number<std::uint64_t>(fields[12]);
  // Signed in the kernel; a negative one has never been seen and counts as nothing.
  const auto waited_user = number<std::int64_t>(fields[13]);
  const auto waited_system = number<std::int64_t>(fields[14]);
  const auto threads = number<long>(fields[17]);
  const auto start = number<std::uint64_t>(fields[19]);
  if (!parent || !group || !session || !user || !system || !waited_user || !waited_system ||
      !threads || !start)
    return bad("stat", text);
  stat.pid = *pid;
  stat.state = fields[0][0];
  stat.parent = *parent;
  stat.process_group = *group;
  stat.session = *session;
  stat.user_ticks = *user;
  stat.system_ticks = *system;
  stat.waited_ticks = static_cast<std::uint64_t>(std::max<std::int64_t>(*waited_user, 0)) +
                      static_cast<std::uint64_t>(std::max<std::int64_t>(*waited_system, 0));
  stat.threads = *threads;
  stat.start_ticks = *start;
  return stat;
}

Result<ProcessIo> parse_io(std::string_view text) {
  std::optional<std::uint64_t> read_bytes;
  std::optional<std::uint64_t> write_bytes;
  std::uint64_t transferred = 0;
  for (const auto line : lines(text)) {
    const auto parts = words(line);
    if (parts.size() != 2) return bad("io", line);
    if (parts[0] == "read_bytes:") read_bytes = number<std::uint64_t>(parts[1]);
    if (parts[0] == "write_bytes:") write_bytes = number<std::uint64_t>(parts[1]);
    if (parts[0] == "rchar:" || parts[0] == "wchar:") {
      const auto characters = number<std::uint64_t>(parts[1]);
      if (!characters) return bad("io", line);
      transferred += *characters;
    }
  }
  if (!read_bytes || !write_bytes) return bad("io", text);
  return ProcessIo{*read_bytes, *write_bytes, transferred};
}

Result<ProcessSizes> parse_statm(std::string_view text, std::uint64_t page_bytes) {
  constexpr std::size_t kResident = 1;
  constexpr std::size_t kData = 5;
  const auto fields = words(trim(text));
  if (fields.size() <= kData) return bad("statm", text);
  const auto resident = number<std::uint64_t>(fields[kResident]);
  const auto data = number<std::uint64_t>(fields[kData]);
  if (!resident || !data) return bad("statm", text);
  return ProcessSizes{*resident * page_bytes, *data * page_bytes};
}

Result<std::optional<ProcessMemory>> parse_status_memory(std::string_view text) {
  std::array<Slot, 4> slots{Slot{"RssAnon", {}}, Slot{"RssFile", {}}, Slot{"RssShmem", {}},
                            Slot{"VmSwap", {}}};
  JOBWARD_RETURN_IF_ERROR(read_slots(text, "status", slots));
  if (!slots[0].value || !slots[1].value || !slots[2].value) return std::nullopt;
  return ProcessMemory{*slots[0].value, *slots[1].value, *slots[2].value,
                       slots[3].value.value_or(0)};
}

Result<std::uint64_t> parse_smaps_rollup(std::string_view text) {
  std::array<Slot, 4> slots{Slot{"Pss_Anon", {}}, Slot{"Pss_Shmem", {}}, Slot{"SwapPss", {}},
                            Slot{"Pss", {}}};
  JOBWARD_RETURN_IF_ERROR(read_slots(text, "smaps_rollup", slots));
  const bool split = slots[0].value && slots[1].value;
  if (!split && !slots[3].value) return bad("smaps_rollup", text);
  const std::uint64_t resident = split ? *slots[0].value : *slots[3].value;
  const std::uint64_t shared = split ? *slots[1].value : 0;
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(resident, shared, &sum) ||
      __builtin_add_overflow(sum, slots[2].value.value_or(0), &sum))
    return bad("smaps_rollup", text);
  return sum;
}

Result<FlatKeyed> parse_flat_keyed(std::string_view text) {
  FlatKeyed out;
  for (const auto line : lines(text)) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0) return bad("keyed file", line);
    const auto value = number<std::uint64_t>(trim(line.substr(space + 1)));
    if (!value) return bad("keyed file", line);
    out.insert_or_assign(std::string(line.substr(0, space)), *value);
  }
  return out;
}

Result<std::optional<std::uint64_t>> parse_counter(std::string_view text) {
  const auto body = trim(text);
  if (body == "max") return std::nullopt;
  const auto value = number<std::uint64_t>(body);
  if (!value) return bad("counter", text);
  return std::optional(*value);
}

Result<std::vector<int>> parse_pids(std::string_view text) {
  std::vector<int> pids;
  for (const auto line : lines(text))
    for (const auto word : words(line)) {
      const auto pid = number<int>(word);
      // 0: a process outside our pid namespace; it cannot be named from here.
      if (!pid || *pid < 0) return bad("pid list", line);
      if (*pid > 0) pids.push_back(*pid);
    }
  return pids;
}

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  // NR_CPUS is at most 8192 (arch/x86/Kconfig): a range beyond it is an error, no memory.
  constexpr int kMostCpus = 8192;
  std::vector<int> out;
  const auto body = trim(text);
  if (body.empty()) return out;
  for (const auto part : split(body, ',')) {
    const auto dash = part.find('-');
    const auto first = number<int>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number<int>(part.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= kMostCpus ||
        (!out.empty() && *first <= out.back()))
      return bad("CPU list", text);
    for (int cpu = *first; cpu <= *last; ++cpu)
      out.push_back(cpu);
  }
  return out;
}

Result<std::vector<Membership>> parse_membership(std::string_view text) {
  std::vector<Membership> out;
  for (const auto line : lines(text)) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || !number<int>(line.substr(0, first)) ||
        second + 1 >= line.size() || line[second + 1] != '/')
      return bad("cgroup", line);
    Membership entry;
    const auto names = line.substr(first + 1, second - first - 1);
    if (!names.empty())
      for (const auto name : split(names, ','))
        entry.controllers.emplace_back(name);
    entry.path = line.substr(second + 1);
    out.push_back(std::move(entry));
  }
  return out;
}

Result<std::vector<CgroupMount>> parse_cgroup_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> out;
  for (const auto line : lines(mountinfo)) {
    const auto parts = words(line);
    const auto dash = std::find(parts.begin(), parts.end(), "-");
    // proc(5): id parent dev root point options [optional…] - type source super-options
    if (dash - parts.begin() < 6 || parts.end() - dash < 2) return bad("mountinfo", line);
    const auto type = dash[1];
    if (type != "cgroup" && type != "cgroup2") continue;
    if (parts.end() - dash < 3) return bad("mountinfo", line);
    CgroupMount mount;
    mount.v2 = type == "cgroup2";
    mount.root = unescape_octal(parts[3]);
    mount.point = unescape_octal(parts[4]);
    // The source may be empty, so the options are taken from the end.
    if (!mount.v2) mount.controllers = controllers_of(parts.back());
    const auto options = split(parts[5], ',');
    mount.read_only = std::find(options.begin(), options.end(), "ro") != options.end();
    out.push_back(std::move(mount));
  }
  return out;
}

}  // namespace jobward::host
