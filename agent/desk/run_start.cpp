#include "agent/desk/run_start.h"

#include <utility>

#include "agent/desk/job_view.h"
#include "agent/desk/run_wait.h"
#include "agent/desk/told_errors.h"
#include "agent/desk/tools.h"
#include "common/exit_codes.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

using mcp::Json;
using mcp::Kind;

std::string advice_for(int status) {
  if (status == exit_code::kNotAdmitted)
    return "There is no room now and nothing was started: try again later, or with if_no_room "
           "\"queue\".";
  if (status == exit_code::kRefused)
    return "It was refused and nothing was started. Where a policy or a review did it, do not go "
           "round it: a person can allow it.";
  return "Nothing was started.";
}

// Of the arguments and the options that they become, for messages.
const std::vector<std::pair<std::string, std::string>> kArguments{
    {"--mem", "memory_limit"},
    {"--time", "time_limit"},
    {"--cpus", "cpus"},
    {"--kind", "kind"},
    {"--request-id", "request_id"},
    {"--preset", "preset"},
    {"--verify", "verify"},
    {"--require-review", "require_review"},
    {"--feature", "features"},
    {"--require-stamp", "require_stamps"},
    {"--require-model", "require_model"},
    {"--require", "require"},
    {"--name", "name"},
    {"--retry-oom", "retry_oom"}};

// The options of `jobward run` that the arguments come to.
std::vector<std::string> options_of(const Json& arguments) {
  std::vector<std::string> out{"run", "--detach"};
  const auto put = [&](const char* option, const std::string& value) {
    if (value.empty()) return;
    out.emplace_back(option);
    out.push_back(value);
  };
  put("--name", text_of(arguments, "name"));
  put("--mem", text_of(arguments, "memory_limit"));
  put("--time", text_of(arguments, "time_limit"));
  if (const auto cpus = number_of(arguments, "cpus")) put("--cpus", Json(*cpus).dump());
  put("--kind", text_of(arguments, "kind"));
  put("--preset", text_of(arguments, "preset"));
  put("--request-id", text_of(arguments, "request_id"));
  put("--require-review", text_of(arguments, "require_review"));
  put("--require-model", text_of(arguments, "require_model"));
  if (const auto times = number_of(arguments, "retry_oom"))
    put("--retry-oom", std::to_string(static_cast<int>(*times)));
  if (flag_of(arguments, "elastic")) out.emplace_back("--elastic");
  for (const auto& contract : texts_of(arguments, "verify"))
    put("--verify", contract);
  for (const auto& contract : texts_of(arguments, "require"))
    put("--require", contract);
  for (const auto& stamp : texts_of(arguments, "require_stamps"))
    put("--require-stamp", stamp);
  const Json& features = mcp::member(arguments, "features");
  if (features.is_object())
    for (const auto& [name, value] : features.items())
      put("--feature", name + "=" + value.dump());
  if (text_of(arguments, "if_no_room") == "return") out.emplace_back("--no-wait");
  out.emplace_back("--");
  for (auto& word : command_of(arguments))
    out.push_back(std::move(word));
  return out;
}

// The kernel takes no longer word in a command line (MAX_ARG_STRLEN).
constexpr std::size_t kLongestWord = 131071;

std::string too_long(const std::vector<std::string>& words) {
  for (const auto& word : words)
    if (word.size() > kLongestWord)
      return "a word of the command has " + std::to_string(word.size()) +
             " bytes, and the kernel takes at most " + std::to_string(kLongestWord);
  return {};
}

void go_on(Desk& desk, const std::shared_ptr<mcp::Call>& call, const std::string& run) {
  const Json& arguments = call->arguments();
  const bool bound = flag_of(arguments, "stop_with_client");
  if (call->is_over()) {
    // Cut while it began.
    if (bound && call->was_cut() != mcp::Call::Cut::lost)
      stop_with_client(desk, run, call->client());
    return;
  }
  // One that ends with its client is waited for: a task outlives it.
  if (call->wants_task() && !bound) {
    auto runs = desk.runs();
    const auto record = runs ? cli::look_up_run(**runs, run) : tl::unexpected(runs.error());
    if (record) {
      call->become_task(task_of(*record, job_view(**runs, *record)));
      return;
    }
  }
  wait_for_run(desk, call,
               {run, number_of(arguments, "wait_seconds").value_or(kDefaultWaitSeconds), bound});
}

