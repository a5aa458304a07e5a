#include "cli/limit_options.h"

#include <bitset>
#include <charconv>

#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

// PID_MAX_LIMIT of 64-bit kernels.
constexpr int kMostProcesses = 4'194'304;
// The highest that fs.nr_open can be set to (sysctl_nr_open_max).
constexpr int kMostOpenFiles = 2'147'483'584;

std::string in_quotes(std::string_view text) { return "\"" + printable(text) + "\""; }

Limit limit_of(double value, std::string detail = {}) {
  return {value, {}, LimitOrigin::asked, std::move(detail)};
}

Result<Limit> parse_memory(std::string_view text) {
  auto bytes = parse_bytes(text);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  if (*bytes == 0) return error("use", "a memory limit of 0", "a job cannot start without memory");
  return limit_of(static_cast<double>(*bytes));
}

Result<Limit> parse_swap(std::string_view text) {
  auto bytes = parse_bytes(text);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  return limit_of(static_cast<double>(*bytes));
}

Result<Limit> parse_duration(std::string_view text) {
  auto seconds = parse_duration_seconds(text);
  if (!seconds) return tl::unexpected(std::move(seconds).error());
  if (*seconds <= 0) return error("use", "a duration of " + in_quotes(text), "no time at all");
  return limit_of(*seconds);
}

Result<Limit> parse_cpus(std::string_view text) {
  auto cpus = parse_number(text);
  const bool plain = text.find_first_not_of("0123456789.") == std::string_view::npos;
  if (!cpus || !plain)
    return error("read number of CPUs", in_quotes(text), "expected a number such as 2 or 1.5");
  // The kernel takes no quota below 1 ms in a period of 100 ms.
  if (*cpus < 0.01 || *cpus > kMostCpus)
    return error("use", in_quotes(text) + " CPUs",
                 "it must be between 0.01 and " + std::to_string(kMostCpus));
  return limit_of(*cpus);
}

Result<Limit> integer_limit(std::string_view text, std::string_view what, int low, int high) {
  auto value = parse_integer(text, what, low, high);
  if (!value) return tl::unexpected(std::move(value).error());
  return limit_of(*value);
}

Result<Limit> parse_weight(std::string_view text) {
  return integer_limit(text, "CPU weight", 1, 10'000);
}

Result<Limit> parse_processes(std::string_view text) {
  return integer_limit(text, "number of processes", 1, kMostProcesses);
}

Result<Limit> parse_open_files(std::string_view text) {
  return integer_limit(text, "number of open files", 1, kMostOpenFiles);
}

Result<Limit> parse_cpuset(std::string_view text) {
  auto list = parse_cpu_list(text);
  if (!list) return tl::unexpected(std::move(list).error());
  return limit_of(list->count, std::move(list->text));
}

Result<Limit> parse_rate(std::string_view text) {
  const auto at = text.find('@');
  std::string rate(text.substr(0, at));
  const std::string path(at == std::string_view::npos ? "" : text.substr(at + 1));
  if (at != std::string_view::npos && path.empty())
    return error("read rate", in_quotes(text), "no path after the @");
  if (path.find('\0') != std::string::npos)
    return error("read rate", in_quotes(text), "the path has a NUL byte in it");
  if (rate.find('/') == std::string::npos) rate += "/s";
  auto bytes = parse_bytes_per_second(rate);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  if (*bytes == 0) return error("use", "a rate of " + in_quotes(rate), "it would never end");
  return limit_of(static_cast<double>(*bytes), path);
}

Result<int> parse_cpu(std::string_view text, std::string_view whole) {
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = ec == std::errc{} && end == text.data() + text.size() && text[0] != '-';
  if (!number && ec != std::errc::result_out_of_range)
    return error("read list of CPUs", in_quotes(whole), "expected one such as 0-3,8");
  if (!number || value >= kMostCpus)
    return error("read list of CPUs", in_quotes(whole),
                 "no machine has a CPU " + printable(text) + " (at most " +
                     std::to_string(kMostCpus - 1) + ")");
  return value;
}

std::string write_cpu_list(const std::bitset<kMostCpus>& cpus) {
  std::string text;
  for (std::size_t first = 0; first < cpus.size(); ++first) {
    if (!cpus[first]) continue;
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1])
      ++last;
    text += (text.empty() ? "" : ",") + std::to_string(first);
    if (last > first) text += "-" + std::to_string(last);
    first = last;
  }
  return text;
}

}  // namespace

