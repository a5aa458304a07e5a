#include "cli/render_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "cli/limit_options.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

std::string line(const std::string& name, const std::string& value) {
  return "  " + padded(name, 13) + value + "\n";
}

std::string predicted_words(const profiles::RunRequest& request) {
  const auto* predicted = request.estimate.by.find(Resource::memory);
  if (predicted == nullptr || request.estimate.level == Level::everything) return "";
  return " (predicted " + format_bytes(predicted->p50) + ", p99 " + format_bytes(predicted->p99) +
         ")";
}

std::string memory_words(const profiles::RunRequest& request, const profiles::RunEnding& ending) {
  std::string text;
  const auto need = ending.usage.get(Metric::memory_need);
  if (ending.outcome == Outcome::memory_limit)
    return predicted_words(request);  // the cause has named limit and peak
  if (need) text += "; memory " + format_bytes(*need);
  if (const auto* limit = request.limits.find(Resource::memory))
    text += (need ? " of the " : "; memory limit ") +
            format_bytes(ending.raises.empty() ? limit->value : ending.raises.back().to) +
            (need ? " limit" : "");
  return need ? text + predicted_words(request) : text;
}

// Whoever runs into a policy's limit cannot raise it.
std::string raise_words(const profiles::RunRequest& request, Resource resource) {
  const auto* limit = request.limits.find(resource);
  if (limit != nullptr && limit->origin == LimitOrigin::policy)
    return "; the system's policy sets it (" + limit->source + ")";
  const auto* option = find_limit_option(resource);
  return "; give it more with " + std::string(option == nullptr ? "" : option->flag);
}

std::string memory_advice(const profiles::RunRequest& request) {
  const auto* limit = request.limits.find(Resource::memory);
  const auto* predicted = request.estimate.by.find(Resource::memory);
  if (limit != nullptr && limit->origin == LimitOrigin::policy)
    return raise_words(request, Resource::memory);
  const bool flag = limit != nullptr && limit->source == "--mem";
  if (!flag && (limit == nullptr || limit->origin == LimitOrigin::automatic))
    return "; the next automatic limit will be higher";
  const bool known = predicted != nullptr && predicted->p99 > limit->value &&
                     request.estimate.level != Level::everything;
  return (flag ? std::string("; leave --mem out, or give it more")
               : "; give it more with --mem than " + limit->source + " does") +
         (known ? ": past runs suggest " + format_bytes(predicted->p99) : std::string());
}

// What to do about an end that is not the job's own doing.
std::string advice(const launcher::RunResult& result) {
  const auto& request = result.request;
  const std::string show = "; see `jobward show " + request.id + "`";
  switch (result.ending.outcome) {
    case Outcome::memory_limit:
      return memory_advice(request) + show;
    case Outcome::wall_limit:
      return raise_words(request, Resource::wall) + show;
    case Outcome::cpu_limit:
      return raise_words(request, Resource::cpu_time) + show;
    case Outcome::pids_limit:
      return raise_words(request, Resource::processes) + show;
    case Outcome::stall_limit:
      return raise_words(request, Resource::stall) + show;
    case Outcome::aggregate_limit:
      return "; run fewer at once: `jobward doctor` shows the cap on all jobs together" + show;
    case Outcome::system_oom:
      return show + " and `jobward doctor`";
    default:
      return "";
  }
}

std::string state_word(const profiles::RunRecord& run, bool alive) {
  if (run.ending) return std::string(to_string(run.ending->outcome));
  if (!alive) return "supervisor gone";
  return run.state == profiles::RunState::queued ? "waiting" : "running";
}

std::optional<double> wall_of(const profiles::RunRecord& run) {
  return run.ending ? run.ending->usage.get(Metric::wall) : std::nullopt;
}

std::optional<double> need_of(const profiles::RunRecord& run) {
  return run.ending ? run.ending->usage.get(Metric::memory_need) : std::nullopt;
}

// What a run that was ended at its limit used is not what it needed.
std::string need_words(const profiles::RunRecord& run) {
  const auto need = need_of(run);
  if (!need) return "-";
  return (run.ending->outcome == Outcome::memory_limit ? ">" : "") + format_bytes(*need);
}

