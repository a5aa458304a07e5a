#include "agent/desk/job_view.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cli/live_runs.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "common/fd.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::desk {
namespace {

using mcp::Json;
using mcp::Kind;

constexpr std::size_t kLongestCommand = 160;
constexpr std::size_t kLongestCause = 400;
constexpr double kMebibyte = 1048576;

// What other programs used is no prediction.
const Quantiles* predicted(const profiles::RunRequest& request, Resource resource) {
  if (request.estimate.level == Level::everything) return nullptr;
  return request.estimate.by.find(resource);
}

std::string running_advice(const cli::LiveRun& run) {
  const auto& request = run.record.request;
  if (run.record.state == profiles::RunState::queued)
    return "It waits for room and starts by itself; wait_job waits with it, stop_job takes it out "
           "of the queue.";
  std::string text = "It has run for " + format_duration(run.elapsed_seconds);
  if (const auto* wall = predicted(request, Resource::wall))
    text += " of about " + format_duration(wall->p50);
  const auto* limit = request.limits.find(Resource::memory);
  if (run.memory_bytes && limit != nullptr)
    text += " and holds " + format_bytes(*run.memory_bytes) + " of the " +
            format_bytes(limit->value) + " it may have";
  return text + "; wait_job waits for its end.";
}

std::string memory_advice(std::optional<double> suggested) {
  if (suggested)
    return "It needed more memory than it was given. Start it again with memory_limit " +
           std::to_string(static_cast<std::int64_t>(*suggested / kMebibyte)) +
           "M, or make it need less.";
  return "It needed more memory than it was given, and there is no more here: make it need less "
         "(smaller batches, fewer workers).";
}

std::string ended_advice(const profiles::RunRecord& run, std::optional<double> suggested) {
  switch (run.ending->outcome) {
    case Outcome::ok:
      return "It ended well.";
    case Outcome::failed:
    case Outcome::signaled:
      return "The job itself failed; its output tells why (job_logs, stream stderr).";
    case Outcome::memory_limit:
      return memory_advice(suggested);
    case Outcome::aggregate_limit:
    case Outcome::system_oom:
      return "The memory around it was used up, not its own limit: run fewer jobs at once "
             "(machine_status shows who holds it).";
    case Outcome::watchdog_killed:
      return "The watchdog ended it, because the machine was running out of memory: look at "
             "machine_status before starting it again.";
    case Outcome::wall_limit:
      return "It took longer than it was allowed: give it a larger time_limit, or find out what "
             "holds it up (job_logs).";
    case Outcome::cpu_limit:
    case Outcome::stall_limit:
    case Outcome::pids_limit:
      return "It reached the limit that the cause names: raise that one, or change the job.";
    case Outcome::verify_failed:
      return "It ended well, but what it produced fails its contract: verify_data shows the "
             "checks.";
    case Outcome::not_admitted:
      return "There was no room and it was not started: try again later, or with if_no_room "
             "\"queue\".";
    case Outcome::refused:
      return "It was refused and not started; the cause says by what. Where that is a policy or a "
             "review, do not go round it: a person can allow it.";
    case Outcome::launch_failed:
      return "It could not be started; the cause says why.";
    case Outcome::supervisor_lost:
      return "Nobody supervised it any more and it was ended; start it again.";
    case Outcome::stopped:
    case Outcome::cancelled:
      return "It was stopped on request.";
  }
  return {};
}

void put_numbers(Json& out, const profiles::RunRequest& request) {
  if (const auto* limit = request.limits.find(Resource::memory))
    out["memory_limit_bytes"] = whole(limit->value);
  if (const auto* memory = predicted(request, Resource::memory)) {
    out["predicted_memory_p50_bytes"] = whole(memory->p50);
    out["predicted_memory_p99_bytes"] = whole(memory->p99);
  }
  if (const auto* wall = predicted(request, Resource::wall))
    out["predicted_wall_p50_seconds"] = tenths(wall->p50);
}

void put_ending(Json& out, const profiles::RunRecord& run) {
  const auto& ending = *run.ending;
  out["outcome"] = to_string(ending.outcome);
  out["cause"] = printable(cli::shortened(ending.cause, kLongestCause));
  if (ending.exit_code) out["exit_code"] = *ending.exit_code;
  if (!ending.exit_source.empty()) out["exit_source"] = ending.exit_source;
  if (const auto wall = ending.usage.get(Metric::wall)) out["wall_seconds"] = tenths(*wall);
  if (const auto need = ending.usage.get(Metric::memory_need))
    out["memory_need_bytes"] = whole(*need);
  if (ending.attempts.size() > 1) out["attempts"] = ending.attempts.size();
  Json failed = Json::array();
  for (const auto& finding : ending.findings)
    if (halts(finding) && failed.size() < 5)
      failed.push_back(printable(cli::shortened(finding.check + ": " + finding.message, 200)));
  if (!failed.empty()) out["hard_fails"] = std::move(failed);
}

}  // namespace