// The run that it has named in what it said: one that was refused, or that answers for a request
// id.
std::optional<std::string> named_run(Desk& desk, const std::string& text) {
  constexpr std::size_t kLooked = 6;
  const auto runs = desk.runs();
  if (!runs) return std::nullopt;
  std::size_t looked = 0;
  for (const auto word : split(text, ' ')) {
    if (++looked > kLooked) break;
    const auto run = cli::look_up_run(**runs, std::string(word));
    if (run && run->request.id == word) return run->request.id;
  }
  return std::nullopt;
}

void begun(Desk& desk, const std::shared_ptr<mcp::Call>& call, const ProgramEnd& end) {
  const std::string run(trim(end.output));
  if (end.status == 0 && !run.empty()) {
    go_on(desk, call, run);
    return;
  }
  const auto text = told_errors(end, kArguments);
  const auto named = named_run(desk, text);
  auto told = named ? told_job(desk, *named) : error("find", "the run", "none is named");
  const bool earlier = !text_of(call->arguments(), "request_id").empty() &&
                       text.find("answers for this request id") != std::string::npos;
  if (told && earlier) {
    call->answer({std::move(*told), false});
    return;
  }
  auto answer = mcp::tool_error(text, advice_for(end.status));
  if (told)
    for (const char* name : {"job", "outcome", "cause"})
      if (told->contains(name)) answer.content[name] = (*told)[name];
  answer.content["exit_code"] = end.status;
  call->answer(std::move(answer));
}

}  // namespace

mcp::Fields start_fields() {
  return {
      {"command", Kind::command, "The command line as one text (for a shell), or its words", true},
      {"cwd", Kind::text, "Where it runs: an absolute path; else the server's directory"},
      {"wait_seconds",
       Kind::number,
       "So long is waited for its end (45); then it goes on and this tells how it stands. 0: do "
       "not "
       "wait",
       false,
       {},
       0,
       kLongestWaitSeconds},
      {"memory_limit", Kind::text, "\"8G\"; left out: what past runs suggest"},
      {"time_limit", Kind::text, "\"2h\"; left out: none, unless configured"},
      {"cpus", Kind::number, "Such as 1.5", false, {}, 0.01, 8192},
      {"retry_oom",
       Kind::integer,
       "Start it again so often with more memory if it needs more",
       false,
       {},
       0,
       100},
      {"elastic", Kind::boolean, "At its memory limit it gets more while there is room"},
      {"if_no_room",
       Kind::text,
       "queue: it waits its turn (default); return: nothing is started",
       false,
       {"queue", "return"}},
      {"stop_with_client", Kind::boolean,
       "Stop the job if this call is cancelled or the client ends while it is waited for; else it "
       "goes on"},
      {"name", Kind::text, "A name by which it can be found again"},
      {"request_id", Kind::text, "Start it at most once under this id"},
      {"kind", Kind::text, "What it counts as, where a history was imported under a name"},
      {"preset", Kind::text, "A preset of the configuration"},
      {"features", Kind::numbers, "Numbers that make this run larger or smaller than others"},
      {"require", Kind::texts, "Contracts (files) that must hold before it starts"},
      {"verify", Kind::texts, "Contracts (files) that its product must fulfil"},
      {"require_stamps", Kind::texts, "Stamps that must hold before it starts"},
      {"require_review", Kind::text, "A review that must be approved before it starts"},
      {"require_model", Kind::text, "The tier of model that must serve the agent"},
  };
}

void start_run(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  auto directory = directory_of(text_of(call->arguments(), "cwd"));
  if (!directory) {
    call->answer(mcp::tool_error(directory.error().message(), "Nothing was started."));
    return;
  }
  // Opened first: from then on the end of the run is not missed.
  if (const auto runs = desk.runs(); !runs) {
    call->answer(mcp::tool_error(runs.error().message(), "Nothing was started."));
    return;
  }
  auto options = options_of(call->arguments());
  if (const auto problem = too_long(options); !problem.empty()) {
    call->answer(mcp::tool_error(problem, "Write it to a file and run that; nothing was started."));
    return;
  }
  // Whoever ends meanwhile is still held to it.
  const bool bound = flag_of(call->arguments(), "stop_with_client");
  if (bound) desk.promise();
  desk.run_jobward(std::move(options), *directory, call->client(),
                   [&desk, call, bound](const Result<ProgramEnd>& end) {
                     if (end)
                       begun(desk, call, *end);
                     else
                       call->answer(mcp::tool_error(end.error().message(), "Nothing was started."));
                     if (bound) desk.keep_promise();
                   });
}

}  // namespace jobward::desk
