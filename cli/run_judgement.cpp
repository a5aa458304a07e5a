#include "cli/run_judgement.h"

#include <utility>

#include "agent/hooks/model.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

Result<StampWishes> stamp_wishes(const RunFlags& flags) {
  StampWishes out{flags.require_stamps, std::nullopt};
  if (!flags.stamp_max_age) return out;
  auto seconds = parse_duration_seconds(*flags.stamp_max_age);
  if (!seconds) return rethrow(std::move(seconds).error(), "--stamp-max-age");
  if (out.names.empty())
    return error("use", "--stamp-max-age", "it means something with --require-stamp only");
  out.max_age_seconds = *seconds;
  return out;
}

// By the transcript that the actor names: what it claims about its model is no evidence.
std::optional<Finding> model_fault(const RunFlags& flags, const Session& session,
                                   launcher::RunOrder& order) {
  if (!flags.require_model) return std::nullopt;
  const auto claim = [&](const char* name) {
    const auto found = order.actor.claims.find(name);
    return found == order.actor.claims.end() ? std::string() : found->second;
  };
  hooks::ServedModel served{"", "JOBWARD_ACTOR names no agent whose transcript could tell"};
  if (const auto agent = hooks::agent_from(claim("agent"))) {
    hooks::Event event;
    event.agent = *agent;
    event.transcript = claim("transcript");
    event.subagent = claim("subagent");
    served = hooks::served_model(event);
  }
  const auto verdict = hooks::judge_model(served, *flags.require_model, session.config.hooks.tiers);
  if (!served.model.empty()) order.actor.claims["model"] = served.model;
  Finding finding;
  finding.source = "guard";
  finding.check = "model:" + *flags.require_model;
  finding.primitive = "model";
  finding.passed = verdict.passed;
  finding.message = verdict.reason;
  if (!verdict.passed) return finding;
  order.findings.push_back(std::move(finding));
  return std::nullopt;
}

}  // namespace

Result<Judged> judge(const RunFlags& flags, bool no_wall_limit, bool dry_run, Session& session,
                     launcher::RunOrder& order) {
  trust::RunTerms terms;
  terms.no_memory_limit = order.wishes.no_memory_limit;
  terms.no_time_limit = no_wall_limit;
  terms.has_time_limit = order.wishes.limits.contains(Resource::wall);
  auto contracts = read_run_contracts(flags.require, flags.verify, order.job.cwd, terms);
  if (!contracts) return tl::unexpected(std::move(contracts).error());
  auto stamps = stamp_wishes(flags);
  if (!stamps) return tl::unexpected(std::move(stamps).error());
  auto fault = stamp_fault(*stamps, session, order.job.cwd, &terms.require_stamp);
  if (!fault) return tl::unexpected(std::move(fault).error());
  Judged out{std::move(*contracts), {}, std::move(*stamps)};
  if (!*fault) *fault = model_fault(flags, session, order);
  if (*fault) {
    order.refusal = (*fault)->message;
    order.findings.push_back(std::move(**fault));
    return out;
  }
  order.refusal = foreign_contract(out.contracts, session.policy.trust);
  if (!order.refusal) JOBWARD_RETURN_IF_ERROR(require_contracts(out.contracts, order, dry_run));
  if (order.refusal) return out;
  auto guard = guard_run(session, order, std::move(terms), flags.require_review, dry_run);
  if (!guard) return tl::unexpected(std::move(guard).error());
  out.guard = std::move(*guard);
  return out;
}

std::optional<std::string> last_word(Judged& judged, const Session& session,
                                     launcher::RunOrder& order, bool waited) {
  if (waited) {
    auto fault = stamp_fault(judged.stamps, session, order.job.cwd, nullptr);
    if (!fault) return fault.error().message();
    if (*fault) {
      order.findings.push_back(**fault);
      return (*fault)->message;
    }
    if (auto refusal = require_again(judged.contracts, order)) return refusal;
  }
  return use_approvals(judged.guard, session, order);
}

}  // namespace jobward::cli
