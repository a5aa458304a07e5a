// verify_data, stamp_check, ledger_query, request_review, review_check: each is its subcommand, in
// a process of its own (a check may take all the memory that it is given), told shortly.
#include <algorithm>
#include <utility>

#include "agent/desk/told_errors.h"
#include "agent/desk/tools.h"
#include "agent/mcp/call.h"
#include "cli/render_text.h"
#include "common/exit_codes.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

using mcp::Json;
using mcp::Kind;

constexpr std::size_t kMostFindings = 8;

const mcp::Field kCwd{"cwd", Kind::text,
                      "Where the project is: an absolute path; else the server's directory"};

std::string short_text(const Json& value, std::size_t length = 200) {
  return value.is_string() ? printable(cli::shortened(value.get<std::string>(), length))
                           : std::string();
}

// The options that arguments of these tools become.
std::string errors_of(const ProgramEnd& end) {
  static const ArgumentNames kNames{{"--max-age", "max_age"},   {"--since", "since"},
                                    {"--severity", "severity"}, {"--kind", "kind"},
                                    {"--pool", "pools"},        {"--file", "files"},
                                    {"--describe", "describe"}, {"--run", "job"}};
  return told_errors(end, kNames);
}

// The argument that would be taken for an option of the subcommand; empty: none.
std::string option_in(const Json& arguments) {
  for (const char* name : {"stamp", "review"})
    if (text_of(arguments, name).starts_with("-")) return name;
  for (const auto& contract : texts_of(arguments, "contracts"))
    if (contract.starts_with("-")) return "contracts";
  return {};
}

// Turns what a subcommand has said into an answer.
using Reading = std::function<mcp::ToolAnswer(const ProgramEnd&)>;

// Ends with the call.
void ask(Desk& desk, const std::shared_ptr<mcp::Call>& call, std::vector<std::string> arguments,
         Reading reading) {
  const auto directory = directory_of(text_of(call->arguments(), "cwd"));
  if (!directory) {
    call->answer(mcp::tool_error(directory.error().message()));
    return;
  }
  if (const auto name = option_in(call->arguments()); !name.empty()) {
    call->answer(mcp::tool_error(name + " must not begin with a dash: it would be an option"));
    return;
  }
  const auto program =
      desk.run_jobward(std::move(arguments), *directory, call->client(),
                       [call, reading = std::move(reading)](const Result<ProgramEnd>& end) {
                         if (!end)
                           call->answer(mcp::tool_error(end.error().message()));
                         else if (end->cut)
                           call->answer(mcp::tool_error("the answer is too long", "ask for less"));
                         else
                           call->answer(reading(*end));
                       });
  call->on_cut([program](mcp::Call::Cut how) {
    if (how != mcp::Call::Cut::lost) program->kill();
  });
}

Json parsed(const ProgramEnd& end) { return Json::parse(end.output, nullptr, false); }

// ---- verify_data

Json finding_view(const Json& finding) {
  Json out;
  for (const char* name : {"severity", "check", "message"})
    if (finding.contains(name)) out[name] = short_text(finding[name], 240);
  return out;
}

mcp::ToolAnswer read_verdict(const ProgramEnd& end) {
  const auto told = parsed(end);
  if (!told.is_object()) return mcp::tool_error(errors_of(end));
  Json failed = Json::array();
  std::size_t passed = 0;
  std::size_t failures = 0;
  for (const auto& finding : mcp::member(told, "findings")) {
    if (finding.value("passed", false)) {
      ++passed;
      continue;
    }
    ++failures;
    if (failed.size() < kMostFindings) failed.push_back(finding_view(finding));
  }
  const auto verdict = told.value("verdict", "error");
  Json out{{"verdict", verdict},
           {"checks_passed", passed},
           {"checks_failed", failures},
           {"failed", std::move(failed)}};
  if (told.contains("error")) out["error"] = short_text(told["error"], 400);
  out["advice"] = verdict == "ok"          ? "The data fulfil the contract."
                  : verdict == "HARD_FAIL" ? "The data do not fulfil the contract: mend what made "
                                             "them, not the contract."
                                           : "It could not be checked; the error says why.";
  return {std::move(out), verdict == "error"};
}

