// Theory of operation: prepare ─▶ estimate ─▶ limits ─▶ admission, which writes the row (durable)
// ─▶ cgroup ─▶ spawn ─▶ supervise ─▶ kill what is left, measure, remove ─▶ classify ─▶ once more
// with a larger limit, or close the row and learn. run_job() is that list.
#include "launcher/job_runner.h"

#include <algorithm>
#include <utility>

#include "common/exit_codes.h"
#include "common/fault.h"
#include "common/units.h"
#include "launcher/admit.h"
#include "launcher/attempt.h"
#include "launcher/endings.h"
#include "launcher/findings.h"
#include "launcher/requests.h"
#include "launcher/retry.h"
#include "launcher/run_lock.h"

namespace jobward::launcher {
namespace {

std::string guess_line(const RunResult& result, const LimitPlan& plan) {
  const Limit* limit = result.request.limits.find(Resource::memory);
  const auto& estimate = result.request.estimate;
  const bool only_ended_early =
      estimate.level != Level::none && estimate.level != Level::everything;
  return "memory limit " + format_bytes(limit != nullptr ? limit->value : 0) +
         " is a guess: " + plan.explanation +
         (only_ended_early ? " (no run of this command has ended well yet)"
                           : " (nothing is known about this command yet)");
}

void record_end(const Workshop& shop, RunResult& result) {
  result.at.ended = shop.clock.wall_ms();
  if (!result.recorded || result.earlier) return;
  JOBWARD_FAULT(closing);
  auto closed = shop.store->end(result.request.id, result.ending, result.at,
                                result.started ? profiles::Teaches::yes : profiles::Teaches::no);
  if (closed) return;
  result.recorded = false;
  result.problems.push_back("the end of the run is NOT recorded (its beginning is): " +
                            closed.error().message());
}

// A wall limit is wagered up to so many times what it was.
constexpr double kLongestMore = 3;

// As the first limit was asked for.
estimator::Question question_of(const RunOrder& order, const RunResult& result) {
  const auto& sizing = result.request.estimate.sizing;
  return {order.wishes.objective,
          order.wishes.confidence,
          sizing ? sizing->failure : FailureShare(),
          {}};
}

// The limit that the next attempt gets, or why there is none.
tl::expected<double, std::string> larger_limit(const RunOrder& order, const Workshop& shop,
                                               Resource resource, const RunResult& result) {
  const Limit* limit = result.request.limits.find(resource);
  if (limit == nullptr || shop.store == nullptr)
    return tl::unexpected(std::string("there are no records to go by"));
  const auto states = shop.store->learned(result.request.fingerprint);
  const bool memory = resource == Resource::memory;
  const double most =
      memory ? static_cast<double>(shop.snapshot.capacity()) : limit->value * kLongestMore;
  auto next = next_limit(resource, limit->value, most,
                         states ? *states : std::vector<profiles::LearnedState>(),
                         result.request.features, shop.settings, question_of(order, result));
  if (const Limit* cap = shop.policy.caps.find(resource)) {
    if (cap->value < next.least)
      return tl::unexpected("the policy allows no more (" + cap->source + ")");
    next.wanted = std::min(next.wanted, cap->value);
  }
  if (!memory) return next.wanted;
  return reserve_more(order, shop, next.least, next.wanted);
}

// What an elastic limit had come to is where the next attempt begins.
void keep_raised(RunResult& result) {
  if (result.ending.raises.empty()) return;
  Limit limit = *result.request.limits.find(Resource::memory);
  limit.value = result.ending.raises.back().to;
  result.request.limits.set(Resource::memory, std::move(limit));
}

// Prepares the next attempt after an end at the job's own limit, if it may be tried again.
bool try_again(const RunOrder& order, const Workshop& shop, const RunHooks& hooks, int& oom,
               int& time, RunResult& result) {
  const auto outcome = result.ending.outcome;
  const bool memory = outcome == Outcome::memory_limit;
  if (!memory && outcome != Outcome::wall_limit) return false;
  int& left = memory ? oom : time;
  if (left <= 0) return false;
  const auto resource = memory ? Resource::memory : Resource::wall;
  keep_raised(result);
  const auto larger = larger_limit(order, shop, resource, result);
  if (!larger) {
    result.problems.push_back("it is not started again: no larger " +
                              std::string(memory ? "memory" : "wall") +
                              " limit can be had now: " + larger.error());
    return false;
  }
  JOBWARD_FAULT(retry_reserved);
  --left;
  Limit limit = *result.request.limits.find(resource);
  limit.value = memory ? whole_pages(*larger) : *larger;
  limit.source = "retry";
  hooks.tell(result.ending.cause + "; attempt " + std::to_string(result.request.attempt + 1) +
             " with a " + limit_words(resource, limit));
  result.request.limits.set(resource, limit);
  if (memory) result.request.reservation.set(Resource::memory, limit.value);
  ++result.request.attempt;
  auto attempts = std::move(result.ending.attempts);
  result.ending = {};
  result.ending.attempts = std::move(attempts);
  result.die_of.reset();
  amend(shop, result);
  JOBWARD_FAULT(retry_amended);
  return true;
}

RunResult planned(const RunOrder& order, const Workshop& shop) {
  RunResult result;
  result.at.created = shop.clock.wall_ms();
  auto plan = preview(order, shop);
  result.request = std::move(plan.request);
  result.request.id = order.id;
  if (plan.plan.refusal) {
    end_unstarted(result, Outcome::refused, exit_code::kRefused, *plan.plan.refusal);
  } else if (plan.obstacle) {
    end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed, *plan.obstacle);
  } else {
    result.planned = true;
    result.remarks = std::move(plan.remarks);
    result.untold = result.remarks;
    if (plan.plan.guessed) result.untold.push_back(guess_line(result, plan.plan));
  }
  return result;
}

// Its lock is held; null: it is not recorded.
void run_locked(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                const RunHooks& hooks, const RunLock* lock, RunResult& result) {
  if (admit(order, shop, gate, hooks, result)) {
    int oom = order.retry_oom;
    int time = order.retry_time;
    RunHooks noting = hooks;
    noting.started = [&] {
      if (lock != nullptr) lock->note_spawn(shop.clock.wall_ms());
      JOBWARD_FAULT(spawn_noted);
      if (hooks.started) hooks.started();
    };
    while (run_attempt(order, shop, gate, noting, result) &&
           try_again(order, shop, hooks, oom, time, result)) {
    }
    check_product(hooks, result);
    add_own_findings(result);
  }
  result.ending.findings.insert(result.ending.findings.begin(), order.findings.begin(),
                                order.findings.end());
  record_end(shop, result);
}

}  // namespace

