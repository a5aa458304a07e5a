// preflight and machine_status: before a job is started.
#include <algorithm>
#include <cmath>

#include "agent/desk/job_view.h"
#include "agent/desk/tools.h"
#include "agent/mcp/call.h"
#include "cli/live_runs.h"
#include "cli/preflight.h"
#include "cli/render_json.h"
#include "cli/render_support.h"
#include "cli/render_text.h"
#include "cli/watchdog_command.h"
#include "cli/watchdog_records.h"
#include "cli/watchdog_text.h"
#include "common/text.h"
#include "common/units.h"
#include "host/backends/spawn.h"
#include "host/observe/process_scan.h"

namespace jobward::desk {
namespace {

using mcp::Fields;
using mcp::Json;
using mcp::Kind;

constexpr std::size_t kMostListed = 5;

// Those that go on, shortly.
Json running_jobs(const cli::RunDesk& desk) {
  Json out = Json::array();
  const auto runs = cli::live_runs(desk);
  if (!runs) return out;
  for (const auto& run : *runs) {
    if (out.size() == kMostListed) break;
    Json one{{"job", run.record.request.id},
             {"command", printable(cli::shortened(short_command(run.record.request), 60))},
             {"state", run.place > 0 ? "waiting" : "running"},
             {"elapsed_seconds", tenths(run.elapsed_seconds)}};
    if (run.memory_bytes) one["memory_now_bytes"] = whole(*run.memory_bytes);
    if (const auto* limit = run.record.request.limits.find(Resource::memory))
      one["memory_limit_bytes"] = whole(limit->value);
    out.push_back(std::move(one));
  }
  return out;
}

// ---- preflight

std::vector<std::string> declared(const Json& arguments) {
  std::vector<std::string> out;
  const Json& features = mcp::member(arguments, "features");
  if (features.is_object())
    for (const auto& [name, value] : features.items())
      out.push_back(name + "=" + value.dump());
  return out;
}

std::string advice_for(const cli::Preflight& ahead) {
  const auto& plan = ahead.preview.plan;
  const auto* limit = plan.limits.find(Resource::memory);
  const std::string held =
      limit == nullptr ? "" : ", held to " + format_bytes(limit->value) + " of memory";
  if (ahead.preview.obstacle) return "It would not start: " + printable(*ahead.preview.obstacle);
  switch (ahead.decision.verdict) {
    case launcher::Verdict::fits:
      return plan.guessed
                 ? "It fits. Nothing is known of it yet, so its limit is a guess: start it "
                   "with run_job" +
                       held + ", and the next prediction is better."
                 : "It fits: start it with run_job" + held + ".";
    case launcher::Verdict::wait:
      return ahead.decision.starts_in
                 ? "There is no room now: run_job queues it, and it starts in " +
                       format_duration(*ahead.decision.starts_in) + " at the latest."
                 : std::string(
                       "There is no room now: run_job queues it and starts it when there "
                       "is; or make it need less.");
    case launcher::Verdict::refuse:
      return "It can never run here as it is: make it need less (smaller batches, fewer workers), "
             "or run it elsewhere.";
  }
  return {};
}

Fields preflight_fields() {
  return {
      {"verdict",
       Kind::text,
       "fits: start it; wait: no room now; refuse: never here",
       true,
       {"fits", "wait", "refuse"}},
      {"advice", Kind::text, "What to do next, in a sentence", true},
      {"reason", Kind::text, "Why", true},
      {"based_on", Kind::text, "What the prediction rests on", true},
      {"past_runs", Kind::integer, "How many runs are behind it", true},
      {"memory_p50_bytes", Kind::integer, "Half of such runs need less"},
      {"memory_p99_bytes", Kind::integer, "One of 100 needs more"},
      {"wall_p50_seconds", Kind::number, "Half of such runs take less"},
      {"wall_p95_seconds", Kind::number, "One of 20 takes longer"},
      {"read_p50_bytes", Kind::integer, "From disks"},
      {"written_p50_bytes", Kind::integer, "To disks"},
      {"memory_limit_bytes", Kind::integer, "The limit that run_job would set"},
      {"free_memory_bytes", Kind::integer, "For one more job, now", true},
      {"capacity_memory_bytes", Kind::integer, "With nothing running", true},
      {"starts_in_seconds", Kind::number, "At the latest, if it has to wait and that is known"},
      {"running_jobs", Kind::objects, "What else goes on or waits, five at most", true},
      {"notes", Kind::texts, "What is worth knowing"},
  };
}

void put_quantile(Json& out, const Estimate& estimate, Resource resource, const char* name,
                  double Quantiles::*quantile, bool seconds) {
  if (estimate.level == Level::everything) return;
  if (const auto* value = estimate.by.find(resource))
    out[name] = seconds ? tenths(value->*quantile) : whole(value->*quantile);
}

Json view(const cli::Preflight& ahead, const launcher::RunOrder& order) {
  const auto& estimate = ahead.preview.request.estimate;
  Json out{{"verdict", to_string(ahead.decision.verdict)},
           {"advice", advice_for(ahead)},
           {"reason", printable(ahead.decision.reason)},
           {"based_on", printable(estimate.reason)},
           {"past_runs", estimate.runs}};
  put_quantile(out, estimate, Resource::memory, "memory_p50_bytes", &Quantiles::p50, false);
  put_quantile(out, estimate, Resource::memory, "memory_p99_bytes", &Quantiles::p99, false);
  put_quantile(out, estimate, Resource::wall, "wall_p50_seconds", &Quantiles::p50, true);
  put_quantile(out, estimate, Resource::wall, "wall_p95_seconds", &Quantiles::p95, true);
  put_quantile(out, estimate, Resource::io_read, "read_p50_bytes", &Quantiles::p50, false);
  put_quantile(out, estimate, Resource::io_write, "written_p50_bytes", &Quantiles::p50, false);
  if (const auto* limit = ahead.preview.plan.limits.find(Resource::memory))
    out["memory_limit_bytes"] = whole(limit->value);
  out["free_memory_bytes"] = whole(ahead.scene.free());
  out["capacity_memory_bytes"] = whole(ahead.scene.capacity);
  if (ahead.decision.starts_in) out["starts_in_seconds"] = tenths(*ahead.decision.starts_in);
  Json notes = Json::array();
  for (const auto& remark : ahead.preview.remarks)
    notes.push_back(printable(remark));
  if (!host::can_be_found(order.job.argv[0]))
    notes.push_back(printable(order.job.argv[0]) + " is not found here: it would fail");
  if (!notes.empty()) out["notes"] = std::move(notes);
  return out;
}

Result<Json> preflight(Desk& desk, const mcp::Call& call) {
  const Json& arguments = call.arguments();
  auto out = desk.in_session(text_of(arguments, "cwd"), [&](cli::Session& session) -> Result<Json> {
    const auto features = declared(arguments);
    const auto kind = text_of(arguments, "kind");
    auto order = cli::make_order(command_of(arguments), features,
                                 kind.empty() ? std::nullopt : std::optional(kind));
    if (!order) return tl::unexpected(std::move(order).error());
    const auto ahead = cli::look_ahead(*order, {}, session);
    if (!ahead) return tl::unexpected(ahead.error());
    return view(*ahead, *order);
  });
  if (!out) return out;
  const auto runs = desk.runs();
  (*out)["running_jobs"] = runs ? running_jobs(**runs) : Json::array();
  return out;
}

// ---- machine_status

Fields machine_fields() {
  return {
      {"advice", Kind::text, "How it stands, in a sentence", true},
      {"memory_total_bytes", Kind::integer, "Of the machine", true},
      {"memory_available_bytes", Kind::integer, "Not used by anybody", true},
      {"memory_free_for_jobs_bytes", Kind::integer, "Of that, what no running job has reserved",
       true},
      {"memory_reserved_unused_bytes", Kind::integer, "Reserved and not used yet", true},
      {"swap_total_bytes", Kind::integer, "Of the machine", true},
      {"swap_free_bytes", Kind::integer, "Of that", true},
      {"cpus", Kind::integer, "That may be used here", true},
      {"memory_pressure_some_avg10_percent", Kind::number,
       "The share of the last 10 s in which something waited for memory; absent: not told here"},
      {"memory_limits_held_by", Kind::text, "kernel, polled or none", true},
      {"running_jobs", Kind::objects, "Five at most", true},
      {"jobs_running", Kind::integer, "How many", true},
      {"jobs_waiting", Kind::integer, "How many", true},
      {"largest_processes", Kind::objects, "The five with the most resident memory", true},
      {"watchdog", Kind::object, "Does it run, and what it did last", true},
  };
}

struct Process {
  int pid = 0;
  double bytes = 0;
};

Json largest_processes(const cli::RunDesk& desk) {
  Json out = Json::array();
  auto scan = host::ProcessScan::open(desk.roots, "", "");
  if (!scan || !scan->rewind()) return out;
  std::vector<Process> all;
  while (const int pid = scan->next())
    if (const auto size = scan->size(pid, false))
      all.push_back({pid, static_cast<double>(size->rss)});
  const auto most = std::min(all.size(), kMostListed);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most), all.end(),
                    [](const Process& a, const Process& b) { return a.bytes > b.bytes; });
  all.resize(most);
  for (const auto& process : all) {
    const auto facts = scan->facts(process.pid);
    if (!facts) continue;
    out.push_back({{"pid", process.pid},
                   {"name", printable(facts->name.view())},
                   {"uid", facts->uid},
                   {"memory_resident_bytes", whole(process.bytes)}});
  }
  return out;
}

