// Tools about jobs: run_job, job_status, wait_job, stop_job, job_logs, list_jobs, explain_job.
#include <algorithm>
#include <utility>

#include "agent/desk/job_logs.h"
#include "agent/desk/job_view.h"
#include "agent/desk/run_start.h"
#include "agent/desk/run_wait.h"
#include "agent/desk/tools.h"
#include "agent/mcp/call.h"
#include "cli/live_runs.h"
#include "cli/render_text.h"
#include "cli/why_sentences.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

using mcp::Fields;
using mcp::Json;
using mcp::Kind;

const mcp::Field kJob{"job", Kind::text, "The run's id, the beginning of it, or its name", true};

void wait_job(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  auto runs = desk.runs();
  const auto run = runs ? cli::look_up_run(**runs, text_of(call->arguments(), "job"))
                        : tl::unexpected(runs.error());
  if (!run) {
    call->answer(mcp::tool_error(run.error().message()));
    return;
  }
  wait_for_run(desk, call,
               {run->request.id,
                number_of(call->arguments(), "wait_seconds").value_or(kDefaultWaitSeconds), false});
}

void stop_job(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  stop_run(desk, text_of(call->arguments(), "job"), call->client(),
           [call](mcp::ToolAnswer answer) { call->answer(std::move(answer)); });
}

// ---- list_jobs

constexpr int kListed = 8;
constexpr int kMostListed = 100;
constexpr int kMostOpen = 200;  // that may stand before those that have ended

Json line_of(const Json& view) {
  constexpr std::size_t kShown = 48;
  Json out;
  for (const char* name : {"job", "name", "command", "state", "outcome", "elapsed_seconds",
                           "wall_seconds", "memory_now_bytes", "memory_need_bytes"})
    if (view.contains(name)) out[name] = view[name];
  if (out.contains("outcome")) out.erase("state");
  for (const char* name : {"name", "command"})
    if (out.contains(name))
      out[name] = printable(cli::shortened(out[name].get<std::string>(), kShown));
  return out;
}

Result<Json> list_jobs(Desk& desk, const mcp::Call& call) {
  const Json& arguments = call.arguments();
  auto runs = desk.runs();
  if (!runs) return tl::unexpected(std::move(runs).error());
  profiles::HistoryQuery query;
  query.limit = static_cast<int>(number_of(arguments, "limit").value_or(kListed));
  query.program = text_of(arguments, "program");
  query.project = text_of(arguments, "project");
  const auto which = text_of(arguments, "which");
  query.open_only = which == "open";
  const auto wanted = static_cast<std::size_t>(query.limit);
  if (which == "ended") query.limit += kMostOpen;
  const auto records = (*runs)->records.store->history(query);
  if (!records) return tl::unexpected(records.error());
  Json list = Json::array();
  std::size_t open = 0;
  std::size_t left_out = 0;  // they have ended since they were looked for
  for (const auto& record : *records) {
    if (!record.ending) ++open;
    if ((which == "ended" && !record.ending) || list.size() == wanted) continue;
    const auto told = told_in_list(**runs, record);
    const bool ended_since = told.record.ending && !record.ending;
    if (ended_since) --open;
    if (ended_since && which == "open")
      ++left_out;
    else
      list.push_back(line_of(told.view));
  }
  const bool more = list.size() + left_out == wanted;
  return Json{{"jobs", std::move(list)},
              {"open_jobs", open},
              {"more", more},
              {"advice", more ? "There may be more: raise limit, or name a program or a project."
                              : "These are all that match."}};
}

// ---- explain_job

Result<Json> explain_job(Desk& desk, const mcp::Call& call) {
  auto told = told_run(desk, text_of(call.arguments(), "job"));
  if (!told) return tl::unexpected(std::move(told).error());
  auto runs = desk.runs();
  if (!runs) return tl::unexpected(std::move(runs).error());
  const auto why = cli::why_sentences((*runs)->records, (*runs)->clock, told->record);
  if (!why) return tl::unexpected(why.error());
  told->view["why"] = why->sentences;
  for (const char* name : {"stdout_tail", "command"})
    told->view.erase(name);
  return std::move(told->view);
}

Fields with_why() {
  auto fields = job_fields();
  fields.push_back({"why", Kind::texts, "In sentences, from the record", true});
  return fields;
}