void end_unstarted(RunResult& result, Outcome outcome, int status, std::string cause) {
  result.ending.outcome = outcome;
  result.ending.cause = std::move(cause);
  result.ending.exit_code = status;
  result.ending.exit_source = "jobward";
}

bool has_binding_limit(const RunOrder& order, const Limits& limits) {
  bool found = false;
  limits.for_each([&](Resource, const Limit& limit) {
    found = found || limit.origin == LimitOrigin::policy ||
            (limit.origin == LimitOrigin::asked && !order.best_effort);
  });
  return found;
}

void amend(const Workshop& shop, RunResult& result) {
  if (!result.recorded) return;
  if (auto amended = shop.store->amend(result.request); !amended)
    result.problems.push_back("the record still names the enforcement that was meant: " +
                              amended.error().message());
}

RunResult run_job(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                  const RunHooks& hooks) {
  auto result = planned(order, shop);
  if (!result.planned) {
    result.ending.findings = order.findings;
    record_unstarted(shop, result);
    record_end(shop, result);
    return result;
  }
  if (order.detached) result.request.survives_session = shop.backend.shelter(order.id);
  JOBWARD_FAULT(sheltered);
  if (!is_first_request(order, shop, gate, hooks, result)) {
    if (!result.earlier && result.ending.outcome == Outcome::refused) {
      record_unstarted(shop, result);
      record_end(shop, result);
    }
    return result;
  }
  const auto place = shop.backend.place(order.id);
  result.request.where.cgroup = place.directory;
  result.request.where.memory_cgroup = place.memory_directory;
  JOBWARD_FAULT(lock_wanted);
  // Held from before the row is there until after it is closed.
  const auto lock = RunLock::take(shop.lock_directory, order.id);
  JOBWARD_FAULT(lock_taken);
  if (lock || shop.store == nullptr) {
    run_locked(order, shop, gate, hooks, lock ? &*lock : nullptr, result);
  } else {
    // On record without its lock it would look abandoned, and be reaped.
    Workshop without_records = shop;
    without_records.store = nullptr;
    without_records.store_problem = lock.error().message();
    run_locked(order, without_records, gate, hooks, nullptr, result);
  }
  return result;
}

}  // namespace jobward::launcher