Json watchdog_view(const cli::RunDesk& desk) {
  Json out{{"running", cli::watchdog_runs()}};
  const auto store = cli::open_watchdog_records(desk.records, desk.clock);
  if (!store) return out;
  const auto entries = cli::watchdog_entries(**store, 1, false);
  if (entries && !entries->empty())
    out["last_action"] = printable(cli::shortened(cli::watchdog_entry_text(entries->front()), 300));
  return out;
}

std::string machine_advice(const launcher::Scene& scene, std::size_t waiting) {
  std::string text = format_bytes(scene.free()) + " of " + format_bytes(scene.capacity) +
                     " of memory are free for another job";
  if (waiting > 0) text += "; " + std::to_string(waiting) + " wait for room already";
  return text + ". preflight tells whether a command fits.";
}

Result<Json> machine_status(Desk& desk) {
  Json out;
  auto looked = desk.in_session("", [&](cli::Session& session) -> Result<Json> {
    auto order = cli::make_order({"true"}, {}, std::nullopt);
    if (!order) return tl::unexpected(std::move(order).error());
    const auto ahead = cli::look_ahead(*order, {}, session);
    if (!ahead) return tl::unexpected(ahead.error());
    const auto& memory = session.snapshot.memory;
    out["advice"] = machine_advice(ahead->scene, ahead->scene.queue.size());
    out["memory_total_bytes"] = memory.total;
    out["memory_available_bytes"] = memory.available;
    out["memory_free_for_jobs_bytes"] = whole(ahead->scene.free());
    out["memory_reserved_unused_bytes"] = whole(ahead->scene.unused());
    out["swap_total_bytes"] = memory.swap_total;
    out["swap_free_bytes"] = memory.swap_free;
    out["cpus"] = session.snapshot.cpus;
    if (session.snapshot.memory_pressure)
      out["memory_pressure_some_avg10_percent"] = session.snapshot.memory_pressure->some.avg10;
    out["memory_limits_held_by"] =
        cli::enforcement_json(session.choice.backend->support()).value("memory", "none");
    out["jobs_running"] = ahead->scene.running.size();
    out["jobs_waiting"] = ahead->scene.queue.size();
    return Json();
  });
  if (!looked) return looked;
  auto runs = desk.runs();
  if (!runs) return tl::unexpected(std::move(runs).error());
  out["running_jobs"] = running_jobs(**runs);
  out["largest_processes"] = largest_processes(**runs);
  out["watchdog"] = watchdog_view(**runs);
  return out;
}

}  // namespace

std::vector<mcp::Tool> tools_before_a_job(Desk& desk) {
  return {
      {"preflight",
       "Will it fit?",
       "Ask this before you start anything that may be heavy (training, builds, test suites, data "
       "builds, large files). Predicts peak memory, time and disk traffic of a command from its "
       "past runs and tells whether it fits now, what else runs, and what to do. Starts nothing.",
       {{"command", Kind::command, "The command line as one text (for a shell), or its words",
         true},
        {"cwd", Kind::text, "Where it would run: an absolute path; else the server's directory"},
        {"kind", Kind::text, "What it counts as, where a history was imported under a name"},
        {"features", Kind::numbers,
         "Numbers that make this run larger or smaller than others, such as {\"rows\": 1e6}"}},
       preflight_fields(),
       {true, false, true, false},
       false,
       at_once([&desk](const mcp::Call& call) { return preflight(desk, call); })},
      {"machine_status",
       "How does the machine stand?",
       "What memory is free for jobs, what runs and waits, the largest processes, the pressure, "
       "and "
       "what the watchdog did last.",
       {},
       machine_fields(),
       {true, false, true, false},
       false,
       at_once([&desk](const mcp::Call& /*call*/) { return machine_status(desk); })},
  };
}

}  // namespace jobward::desk