const std::array<LimitOption, 12>& limit_options() {
  static constexpr std::array<LimitOption, 12> kTable{{
      {"mem", "--mem", Resource::memory, BareNumber::no, "auto|SIZE", "8G",
       "Memory limit: auto (from past runs; the default), or a size such as 8G or 500M",
       parse_memory},
      {"swap", "--swap", Resource::swap, BareNumber::zero, "SIZE", "0",
       "Swap beside the memory limit (0 where there is one)", parse_swap},
      {"time", "--time", Resource::wall, BareNumber::no, "DURATION", "2h",
       "Wall-clock limit such as 90s or 2h: then TERM to the whole job, a grace (10 s), KILL",
       parse_duration},
      {"cpu_time", "--cpu-time", Resource::cpu_time, BareNumber::no, "DURATION", "4h",
       "CPU time that all processes of the job together may use", parse_duration},
      {"stall", "--stall", Resource::stall, BareNumber::no, "DURATION", "20m",
       "End the job when it has used no CPU, done no I/O and written nothing for so long",
       parse_duration},
      {"cpus", "--cpus", Resource::cpus, BareNumber::yes, "NUMBER", "1.5",
       "How many CPUs' worth of time the job may use at once", parse_cpus},
      {"cpu_weight", "--cpu-weight", Resource::cpu_weight, BareNumber::yes, "1..10000", "100",
       "Its share of the CPU when there is not enough for all (others have 100)", parse_weight},
      {"cpuset", "--cpuset", Resource::cpuset, BareNumber::yes, "LIST", "0-3,8",
       "The CPUs it may run on, such as 0-3,8", parse_cpuset},
      {"pids", "--pids", Resource::processes, BareNumber::yes, "NUMBER", "512",
       "How many processes and threads the job may have", parse_processes},
      {"io_read", "--io-read", Resource::io_read_rate, BareNumber::no, "RATE[@PATH]", "100M/s",
       "Reads a second, such as 100M/s, from the device that PATH is on (the working directory)",
       parse_rate},
      {"io_write", "--io-write", Resource::io_write_rate, BareNumber::no, "RATE[@PATH]", "100M/s",
       "The same for writes", parse_rate},
      {"open_files", "--open-files", Resource::open_files, BareNumber::yes, "NUMBER", "1024",
       "How many files each of its processes may have open", parse_open_files},
  }};
  return kTable;
}

const LimitOption* find_limit_option(std::string_view key) {
  for (const auto& option : limit_options())
    if (option.key == key) return &option;
  return nullptr;
}

const LimitOption* find_limit_option(Resource resource) {
  for (const auto& option : limit_options())
    if (option.resource == resource) return &option;
  return nullptr;
}

Result<int> parse_integer(std::string_view text, std::string_view what, int low, int high) {
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool huge = ec == std::errc::result_out_of_range;
  if (!huge && (ec != std::errc{} || end != text.data() + text.size()))
    return error("read " + std::string(what), in_quotes(text), "expected a whole number");
  if (huge || value < low || value > high)
    return error("use", std::string(what) + " " + printable(text),
                 "it must be between " + std::to_string(low) + " and " + std::to_string(high));
  return value;
}

Result<CpuList> parse_cpu_list(std::string_view text) {
  std::bitset<kMostCpus> cpus;
  for (const auto part : split(text, ',')) {
    const auto dash = part.find('-');
    auto first = parse_cpu(part.substr(0, dash), text);
    if (!first) return tl::unexpected(std::move(first).error());
    auto last = dash == std::string_view::npos ? first : parse_cpu(part.substr(dash + 1), text);
    if (!last) return tl::unexpected(std::move(last).error());
    if (*last < *first)
      return error("read list of CPUs", in_quotes(text),
                   "the range " + printable(part) + " goes downwards");
    for (int cpu = *first; cpu <= *last; ++cpu)
      cpus.set(static_cast<std::size_t>(cpu));
  }
  return CpuList{write_cpu_list(cpus), static_cast<int>(cpus.count())};
}

}  // namespace jobward::cli