std::string usage_lines(const Usage& usage) {
  std::string out;
  const auto add = [&](const char* name, Metric metric, auto format, const char* basis) {
    const auto value = usage.get(metric);
    if (!value) return;
    const auto how = usage.basis.find(basis);
    out += line(name, format(*value) + (how == usage.basis.end() ? "" : "  (" + how->second + ")"));
  };
  const auto bytes = [](double value) { return format_bytes(value); };
  const auto seconds = [](double value) { return format_duration(value); };
  add("memory need", Metric::memory_need, bytes, "need_basis");
  add("kernel peak", Metric::memory_peak, bytes, "");
  add("anonymous", Metric::memory_anon_peak, bytes, "");
  add("page cache", Metric::memory_file_peak, bytes, "");
  add("shared", Metric::memory_shmem_peak, bytes, "");
  add("wall time", Metric::wall, seconds, "");
  add("CPU user", Metric::cpu_user, seconds, "cpu_basis");
  add("CPU system", Metric::cpu_system, seconds, "");
  add("read", Metric::io_read, bytes, "io_basis");
  add("written", Metric::io_write, bytes, "");
  add("disk growth", Metric::disk_growth, bytes, "disk_growth_basis");
  add(
      "processes", Metric::processes_peak,
      [](double value) { return std::to_string(std::lround(value)); }, "processes_basis");
  add("mem pressure", Metric::pressure_memory_some, seconds, "");
  return out;
}

std::string limit_lines(const profiles::RunRequest& request) {
  std::string out;
  request.limits.for_each([&](Resource resource, const Limit& limit) {
    const auto* how = request.enforcement.find(resource);
    out += line(label(resource),
                limit_value(resource, limit) + "  (" + printable(limit.source) + ", " +
                    std::string(to_string(how == nullptr ? Enforcement::none : *how)) + ")");
  });
  return out.empty() ? "  none\n" : out;
}

}  // namespace

std::string label(Resource resource) {
  switch (resource) {
    case Resource::memory:
    case Resource::swap:
    case Resource::stall:
    case Resource::processes:
      return std::string(info(resource).name);
    case Resource::wall:
      return "wall time";
    case Resource::cpu_time:
      return "CPU time";
    case Resource::io_read:
      return "read";
    case Resource::io_write:
      return "written";
    case Resource::disk_growth:
      return "disk growth";
    case Resource::cpus:
      return "CPUs";
    case Resource::cpu_weight:
      return "CPU weight";
    case Resource::cpuset:
      return "CPU set";
    case Resource::open_files:
      return "open files";
    case Resource::io_read_rate:
      return "read rate";
    case Resource::io_write_rate:
      return "write rate";
  }
  return "";
}

std::string shortened(const std::string& text, std::size_t length) {
  if (text.size() <= length) return text;
  std::size_t cut = length - 3;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U)
    --cut;
  return text.substr(0, cut) + "...";
}

std::string padded(std::string text, std::size_t width) {
  // Columns count characters, not bytes.
  const auto characters =
      static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
      }));
  if (characters < width) text.append(width - characters, ' ');
  return text;
}

std::string quantity(Resource resource, double value) {
  // A prediction of them need not be whole; they are.
  if (resource == Resource::processes) return std::to_string(std::lround(value));
  return format_quantity(info(resource).unit, value);
}

std::string limit_value(Resource resource, const Limit& limit) {
  std::string detail = printable(limit.detail);
  if (resource == Resource::cpuset && !detail.empty()) return detail;
  return quantity(resource, limit.value) + (detail.empty() ? "" : " on " + detail);
}

