#include "agent/desk/tools.h"

#include <unistd.h>

#include <cmath>
#include <utility>

#include "agent/mcp/call.h"
#include "cli/preflight.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

using mcp::Json;

// Where nothing better is known.
constexpr double kGrowth = 2;
constexpr double kWorthAnotherTry = 1.1;

constexpr std::size_t kTail = 700;
constexpr double kMebibyte = 1048576;

void append(std::vector<mcp::Tool>& to, std::vector<mcp::Tool> more) {
  for (auto& tool : more)
    to.push_back(std::move(tool));
}

Result<cli::Preflight> look_again(cli::Session& session, const profiles::RunRecord& run) {
  auto order = cli::make_order(run.request.argv, {}, std::nullopt);
  if (!order) return tl::unexpected(std::move(order).error());
  return cli::look_ahead(*order, {}, session);
}

Result<ToldRun> told_as_recorded(Desk& desk, const std::string& reference) {
  auto runs = desk.runs();
  if (!runs) return tl::unexpected(std::move(runs).error());
  auto run = cli::look_up_run(**runs, reference);
  if (!run) return tl::unexpected(std::move(run).error());
  const auto suggested = suggested_memory(desk, *run);
  runs = desk.runs();
  if (!runs) return tl::unexpected(std::move(runs).error());
  ToldRun out{std::move(*run), {}};
  out.view = job_view(**runs, out.record, suggested);
  if (!out.record.ending) return out;
  for (const char* stream : {"stdout", "stderr"}) {
    auto tail = output_tail(**runs, out.record.request.id, stream, kTail);
    if (!tail.empty()) out.view[std::string(stream) + "_tail"] = std::move(tail);
  }
  return out;
}

}  // namespace

std::vector<mcp::Tool> make_tools(Desk& desk) {
  auto out = tools_before_a_job(desk);
  append(out, tools_about_jobs(desk));
  append(out, tools_that_check(desk));
  return out;
}

Handler at_once(std::function<Result<Json>(const mcp::Call& call)> work) {
  return [work = std::move(work)](const std::shared_ptr<mcp::Call>& call) {
    auto done = work(*call);
    if (done)
      call->answer({std::move(*done), false});
    else
      call->answer(mcp::tool_error(done.error().message()));
  };
}

std::string text_of(const Json& arguments, const char* name) {
  return mcp::text_member(arguments, name);
}

std::optional<double> number_of(const Json& arguments, const char* name) {
  const Json& value = mcp::member(arguments, name);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

bool flag_of(const Json& arguments, const char* name) {
  const Json& value = mcp::member(arguments, name);
  return value.is_boolean() && value.get<bool>();
}

std::vector<std::string> texts_of(const Json& arguments, const char* name) {
  const Json& value = mcp::member(arguments, name);
  return value.is_array() ? value.get<std::vector<std::string>>() : std::vector<std::string>();
}

std::vector<std::string> command_of(const Json& arguments) {
  const Json& value = mcp::member(arguments, "command");
  if (value.is_array()) return value.get<std::vector<std::string>>();
  if (!value.is_string()) return {};
  const char* shell = ::access("/bin/bash", X_OK) == 0 ? "bash" : "sh";
  return {shell, "-c", value.get<std::string>()};
}

std::optional<double> suggested_memory(Desk& desk, const profiles::RunRecord& run) {
  if (!needs_more_memory(run)) return std::nullopt;
  const auto* had = run.request.limits.find(Resource::memory);
  if (had == nullptr || had->origin == LimitOrigin::policy) return std::nullopt;
  std::optional<double> out;
  const auto looked = desk.in_session(run.request.cwd, [&](cli::Session& session) -> Result<Json> {
    const auto ahead = look_again(session, run);
    if (!ahead) return tl::unexpected(ahead.error());
    const double most = ahead->scene.capacity;
    const auto* next = ahead->preview.plan.limits.find(Resource::memory);
    double wanted = had->value * kGrowth;
    // A guess would be a share of all that is free.
    const bool known = next != nullptr && !ahead->preview.plan.guessed;
    if (known && next->value > had->value * kWorthAnotherTry) wanted = next->value;
    if (wanted > most) wanted = most;
    // Whole mebibytes, rounded down: all that there is, rounded up, could never fit.
    wanted = std::floor(wanted / kMebibyte) * kMebibyte;
    if (wanted > had->value * kWorthAnotherTry) out = wanted;
    return Json();
  });
  // Its directory may be gone: then only what it had tells anything.
  if (!looked) out = had->value * kGrowth;
  return out;
}

Result<ToldRun> told_run(Desk& desk, const std::string& reference) {
  auto told = told_as_recorded(desk, reference);
  if (!told || told->view["state"] != "lost") return told;
  // It has ended since its record was read, or nobody closes it but us.
  desk.reap_now();
  return told_as_recorded(desk, reference);
}

Result<Json> told_job(Desk& desk, const std::string& reference) {
  return told_run(desk, reference).map([](ToldRun told) { return std::move(told.view); });
}

}  // namespace jobward::desk