void verify_data(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  std::vector<std::string> words{"verify", "--json"};
  for (auto& contract : texts_of(call->arguments(), "contracts"))
    words.push_back(std::move(contract));
  if (words.size() == 2) {
    call->answer(mcp::tool_error("contracts has to name at least one file"));
    return;
  }
  ask(desk, call, std::move(words), read_verdict);
}

// ---- stamp_check

mcp::ToolAnswer read_stamp(const ProgramEnd& end) {
  const auto told = parsed(end);
  if (!told.is_object()) return mcp::tool_error(errors_of(end));
  const bool holds = told.value("holds", false);
  Json out{{"holds", holds},
           {"objections", told.value("objections", Json::array())},
           {"advice", holds ? "The audit was run on these very files and passed."
                            : "The stamp does not hold: run the audit again with `jobward stamp "
                              "make`."}};
  if (told.contains("run")) out["job"] = told["run"];
  return {std::move(out), false};
}

void stamp_check(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  const Json& arguments = call->arguments();
  std::vector<std::string> words{"stamp", "check", "--json", text_of(arguments, "stamp")};
  if (const auto age = text_of(arguments, "max_age"); !age.empty()) {
    words.emplace_back("--max-age");
    words.push_back(age);
  }
  if (const auto audit = texts_of(arguments, "audit"); !audit.empty()) {
    words.emplace_back("--");
    words.insert(words.end(), audit.begin(), audit.end());
  }
  ask(desk, call, std::move(words), read_stamp);
}

// ---- ledger_query

mcp::ToolAnswer read_entries(const ProgramEnd& end) {
  const auto told = parsed(end);
  if (!told.is_object() || end.status != 0) return mcp::tool_error(errors_of(end));
  Json entries = Json::array();
  for (const auto& entry : mcp::member(told, "entries")) {
    Json one;
    for (const char* name : {"seq", "time_ms", "kind", "severity", "run", "check", "subject"})
      if (entry.contains(name)) one[name] = entry[name];
    if (entry.contains("message")) one["message"] = short_text(entry["message"], 240);
    entries.push_back(std::move(one));
  }
  const bool none = entries.empty();
  return {{{"entries", std::move(entries)},
           {"advice", none ? "Nothing on record matches."
                           : "`jobward ledger verify` tells whether the ledger is as it was "
                             "written."}},
          false};
}

void ledger_query(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  const Json& arguments = call->arguments();
  std::vector<std::string> words{
      "ledger", "--json", "-n",
      std::to_string(static_cast<int>(number_of(arguments, "limit").value_or(10)))};
  for (const auto& [name, option] : {std::pair("job", "--run"),
                                     {"severity", "--severity"},
                                     {"check", "--check"},
                                     {"kind", "--kind"},
                                     {"since", "--since"},
                                     {"actor", "--actor"}})
    if (const auto value = text_of(arguments, name); !value.empty()) {
      words.emplace_back(option);
      words.push_back(value);
    }
  ask(desk, call, std::move(words), read_entries);
}

// ---- Reviews

void request_review(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  const Json& arguments = call->arguments();
  std::vector<std::string> words{"review", "request", "--describe", text_of(arguments, "describe")};
  for (const auto& [name, option] : {std::pair("pools", "--pool"), {"files", "--file"}})
    for (auto& value : texts_of(arguments, name)) {
      words.emplace_back(option);
      words.push_back(std::move(value));
    }
  if (arguments.contains("command")) {
    words.emplace_back("--");
    for (auto& word : command_of(arguments))
      words.push_back(std::move(word));
  }
  ask(desk, call, std::move(words), [](const ProgramEnd& end) -> mcp::ToolAnswer {
    const std::string id(trim(end.output));
    if (end.status != 0 || id.empty()) return mcp::tool_error(errors_of(end));
    return {
        {{"review", id},
         {"advice", "Tell a person that review " + id + " waits for them (`jobward approve " + id +
                        "`), and go on with something else; review_check asks how it stands."}},
        false};
  });
}

mcp::ToolAnswer read_review(const ProgramEnd& end) {
  const auto told = parsed(end);
  if (!told.is_object()) return mcp::tool_error(errors_of(end));
  const auto state = told.value("state", "");
  Json out{{"review", told.value("id", "")}, {"state", state}};
  for (const char* name : {"why", "describe"})
    if (told.contains(name)) out[name] = short_text(told[name]);
  if (told.contains("signers")) out["signers"] = told["signers"];
  out["advice"] = state == "approved"  ? "It is approved: run_job with require_review uses it up."
                  : state == "pending" ? "Nobody has decided yet: go on with something else."
                                       : "It does not stand; do not do what it was asked for.";
  return {std::move(out), false};
}