std::string local_time(UnixMillis ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string end_line(const launcher::RunResult& result) {
  if (result.earlier) {
    const auto& run = *result.earlier;
    return "run " + run.request.id + " answers for this request id: " +
           (run.ending ? std::string(to_string(run.ending->outcome)) + ": " + run.ending->cause
                       : "it goes on");
  }
  const auto& ending = result.ending;
  std::string text = result.request.id.empty() ? "" : result.request.id + " ";
  text += to_string(ending.outcome);
  if (!result.started) {
    text += ": " + ending.cause;
    if (ending.outcome == Outcome::not_admitted)
      text += result.request.parent_run
                  ? "; nothing was started: give the run around it more with --mem"
                  : "; nothing was started: try again later, or wait for it (longer) with --wait; "
                    "`jobward ps` lists what goes on";
    return text;
  }
  if (const auto wall = ending.usage.get(Metric::wall)) text += " after " + format_duration(*wall);
  if (ending.outcome != Outcome::ok || ending.cause != "exit status 0") text += ": " + ending.cause;
  text += memory_words(result.request, ending);
  if (ending.outcome != Outcome::ok && ending.exit_source == "jobward" && ending.exit_code)
    text += "; exit status " + std::to_string(*ending.exit_code);
  return text + advice(result);
}

std::string estimate_table(const Estimate& estimate) {
  // What all programs together used says nothing about this one; it stays in the JSON.
  if (estimate.by.empty() || estimate.level == Level::everything)
    return "  nothing is known about this command yet\n";
  std::string out = "  " + padded("", 13) + padded("p50", 12) + padded("p95", 12) + "p99\n";
  estimate.by.for_each([&](Resource resource, const Quantiles& q) {
    out += "  " + padded(label(resource), 13) + padded(quantity(resource, q.p50), 12) +
           padded(quantity(resource, q.p95), 12) + quantity(resource, q.p99) + "\n";
  });
  return out;
}

std::string history_table(const std::vector<profiles::RunRecord>& runs,
                          const std::vector<bool>& alive) {
  std::string out = padded("RUN", 12) + padded("ASKED", 21) + padded("OUTCOME", 16) +
                    padded("WALL", 10) + padded("MEMORY", 11) + padded("LIMIT", 11) + "COMMAND\n";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& run = runs[i];
    const auto wall = wall_of(run);
    const auto* limit = run.request.limits.find(Resource::memory);
    const std::string name =
        run.request.name.empty() ? "" : "[" + printable(run.request.name) + "] ";
    out += padded(run.request.id, 12) + padded(local_time(run.at.created), 21) +
           padded(state_word(run, alive[i]), 16) + padded(wall ? format_duration(*wall) : "-", 10) +
           padded(need_words(run), 11) +
           padded(limit != nullptr ? format_bytes(limit->value) : "none", 11) + name +
           shortened(shell_quoted(run.request.argv), 80) + "\n";
  }
  return out;
}

std::string run_details(const profiles::RunRecord& run, bool alive) {
  const auto& request = run.request;
  std::string out = "run " + request.id +
                    (request.name.empty() ? "" : " \"" + printable(request.name) + "\"") + ": " +
                    state_word(run, alive) + "\n";
  if (run.ending) out += line("cause", printable(run.ending->cause));
  if (run.ending && run.ending->exit_code)
    out += line("exit status", std::to_string(*run.ending->exit_code) +
                                   (run.ending->exit_source == "job" ? "  (the job's own)"
                                                                     : "  (set by jobward)"));
  out += line("command", shell_quoted(request.argv)) + line("directory", printable(request.cwd)) +
         line("project", printable(request.project)) + line("program", printable(request.program));
  if (!request.kind.empty()) out += line("kind", printable(request.kind) + "  (--kind)");
  out += line("asked for", local_time(run.at.created));
  if (run.at.spawned) out += line("started", local_time(*run.at.spawned));
  if (run.at.ended) out += line("ended", local_time(*run.at.ended));
  std::string actor = "uid " + std::to_string(request.actor.uid);
  for (const auto& [key, value] : request.actor.claims)
    actor += ", " + printable(key + " " + value) + " (claimed)";
  out += line("asked by", actor);
  if (request.parent_run) out += line("inside run", printable(*request.parent_run));
  out += line("backend", request.where.backend +
                             (request.where.cgroup.empty() ? "" : "  " + request.where.cgroup));
  out += "limits\n" + limit_lines(request);
  out +=
      "predicted (" + printable(request.estimate.reason) + ")\n" + estimate_table(request.estimate);
  if (const auto used = run.ending ? usage_lines(run.ending->usage) : ""; !used.empty())
    out += "used\n" + used;
  return out;
}

}  // namespace jobward::cli