std::vector<mcp::Tool> about_one(Desk& desk) {
  return {
      {"job_status",
       "How does a job stand?",
       "How a job stands now: running, waiting or how it ended, its memory and time against limit "
       "and prediction, and what to do next.",
       {kJob},
       job_fields(),
       {true, false, true, false},
       false,
       at_once([&desk](const mcp::Call& call) {
         return told_job(desk, text_of(call.arguments(), "job"));
       })},
      {"wait_job",
       "Wait for a job",
       "Waits until a job has ended, at most wait_seconds, and tells how it stands then. Call it "
       "again to go on waiting.",
       {kJob,
        {"wait_seconds", Kind::number, "At most so long (45)", false, {}, 0, kLongestWaitSeconds}},
       job_fields(),
       {true, false, true, false},
       false,
       [&desk](const auto& call) { wait_job(desk, call); }},
      {"stop_job",
       "Stop a job",
       "Ends a job that runs or waits: SIGTERM to all of it, after a grace SIGKILL. Tells how it "
       "ended. One that has ended already stays as it is.",
       {kJob},
       job_fields(),
       {false, true, true, false},
       false,
       [&desk](const auto& call) { stop_job(desk, call); }},
      {"explain_job",
       "Why did a job end so?",
       "Why a job ended as it did: its limits, the prediction, who killed it, what else went on "
       "meanwhile, and what to change before it is started again.",
       {kJob},
       with_why(),
       {true, false, true, false},
       false,
       at_once([&desk](const mcp::Call& call) { return explain_job(desk, call); })},
  };
}

}  // namespace

void stop_run(Desk& desk, const std::string& reference, const mcp::Client& client,
              const std::function<void(mcp::ToolAnswer)>& then) {
  auto runs = desk.runs();
  const auto run = runs ? cli::look_up_run(**runs, reference) : tl::unexpected(runs.error());
  if (!run) {
    then(mcp::tool_error(run.error().message()));
    return;
  }
  const std::string id = run->request.id;
  desk.run_jobward({"stop", "--quiet", id}, "/", client, [&desk, id, then](Result<ProgramEnd> end) {
    auto told = told_job(desk, id);
    if (end && end->status != 0 && told) told = error("stop", id, printable(trim(end->errors)));
    if (!end) told = tl::unexpected(end.error());
    then(told ? mcp::ToolAnswer{std::move(*told), false} : mcp::tool_error(told.error().message()));
  });
}

void stop_with_client(Desk& desk, const std::string& run, const mcp::Client& client) {
  desk.promise();
  stop_run(desk, run, client, [&desk](const mcp::ToolAnswer&) { desk.keep_promise(); });
}

std::vector<mcp::Tool> tools_about_jobs(Desk& desk) {
  std::vector<mcp::Tool> out{
      {"run_job",
       "Run a job",
       "Runs a command under hard limits, measured and recorded, instead of in a shell. Waits for "
       "its end up to wait_seconds; a longer one goes on in the background, and wait_job or "
       "job_status ask for it. Its output is kept (job_logs). If it reaches its memory limit, only "
       "the job ends, and the answer says what to give it.",
       start_fields(),
       job_fields(),
       {false, true, false, true},
       true,
       [&desk](const auto& call) { start_run(desk, call); }},
      {"list_jobs",
       "Which jobs are there?",
       "Jobs that run, wait or have ended, newest first.",
       {{"which",
         Kind::text,
         "all (default), open: not ended yet, ended",
         false,
         {"all", "open", "ended"}},
        {"limit", Kind::integer, "At most so many (8)", false, {}, 1, kMostListed},
        {"program", Kind::text, "Only of this program, such as train.py"},
        {"project", Kind::text, "Only of this project: its directory"}},
       {{"jobs", Kind::objects, "Shortly", true},
        {"open_jobs", Kind::integer, "How many of these have not ended", true},
        {"more", Kind::boolean, "There may be more", true},
        {"advice", Kind::text, "What to do next", true}},
       {true, false, true, false},
       false,
       at_once([&desk](const mcp::Call& call) { return list_jobs(desk, call); })},
      job_logs_tool(desk),
  };
  for (auto& tool : about_one(desk))
    out.push_back(std::move(tool));
  return out;
}

}  // namespace jobward::desk
