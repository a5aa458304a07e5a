#include "agent/desk/hook_model.h"

#include <unistd.h>

#include <cstdio>

#include "agent/desk/hook_decision.h"
#include "agent/hooks/answer.h"
#include "agent/hooks/model.h"
#include "cli/trust_desk.h"
#include "common/exit_codes.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

// In all four agents this status blocks, and stderr is the reason.
constexpr int kBlocks = 2;

Status put_on_record(const hooks::Event& event, const std::string& min_tier,
                     const hooks::ModelVerdict& verdict, const std::string& model) {
  auto desk = cli::open_trust_desk(cli::Tolerance::tolerant);
  if (!desk) return tl::unexpected(std::move(desk).error());
  trust::NewEntry entry;
  entry.kind = trust::EntryKind::finding;
  entry.actor = (*desk)->actor;
  for (const auto& [name, value] : claims_of(event))
    entry.actor.claims[name] = value;
  entry.project = (*desk)->project.identity;
  entry.source = "guard";
  entry.check = "model:" + min_tier;
  entry.primitive = "model";
  entry.subject = model;
  entry.severity = Severity::hard_fail;
  entry.passed = verdict.passed;
  entry.message = verdict.reason;
  auto appended = (*desk)->ledger->append(entry);
  if (!appended) return tl::unexpected(std::move(appended).error());
  return {};
}

int deny(const hooks::Event& event, const std::string& reason) {
  if (event.moment == hooks::Event::Moment::before) {
    const auto out = hooks::answer_of(event, {hooks::Decision::Kind::deny, "", reason}).out;
    std::fputs(out.c_str(), stdout);
    return 0;
  }
  std::fprintf(stderr, "%s\n", reason.c_str());
  return kBlocks;
}

}  // namespace

int answer_about_model(hooks::Agent agent, const std::string& input, const std::string& min_tier) {
  auto event = hooks::read_event(agent, input);
  if (!event) {
    hooks::Event unknown;
    unknown.agent = agent;
    return deny(unknown, "Jobward: which model serves is not known: " + event.error().message());
  }
  // Any tool may be guarded by it, not only the shell.
  const bool before =
      event->name == "PreToolUse" || event->name == "BeforeTool" || event->name == "preToolUse";
  if (before) event->moment = hooks::Event::Moment::before;
  if (!event->cwd.empty()) static_cast<void>(::chdir(event->cwd.c_str()));
  const auto session = cli::open_session();
  if (!session)
    return deny(*event, "Jobward: the tiers of models are not known: " + session.error().message());
  const auto served = hooks::served_model(*event);
  const auto verdict = hooks::judge_model(served, min_tier, (*session)->config.hooks.tiers);
  if (verdict.passed) return 0;
  std::string text = "Jobward: " + verdict.reason;
  if (auto kept = put_on_record(*event, min_tier, verdict, served.model); !kept)
    text += " (NOT on record: " + kept.error().message() + ")";
  return deny(*event, text);
}

}  // namespace jobward::desk
