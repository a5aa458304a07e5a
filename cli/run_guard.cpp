#include "cli/run_guard.h"

#include <nlohmann/json.hpp>

#include "cli/review_action.h"
#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"
#include "profiles/fingerprint.h"
#include "profiles/paths.h"
#include "profiles/program.h"
#include "profiles/secrets.h"
#include "trust/canonical.h"
#include "trust/stamp.h"

namespace jobward::cli {
namespace {

constexpr const char* kRule = "cap_escalation";

// Where a job belongs, and what it is called there, by whatever links and from wherever it is run:
// else another name for the same directory would make it a new command.
struct Place {
  profiles::Project project;
  profiles::Program program;
};

Place place_of(const Session& session, const launcher::RunOrder& order) {
  Job job = order.job;
  job.cwd = real_path(job.cwd);
  Place out;
  out.project = profiles::find_project(job.cwd, session.files);
  out.program = profiles::find_program(job, out.project.root, session.files);
  auto& script = out.program.script_path;
  if (script.empty()) return out;
  script = real_path(script);
  out.project = profiles::find_project(script.substr(0, script.rfind('/')), session.files);
  out.program.identity = "script " + profiles::path_within(out.project.root, script);
  return out;
}

std::string subject(const char* kind, const std::string& text) {
  return kind + sha256_hex(text).substr(0, 32);
}

// The command without its guarded flags: with one of them it is to be found all the same.
std::string command_subject(const Place& place, const std::vector<std::string>& arguments) {
  std::string text = place.project.identity + '\0' + place.program.identity;
  for (const auto& argument : arguments)
    text += '\0' + profiles::mask_argument(argument);
  return subject("command:", text);
}

std::string program_subject(const Place& place) {
  return subject("program:", place.project.identity + '\0' + place.program.identity);
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
  // One that cannot be read now is another one when it can be.
  if (!program.script_path.empty())
    ask.script_sha256 = trust::content_digest(program.script_path).value_or("unreadable");
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

// An approval that was given for this action and does not hold any more: why.
std::string why_not_earlier(trust::Decisions& decisions, const std::string& action) {
  const auto stale = decisions.stale(trust::DecisionKind::caps, action);
  if (!stale || !*stale) return {};
  return "; the earlier approval " + (*stale)->id +
         " does not count: " + decisions.standing(**stale).why;
}

// A new way to call the program may have less than what it is known by, and must not take that
// away.
bool may_stand_for_program(const RunGuard& guard) {
  const auto known = recorded_under(*guard.desk, guard.program);
  if (!known) return false;
  if (!*known) return true;
  trust::GuardAsk ask;
  ask.terms = guard.terms;
  return trust::reasons(ask, **known, guard.desk->policy.trust.guard).empty();
}

// It passes once if somebody has approved this very action; else it is refused.
Status settle_reasons(Session& session, launcher::RunOrder& order, const trust::GuardAsk& ask,
                      const std::string& why, bool dry_run, RunGuard& guard) {
  auto& decisions = *guard.desk->decisions;
  const std::string action = trust::action_text(ask);
  auto approved = decisions.approved(trust::DecisionKind::caps, action);
  if (!approved) return tl::unexpected(std::move(approved).error());
  if (*approved) {
    auto entry = evidence(order, why + "; it passes this once, as approved", true);
    entry.kind = trust::EntryKind::override_;
    lift_caps(session, order, (*approved)->id);
    guard.action = action;
    guard.beyond_caps = ask.beyond_caps;
    guard.remarks.push_back(why + ": approved, decision " + (*approved)->id +
                            ", which is used up by this start");
    guard.approvals.push_back({std::move(**approved), action, std::move(entry), false});
    return {};
  }
  if (dry_run) {
    order.refusal = why + " (it needs an approval)";
    return {};
  }
  // Nothing lifts a block: no approval is to be asked for in vain.
  if (order.wishes.no_memory_limit && session.policy.policy.blocks.no_limit) return {};
  const trust::Request request{trust::DecisionKind::caps,
                               action,
                               shell_quoted(ask.shown_argv) + ": " + why,
                               {session.policy.trust.caps_pool},
                               "uid:" + std::to_string(order.actor.uid),
                               false};
  const auto decision = decisions.ask(request, evidence(order, why, false));
  if (!decision) return tl::unexpected(decision.error());
  order.refusal = why + ". This very command passes once after `jobward approve " + decision->id +
                  "` (decision " + decision->id + ")" + why_not_earlier(decisions, action);
  return {};
}

void refuse_review(launcher::RunOrder& order, const std::string& id, const std::string& why) {
  Finding finding;
  finding.source = "guard";
  finding.check = "review";
  finding.primitive = "review";
  finding.message = "the review \"" + printable(id) + "\" that it requires: " + why;
  order.refusal = finding.message;
  order.findings.push_back(std::move(finding));
}

void settle_review(launcher::RunOrder& order, const std::string& id, RunGuard& guard) {
  auto& decisions = *guard.desk->decisions;
  auto decision = decisions.find(id);
  if (!decision) return refuse_review(order, id, decision.error().message());
  if (decision->request.kind != trust::DecisionKind::review)
    return refuse_review(order, id, "that decision is no review");
  const auto standing = decisions.standing(*decision);
  if (standing.state != trust::Standing::State::approved)
    return refuse_review(order, id,
                         std::string(trust::to_string(standing.state)) + ", " + standing.why);
  if (const auto changed = changed_since(*decision))
    return refuse_review(order, id, "stale, " + *changed);
  if (const auto other = other_command(*decision, order.job.argv))
    return refuse_review(order, id, *other);
  auto entry = evidence(order, "the review is used: " + decision->request.describe, true);
  entry.kind = trust::EntryKind::override_;
  entry.check = "review";
  entry.primitive = "review";
  entry.severity = Severity::info;
  const std::string action = decision->request.action;
  guard.approvals.push_back({std::move(*decision), action, std::move(entry), true});
}

// Of the review that is required, the pools: one that others decide is another review.
std::vector<std::string> review_terms(trust::Decisions& decisions,
                                      const std::optional<std::string>& review) {
  if (!review) return {};
  const auto decision = decisions.find(*review);
  std::string pools;
  if (decision)
    for (const auto& pool : decision->request.pools)
      pools += (pools.empty() ? "" : ",") + pool;
  return {pools};
}

// Of the records that were there when it was judged, is this still the one?
bool is_unchanged(TrustDesk& desk, const std::string& subject,
                  const std::optional<trust::RunTerms>& seen) {
  const auto now = recorded_under(desk, subject);
  if (!now) return false;
  if (!*now || !seen) return !*now && !seen;
  return trust::canonical_text(**now) == trust::canonical_text(*seen);
}

}  // namespace

Result<RunGuard> guard_run(Session& session, launcher::RunOrder& order, trust::RunTerms terms,
                           const std::optional<std::string>& require_review, bool dry_run) {
  RunGuard guard;
  const auto& rules = session.policy.trust.guard;
  const bool beyond = !launcher::beyond_caps(order.wishes.limits, session.policy.policy).empty();
  if (!rules.any() && !beyond && !require_review) return guard;
  const auto place = place_of(session, order);
  auto split = trust::split_guarded(place.program.arguments, rules.flags);
  auto desk = open_trust_desk(session.policy, place.project);
  if (!desk) return rethrow(std::move(desk).error(), "the guard of this run");
  guard.desk = std::move(*desk);
  terms.guarded_flags = std::move(split.guarded);
  terms.require_review = review_terms(*guard.desk->decisions, require_review);
  guard.command = command_subject(place, split.plain);
  guard.program = program_subject(place);
  guard.terms = terms;
  auto recorded = recorded_of(guard);
  if (!recorded) return tl::unexpected(std::move(recorded).error());
  guard.recorded = std::move(*recorded);
  const auto ask = ask_of(session, order, place.program, std::move(terms));
  const auto why = trust::reasons(ask, guard.recorded, rules);
  if (!why.empty())
    JOBWARD_RETURN_IF_ERROR(settle_reasons(session, order, ask, joined(why), dry_run, guard));
  if (require_review && !order.refusal) settle_review(order, *require_review, guard);
  return guard;
}

std::optional<std::string> use_approvals(RunGuard& guard, const Session& session,
                                         const launcher::RunOrder& order) {
  if (guard.approvals.empty()) return std::nullopt;
  auto& decisions = *guard.desk->decisions;
  // What was approved is what is started now: the script, too.
  auto terms = guard.terms;
  if (guard.overridden()) {
    auto ask = ask_of(session, order, place_of(session, order).program, std::move(terms));
    ask.beyond_caps = guard.beyond_caps;
    if (trust::action_text(ask) != guard.action)
      return "what was approved has changed while it waited: the script or the environment";
  }
  // All of them before the first is used up.
  for (const auto& approval : guard.approvals) {
    const auto now = decisions.find(approval.decision.id);
    if (!now) return now.error().message();
    const auto standing = decisions.standing(*now);
    if (standing.state != trust::Standing::State::approved)
      return "the approval " + now->id +
             " does not hold any more: " + std::string(trust::to_string(standing.state)) + ", " +
             standing.why;
    if (approval.is_review)
      if (const auto changed = changed_since(*now))
        return "the review " + now->id + ": " + *changed;
  }
  for (const auto& approval : guard.approvals)
    if (auto used = decisions.consume(approval.decision, approval.action, approval.entry); !used)
      return used.error().message();
  return std::nullopt;
}

std::string accept_run(const RunGuard& guard, const launcher::RunResult& result) {
  const auto outcome = result.ending.outcome;
  const bool accepted = guard.desk && result.started &&
                        (outcome == Outcome::ok || outcome == Outcome::verify_failed) &&
                        !guard.overridden() && guard.desk->policy.trust.guard.any();
  const std::string now = trust::canonical_text(guard.terms);
  if (!accepted || (guard.recorded && trust::canonical_text(*guard.recorded) == now)) return {};
  const auto failed = [](const Error& why) { return "the guard's record: " + why.message(); };
  auto batch = guard.desk->ledger->begin();
  if (!batch) return failed(batch.error());
  // Another one may have ended meanwhile, with more: the next run has it decided.
  if (!is_unchanged(*guard.desk, guard.command, guard.recorded) &&
      !is_unchanged(*guard.desk, guard.command, std::nullopt))
    return {};
  std::vector<std::string> subjects{guard.command};
  if (may_stand_for_program(guard)) subjects.push_back(guard.program);
  for (const auto& subject : subjects) {
    trust::NewEntry entry;
    entry.kind = trust::EntryKind::baseline;
    entry.actor = result.request.actor;
    entry.run = result.request.id;
    entry.project = trust::json_text(guard.desk->project.identity);
    entry.subject = subject;
    entry.message = "what this command was run with: " + printable(result.request.program);
    entry.details = now;
    if (auto appended = batch->append(entry); !appended) return failed(appended.error());
  }
  if (auto done = batch->commit(); !done) return failed(done.error());
  return {};
}

}  // namespace jobward::cli