mcp::Fields job_fields() {
  return {
      {"job", Kind::text, "The run's id", true},
      {"state", Kind::text, "How it stands", true, {"waiting", "running", "ended", "lost"}},
      {"advice", Kind::text, "What to do next, in a sentence", true},
      {"command", Kind::text, "What was run, shortened"},
      {"name", Kind::text, "Its name"},
      {"outcome", Kind::text, "How it ended: ok, failed, memory_limit, wall_limit, …"},
      {"cause", Kind::text, "Why, in words"},
      {"exit_code", Kind::integer, "Of the run"},
      {"exit_source", Kind::text, "Whose exit code it is: job or jobward"},
      {"elapsed_seconds", Kind::number, "Since it was let in"},
      {"wall_seconds", Kind::number, "How long it took"},
      {"memory_now_bytes", Kind::integer, "Held now, less page cache that can be had back"},
      {"memory_need_bytes", Kind::integer, "The most that it needed"},
      {"memory_limit_bytes", Kind::integer, "What it may have"},
      {"suggested_memory_limit_bytes", Kind::integer, "What to give it next time"},
      {"predicted_memory_p50_bytes", Kind::integer, "The prediction before it started"},
      {"predicted_memory_p99_bytes", Kind::integer, "Of 100 runs one needs more"},
      {"predicted_wall_p50_seconds", Kind::number, "Half of the runs take less"},
      {"attempts", Kind::integer, "How often it was started, if more than once"},
      {"hard_fails", Kind::texts, "Checks that it failed"},
      {"stdout_tail", Kind::text, "The end of its output"},
      {"stderr_tail", Kind::text, "The end of its error output"},
  };
}

std::string short_command(const profiles::RunRequest& request) {
  return printable(cli::shortened(shell_quoted(request.argv), kLongestCommand));
}

bool needs_more_memory(const profiles::RunRecord& run) {
  return run.ending && run.ending->outcome == Outcome::memory_limit;
}

Json job_view(const cli::RunDesk& desk, const profiles::RunRecord& run,
              std::optional<double> suggested_memory) {
  Json out{{"job", run.request.id}};
  if (run.ending) {
    out["state"] = "ended";
    out["advice"] = ended_advice(run, suggested_memory);
  } else {
    const auto live = cli::live_run(desk, run);
    const bool queued = run.state == profiles::RunState::queued;
    out["state"] = !live.alive ? "lost" : queued ? "waiting" : "running";
    out["advice"] = live.alive
                        ? running_advice(live)
                        : "Nobody supervises it any more; the next jobward command closes it.";
    out["elapsed_seconds"] = tenths(live.elapsed_seconds);
    if (live.memory_bytes) out["memory_now_bytes"] = whole(*live.memory_bytes);
  }
  out["command"] = short_command(run.request);
  if (!run.request.name.empty()) out["name"] = printable(run.request.name);
  if (run.ending) put_ending(out, run);
  put_numbers(out, run.request);
  if (suggested_memory) out["suggested_memory_limit_bytes"] = whole(*suggested_memory);
  return out;
}

ToldRun told_in_list(const cli::RunDesk& desk, const profiles::RunRecord& record) {
  ToldRun out{record, job_view(desk, record)};
  if (out.view["state"] != "lost") return out;
  out.record = cli::read_again(desk, std::move(out.record));
  out.view = job_view(desk, out.record);
  return out;
}

std::string output_tail(const cli::RunDesk& desk, const std::string& run, const char* stream,
                        std::size_t bytes) {
  const std::string path = cli::log_directory(desk.records, run) + "/" + stream;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return {};
  const auto size = static_cast<std::size_t>(info.st_size);
  std::string text(std::min(size, bytes), '\0');
  const auto got =
      ::pread(file.get(), text.data(), text.size(), static_cast<off_t>(size - text.size()));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  // Whole lines, unless there is but one.
  const auto line = text.find('\n');
  if (size > bytes && line != std::string::npos && line + 1 < text.size()) text.erase(0, line + 1);
  return utf8_lossy(text);
}

Json whole(double value) { return static_cast<std::int64_t>(std::llround(value)); }
Json tenths(double value) { return std::round(value * 10) / 10; }

mcp::Task task_of(const profiles::RunRecord& run, Json view) {
  mcp::Task out;
  out.id = run.request.id;
  out.created_ms = run.at.created;
  out.updated_ms =
      run.at.ended.value_or(run.at.spawned.value_or(run.at.admitted.value_or(run.at.created)));
  out.answer.content = std::move(view);
  out.message = out.answer.content["advice"].get<std::string>();
  if (!run.ending) return out;
  const auto outcome = run.ending->outcome;
  const std::string cause =
      std::string(to_string(outcome)) + ": " + out.answer.content["cause"].get<std::string>();
  // In a list nobody has worked out what to give it.
  const bool half_known =
      needs_more_memory(run) && !out.answer.content.contains("suggested_memory_limit_bytes");
  out.message = half_known ? cause : cause + ". " + out.message;
  const bool never_ran = outcome == Outcome::refused || outcome == Outcome::not_admitted ||
                         outcome == Outcome::launch_failed;
  out.answer.failed = never_ran;
  out.state = outcome == Outcome::stopped || outcome == Outcome::cancelled
                  ? mcp::Task::State::cancelled
              : never_ran ? mcp::Task::State::failed
                          : mcp::Task::State::completed;
  return out;
}

}  // namespace jobward::desk
