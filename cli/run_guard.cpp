#include "cli/run_guard.h"

#include <nlohmann/json.hpp>

#include "cli/review_action.h"
#include "common/identity.h"
#include "common/text.h"
#include "profiles/fingerprint.h"
#include "profiles/program.h"
#include "profiles/secrets.h"
#include "trust/canonical.h"
#include "trust/encoding.h"

namespace jobward::cli {
namespace {

constexpr const char* kRule = "cap_escalation";

// The command without its guarded flags: with one of them it is to be found all the same.
std::string command_subject(const profiles::Program& program, const profiles::Project& project,
                            const std::vector<std::string>& arguments) {
  std::string text = project.identity + '\0' + program.identity;
  for (const auto& argument : arguments)
    text += '\0' + profiles::mask_argument(argument);
  return "command:" + sha256_hex(text).substr(0, 32);
}

std::string program_subject(const profiles::Program& program, const profiles::Project& project) {
  return "program:" + sha256_hex(project.identity + '\0' + program.identity).substr(0, 32);
}

std::string digest_of_variable(const launcher::RunOrder& order, const std::string& name) {
  for (const auto& entry : order.environment)
    if (entry.starts_with(name + "=")) return sha256_hex(entry.substr(name.size() + 1));
  return "";
}

trust::GuardAsk ask_of(const Session& session, const launcher::RunOrder& order,
                       const profiles::Program& program, trust::RunTerms terms) {
  trust::GuardAsk ask;
  ask.argv = order.job.argv;
  ask.shown_argv = profiles::mask_secrets(order.job.argv);
  ask.cwd = order.job.cwd;
  if (!program.script_path.empty())
    if (const auto digest = trust::sha256_of_file(program.script_path))
      ask.script_sha256 = trust::hex(*digest);
  for (const auto& name : session.policy.trust.guard.environment)
    if (auto digest = digest_of_variable(order, name); !digest.empty())
      ask.environment[name] = std::move(digest);
  for (const auto& beyond : launcher::beyond_caps(order.wishes.limits, session.policy.policy))
    ask.beyond_caps.push_back({std::string(info(beyond.resource).name), beyond.asked, beyond.cap});
  ask.terms = std::move(terms);
  return ask;
}

Result<std::optional<trust::RunTerms>> recorded_under(TrustDesk& desk, const std::string& subject) {
  trust::LedgerQuery query;
  query.kind = trust::EntryKind::baseline;
  query.subject = subject;
  auto found = desk.ledger->newest(query);
  if (!found) return tl::unexpected(std::move(found).error());
  if (!*found) return std::nullopt;
  return trust::read_run_terms((*found)->details);
}

// Of this command, else the newest of its program: another word in the command line does not make
// what is guarded a new command.
Result<std::optional<trust::RunTerms>> recorded_of(RunGuard& guard) {
  auto found = recorded_under(*guard.desk, guard.command);
  if (!found || *found) return found;
  return recorded_under(*guard.desk, guard.program);
}

std::string joined(const std::vector<std::string>& reasons) {
  std::string text;
  for (const auto& reason : reasons)
    text += (text.empty() ? "" : "; ") + reason;
  return text;
}

trust::NewEntry evidence(const launcher::RunOrder& order, const std::string& what, bool passed) {
  Finding finding;
  finding.source = "guard";
  finding.check = kRule;
  finding.primitive = kRule;
  finding.declared = passed ? Severity::warn : Severity::hard_fail;
  finding.effective = finding.declared;
  finding.passed = passed;
  finding.message = what;
  trust::NewEntry entry = trust::entry_of(finding);
  entry.actor = order.actor;
  entry.run = order.id;
  return entry;
}

void lift_caps(Session& session, const launcher::RunOrder& order, const std::string& decision) {
  auto& caps = session.policy.policy.caps;
  for (const auto& beyond : launcher::beyond_caps(order.wishes.limits, session.policy.policy)) {
    Limit cap = *order.wishes.limits.find(beyond.resource);
    cap.source = "decision " + decision;
    cap.origin = LimitOrigin::policy;
    caps.set(beyond.resource, std::move(cap));
  }
}

// It passes once if somebody has approved this very action; else it is refused.
Status settle_reasons(Session& session, launcher::RunOrder& order, const trust::GuardAsk& ask,
                      const std::string& why, RunGuard& guard) {
  auto& decisions = *guard.desk->decisions;
  const std::string action = trust::action_text(ask);
  auto entry = evidence(order, why + "; it passes this once, as approved", true);
  entry.kind = trust::EntryKind::override_;
  auto used = decisions.consume(trust::DecisionKind::caps, action, std::move(entry));
  if (!used) return tl::unexpected(std::move(used).error());
  if (*used) {
    lift_caps(session, order, (*used)->id);
    guard.overridden = true;
    guard.remarks.push_back(why + ": approved, decision " + (*used)->id + ", used up now");
    return {};
  }
  const trust::Request request{trust::DecisionKind::caps,
                               action,
                               shell_quoted(ask.shown_argv) + ": " + why,
                               {session.policy.trust.caps_pool},
                               "uid:" + std::to_string(order.actor.uid),
                               false};
  const auto decision = decisions.ask(request, evidence(order, why, false));
  if (!decision) return tl::unexpected(decision.error());
  order.refusal = why + ". This very command passes once after `jobward approve " + decision->id +
                  "` (decision " + decision->id + ")";
  return {};
}

Status settle_review(launcher::RunOrder& order, const std::string& id, RunGuard& guard) {
  auto& decisions = *guard.desk->decisions;
  const auto decision = decisions.find(id);
  const auto refuse = [&](const std::string& why) {
    order.refusal = "the review \"" + printable(id) + "\" that it requires: " + why;
  };
  if (!decision) {
    refuse(decision.error().message());
    return {};
  }
  if (decision->request.kind != trust::DecisionKind::review) {
    refuse("that decision is no review");
    return {};
  }
  const auto standing = decisions.standing(*decision);
  if (standing.state != trust::Standing::State::approved) {
    refuse(std::string(trust::to_string(standing.state)) + ", " + standing.why);
    return {};
  }
  if (const auto changed = changed_since(*decision)) {
    refuse("stale, " + *changed);
    return {};
  }
  auto entry = evidence(order, "the review is used: " + decision->request.describe, true);
  entry.kind = trust::EntryKind::override_;
  entry.check = "review";
  entry.primitive = "review";
  entry.severity = Severity::info;
  if (auto used = decisions.consume(*decision, decision->request.action, std::move(entry)); !used)
    refuse(used.error().message());
  return {};
}

}  // namespace

Result<RunGuard> guard_run(Session& session, launcher::RunOrder& order, trust::RunTerms terms,
                           const std::optional<std::string>& require_review, bool dry_run) {
  RunGuard guard;
  const auto& rules = session.policy.trust.guard;
  const bool beyond = !launcher::beyond_caps(order.wishes.limits, session.policy.policy).empty();
  if (!rules.any() && !beyond && !require_review) return guard;
  const auto project = profiles::find_project(order.job.cwd, session.files);
  const auto program = profiles::find_program(order.job, project.root, session.files);
  auto split = trust::split_guarded(program.arguments, rules.flags);
  terms.guarded_flags = std::move(split.guarded);
  guard.command = command_subject(program, project, split.plain);
  guard.program = program_subject(program, project);
  guard.terms = terms;
  auto desk = open_trust_desk(session.policy, project);
  if (!desk) return rethrow(std::move(desk).error(), "the guard of this run");
  guard.desk = std::move(*desk);
  auto recorded = recorded_of(guard);
  if (!recorded) return tl::unexpected(std::move(recorded).error());
  guard.recorded = std::move(*recorded);
  const auto ask = ask_of(session, order, program, std::move(terms));
  const auto why = trust::reasons(ask, guard.recorded, rules);
  if (dry_run) {
    if (!why.empty()) order.refusal = joined(why) + " (it needs an approval)";
    return guard;
  }
  if (!why.empty())
    JOBWARD_RETURN_IF_ERROR(settle_reasons(session, order, ask, joined(why), guard));
  // Not used up by a run that is refused anyway.
  if (require_review && !order.refusal)
    JOBWARD_RETURN_IF_ERROR(settle_review(order, *require_review, guard));
  return guard;
}

std::string accept_run(const RunGuard& guard, const launcher::RunResult& result) {
  const bool accepted = guard.desk && result.started && result.ending.outcome == Outcome::ok &&
                        !guard.overridden && guard.desk->policy.trust.guard.any();
  const std::string now = trust::canonical_text(guard.terms);
  if (!accepted || (guard.recorded && trust::canonical_text(*guard.recorded) == now)) return {};
  auto batch = guard.desk->ledger->begin();
  if (!batch) return "the guard's record: " + batch.error().message();
  for (const auto& subject : {guard.command, guard.program}) {
    trust::NewEntry entry;
    entry.kind = trust::EntryKind::baseline;
    entry.actor = result.request.actor;
    entry.run = result.request.id;
    entry.project = trust::json_text(result.request.project);
    entry.subject = subject;
    entry.message = "what this command was run with: " + printable(result.request.program);
    entry.details = now;
    if (auto appended = batch->append(entry); !appended)
      return "the guard's record: " + appended.error().message();
  }
  if (auto done = batch->commit(); !done) return "the guard's record: " + done.error().message();
  return {};
}

}  // namespace jobward::cli