void review_check(Desk& desk, const std::shared_ptr<mcp::Call>& call) {
  ask(desk, call, {"review", "show", "--json", text_of(call->arguments(), "review")}, read_review);
}

mcp::Fields advised(mcp::Fields fields) {
  fields.push_back({"advice", Kind::text, "What to do next, in a sentence", true});
  return fields;
}

std::vector<mcp::Tool> review_tools(Desk& desk) {
  return {
      {"request_review",
       "Ask for a review",
       "Asks that others sign off what is described before it is done. Returns an id. Approving is "
       "a person's: there is no tool for it.",
       {{"describe", Kind::text, "What is to be done, in a sentence", true},
        {"pools", Kind::texts, "Who decides; else the policy's default"},
        {"files", Kind::texts, "Files it is about: if they change, it is stale"},
        {"command", Kind::command, "If it is about running this very command"},
        kCwd},
       advised({{"review", Kind::text, "Its id", true}}),
       {false, false, false, false},
       false,
       [&desk](const auto& call) { request_review(desk, call); }},
      {"review_check",
       "Is a review approved?",
       "How a review stands: pending, approved, refused, stale or used.",
       {{"review", Kind::text, "Its id", true}, kCwd},
       advised({{"review", Kind::text, "Its id", true},
                {"state", Kind::text, "How it stands", true},
                {"why", Kind::text, "In words"},
                {"describe", Kind::text, "What it is about"},
                {"signers", Kind::texts, "Whose signatures count"}}),
       {true, false, true, false},
       false,
       [&desk](const auto& call) { review_check(desk, call); }},
  };
}

std::vector<mcp::Tool> data_tools(Desk& desk) {
  return {
      {"verify_data",
       "Do the data fulfil their contract?",
       "Checks data (CSV, Parquet, …) against contracts: columns, keys, counts, nulls, ranges. Use "
       "it on what a job has produced, before anything builds on it.",
       {{"contracts", Kind::texts, "Contract files; after a HARD_FAIL the others are not checked",
         true},
        kCwd},
       advised({{"verdict", Kind::text, "ok or HARD_FAIL", true, {"ok", "HARD_FAIL", "error"}},
                {"checks_passed", Kind::integer, "How many", true},
                {"checks_failed", Kind::integer, "How many", true},
                {"failed", Kind::objects, "The first eight that failed", true}}),
       {false, false, true, false},
       false,
       [&desk](const auto& call) { verify_data(desk, call); }},
      {"stamp_check",
       "Does a stamp hold?",
       "Whether an audit was run on these very files, passed, and is recent enough.",
       {{"stamp", Kind::text, "Its name", true},
        {"max_age", Kind::text, "\"2d\": it must not be older"},
        {"audit", Kind::texts, "It must be of this very command: its words"},
        kCwd},
       advised({{"holds", Kind::boolean, "Does it?", true},
                {"objections", Kind::texts, "Why not", true},
                {"job", Kind::text, "The run of the audit"}}),
       {true, false, true, false},
       false,
       [&desk](const auto& call) { stamp_check(desk, call); }},
      {"ledger_query",
       "What is on record?",
       "Findings, kills, overrides, approvals, reviews and stamps, newest first.",
       {{"job", Kind::text, "Only of this run"},
        {"severity", Kind::text, "Only of this", false, {"HARD_FAIL", "WARN", "INFO"}},
        {"check", Kind::text, "Only of this check"},
        {"kind", Kind::text, "finding, kill, override, approval, review, stamp, …"},
        {"since", Kind::text, "\"2h\" ago, or 2026-01-31"},
        {"actor", Kind::text, "Only by whom"},
        {"limit", Kind::integer, "At most so many (10)", false, {}, 1, 1000},
        kCwd},
       advised({{"entries", Kind::objects, "Shortly", true}}),
       {true, false, true, false},
       false,
       [&desk](const auto& call) { ledger_query(desk, call); }},
  };
}

}  // namespace

std::vector<mcp::Tool> tools_that_check(Desk& desk) {
  auto out = data_tools(desk);
  for (auto& tool : review_tools(desk))
    out.push_back(std::move(tool));
  return out;
}

}  // namespace jobward::desk
