#include "launcher/limit_plan.h"

#include <algorithm>
#include <cmath>

#include "common/units.h"

namespace jobward::launcher {
namespace {

// Whole pages: the kernel would round down by itself, and the record should say what it enforces.
double whole_pages(double bytes) { return std::floor(bytes / 4096) * 4096; }

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

// Has this kind of job (not just any program) been measured?
bool is_known(const Estimate& estimate) {
  return estimate.by.contains(Resource::memory) && estimate.level != Level::everything &&
         estimate.level != Level::none && estimate.runs > estimate.censored_runs;
}

void plan_known(LimitPlan& plan, double p99, double capacity, const LimitSettings& settings) {
  double limit = std::max(p99 * (1 + settings.margin), static_cast<double>(settings.minimum_bytes));
  plan.explanation = "p99 " + format_bytes(p99) + " + " + percent(settings.margin);
  if (limit > capacity) {
    plan.explanation += ", held to the " + format_bytes(capacity) + " there are";
    limit = capacity;
  }
  plan.limits.set(Resource::memory, {whole_pages(limit), "estimate"});
}

void plan_guess(LimitPlan& plan, const Estimate& estimate, double available, double capacity,
                const LimitSettings& settings) {
  plan.guessed = true;
  double limit = available * settings.guess_share;
  plan.explanation =
      percent(settings.guess_share) + " of the " + format_bytes(available) + " that are free";
  if (const auto* q = estimate.by.find(Resource::memory); q != nullptr && q->p99 > limit) {
    limit = q->p99;
    plan.explanation = "raised above what ended an earlier run, or what other programs used";
  }
  const auto minimum = static_cast<double>(settings.minimum_bytes);
  if (limit < minimum) {
    limit = minimum;
    plan.explanation += ", raised to the configured minimum";
  }
  if (limit > capacity) {
    limit = capacity;
    plan.explanation += ", held to the " + format_bytes(capacity) + " there are";
  }
  plan.limits.set(Resource::memory, {whole_pages(limit), "guess"});
}

}  // namespace

LimitPlan plan_limits(const LimitWishes& wishes, const Estimate& estimate, std::uint64_t available,
                      std::uint64_t capacity, const LimitSettings& settings) {
  LimitPlan plan;
  const auto* predicted = estimate.by.find(Resource::memory);
  if (wishes.memory_bytes) {
    plan.limits.set(Resource::memory, {static_cast<double>(*wishes.memory_bytes), "--mem"});
    plan.explanation = "as asked";
  } else if (wishes.no_memory_limit) {
    plan.explanation = "none, as asked";
  } else if (is_known(estimate)) {
    plan_known(plan, predicted->p99, static_cast<double>(capacity), settings);
  } else {
    plan_guess(plan, estimate, static_cast<double>(available), static_cast<double>(capacity),
               settings);
  }
  if (const auto* limit = plan.limits.find(Resource::memory))
    plan.reservation.set(Resource::memory, limit->value);
  else if (predicted != nullptr)
    plan.reservation.set(Resource::memory, predicted->p99);
  if (wishes.wall_seconds) plan.limits.set(Resource::wall, {*wishes.wall_seconds, "--time"});
  return plan;
}

}  // namespace jobward::launcher
