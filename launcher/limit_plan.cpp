#include "launcher/limit_plan.h"

#include <algorithm>
#include <cmath>

#include "common/units.h"
#include "estimator/estimator.h"
#include "host/observe/proc_parse.h"

namespace jobward::launcher {
namespace {

std::string quantity_words(Resource resource, double value) {
  return format_quantity(info(resource).unit, value);
}

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

// "p99", "p99.5"
std::string confidence_words(double confidence) {
  std::string digits = std::to_string(std::lround(confidence * 10000));
  digits.insert(digits.size() - 2, ".");
  while (digits.back() == '0')
    digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return "p" + digits;
}

void plan_known(LimitPlan& plan, const MemorySizing& sizing, double capacity,
                const LimitSettings& settings) {
  const bool lean = sizing.objective == Objective::lean;
  const double size = sizing.attempts.front();
  const double wanted = lean ? size : size * (1 + settings.margin);
  double limit = std::max(wanted, static_cast<double>(settings.minimum_bytes));
  plan.explanation = lean ? "lean: " + format_bytes(size) + " costs least with retries"
                          : confidence_words(sizing.confidence) + " " + format_bytes(size) + " + " +
                                percent(settings.margin);
  if (wanted < static_cast<double>(settings.minimum_bytes))
    plan.explanation += ", raised to the minimum of " + format_bytes(limit);
  if (limit > capacity) {
    plan.explanation += ", held to the " + format_bytes(capacity) + " there are";
    limit = capacity;
  }
  plan.limits.set(Resource::memory, {whole_pages(limit), "estimate", LimitOrigin::automatic, {}});
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
  plan.limits.set(Resource::memory, {whole_pages(limit), kGuess, LimitOrigin::automatic, {}});
}

void plan_memory(LimitPlan& plan, const LimitWishes& wishes, const Estimate& estimate,
                 const Bounds& bounds, const LimitSettings& settings) {
  const auto capacity = static_cast<double>(bounds.capacity);
  if (const Limit* asked = plan.limits.find(Resource::memory)) {
    plan.explanation = "as asked";
    if (asked->value > capacity)
      plan.remarks.push_back("the " + limit_words(Resource::memory, *asked) + " is above the " +
                             format_bytes(capacity) + " there are");
  } else if (wishes.no_memory_limit) {
    plan.explanation = "none, as asked";
  } else if (estimator::is_measured(estimate)) {
    plan_known(plan, *estimate.sizing, capacity, settings);
  } else {
    plan_guess(plan, estimate, static_cast<double>(bounds.available), capacity, settings);
  }
}

// A cap on a set of CPUs, or on one disk, cannot be escaped to other ones.
bool exceeds(const Limit& limit, const Limit& cap, Resource resource) {
  if (resource == Resource::cpuset) {
    const auto wanted = host::parse_cpu_list(limit.detail);
    const auto allowed = host::parse_cpu_list(cap.detail);
    return !wanted || !allowed ||
           !std::includes(allowed->begin(), allowed->end(), wanted->begin(), wanted->end());
  }
  return limit.value > cap.value || limit.detail != cap.detail;
}

std::string cap_words(Resource resource, const Limit& cap) {
  std::string text =
      resource == Resource::cpuset ? "CPUs " + cap.detail : quantity_words(resource, cap.value);
  if (info(resource).unit == Unit::bytes_per_second) text += " on " + cap.detail;
  return text + " (" + cap.source + ")";
}

void refuse(LimitPlan& plan, const std::string& why) {
  plan.refusal = plan.refusal ? *plan.refusal + "; " + why : why;
}

// A memory limit means what it says only if the job cannot swap instead.
// So does a policy's cap on memory, unless the policy says something about swap.
void plan_swap(LimitPlan& plan, const Policy& policy) {
  if (!plan.limits.contains(Resource::memory)) return;
  const Limit* asked = plan.limits.find(Resource::swap);
  if (asked == nullptr)
    return plan.limits.set(Resource::swap, {0, "default", LimitOrigin::automatic, {}});
  const Limit* cap = policy.caps.find(Resource::memory);
  if (cap != nullptr && !policy.caps.contains(Resource::swap) && asked->value > 0)
    refuse(plan, "the " + limit_words(Resource::swap, *asked) + " (" + asked->source +
                     ") would loosen the policy's cap on memory (" + cap->source + ")");
}

void apply_caps(LimitPlan& plan, const Policy& policy) {
  policy.caps.for_each([&](Resource resource, const Limit& cap) {
    const Limit* limit = plan.limits.find(resource);
    const bool held = limit != nullptr && exceeds(*limit, cap, resource);
    if (held && limit->origin == LimitOrigin::asked) {
      refuse(plan, "the " + limit_words(resource, *limit) + " (" + limit->source +
                       ") is beyond the policy's cap of " + cap_words(resource, cap));
    } else if (held || limit == nullptr) {
      if (held)
        plan.remarks.push_back("the " + limit_words(resource, *limit) +
                               " is held to the policy's cap of " + cap_words(resource, cap));
      if (resource == Resource::memory) plan.explanation += ", held to the policy's cap";
      plan.limits.set(resource, cap);
    }
  });
}

// Does the policy say so, or the configuration?
enum class Author { policy, configuration };

std::string words(Author author) {
  return author == Author::policy ? "the policy" : "the configuration";
}

std::string predicted_words(Resource resource, const Quantiles& predicted) {
  std::string name(info(resource).name);
  std::replace(name.begin(), name.end(), '_', ' ');
  return "it is predicted to use " + quantity_words(resource, predicted.p95) + " of " + name +
         " (p95)";
}

void apply_blocks(LimitPlan& plan, const LimitWishes& wishes, const Estimate& estimate,
                  const Bounds& bounds, const Blocks& blocks, Author author) {
  if (wishes.no_memory_limit && blocks.no_limit)
    refuse(plan, "--no-limit is forbidden by " + words(author) + " (" + *blocks.no_limit + ")");
  // What other programs used is no prediction for this one.
  if (estimate.level == Level::everything) return;
  blocks.above.for_each([&](Resource resource, const Limit& block) {
    const auto* predicted = estimate.by.find(resource);
    if (predicted != nullptr && predicted->p95 > block.value)
      refuse(plan, predicted_words(resource, *predicted) + ", and " + words(author) +
                       " blocks jobs above " + quantity_words(resource, block.value) + " (" +
                       block.source + ")");
  });
  const auto* growth = estimate.by.find(Resource::disk_growth);
  if (blocks.beyond_free_disk && bounds.free_disk && growth != nullptr &&
      growth->p95 > *bounds.free_disk)
    refuse(plan, predicted_words(Resource::disk_growth, *growth) + ", only " +
                     format_bytes(*bounds.free_disk) + " are free where it works, and " +
                     words(author) + " blocks such jobs (" + *blocks.beyond_free_disk + ")");
}

void warn_of_full_disk(LimitPlan& plan, const Estimate& estimate, const Bounds& bounds) {
  const auto* growth = estimate.by.find(Resource::disk_growth);
  if (plan.refusal || growth == nullptr || !bounds.free_disk ||
      estimate.level == Level::everything || growth->p95 <= *bounds.free_disk)
    return;
  plan.remarks.push_back("WARN: " + predicted_words(Resource::disk_growth, *growth) +
                         ", and only " + format_bytes(*bounds.free_disk) +
                         " are free where it works");
}

}  // namespace

std::string limit_words(Resource resource, const Limit& limit) {
  std::string name(info(resource).name);
  std::replace(name.begin(), name.end(), '_', ' ');
  return name + " limit of " +
         (resource == Resource::cpuset ? limit.detail : quantity_words(resource, limit.value));
}

std::vector<BeyondCap> beyond_caps(const Limits& asked, const Policy& policy) {
  std::vector<BeyondCap> out;
  policy.caps.for_each([&](Resource resource, const Limit& cap) {
    const Limit* limit = asked.find(resource);
    const bool rate = info(resource).unit == Unit::bytes_per_second;
    if (limit != nullptr && !rate && limit->origin == LimitOrigin::asked &&
        exceeds(*limit, cap, resource))
      out.push_back({resource, limit_words(resource, *limit) + " (" + limit->source + ")",
                     cap_words(resource, cap)});
  });
  return out;
}

LimitPlan plan_limits(const LimitWishes& wishes, const Estimate& estimate, const Bounds& bounds,
                      const LimitSettings& settings, const Policy& policy) {
  LimitPlan plan;
  plan.limits = wishes.limits;
  plan_memory(plan, wishes, estimate, bounds, settings);
  apply_caps(plan, policy);
  plan_swap(plan, policy);
  apply_blocks(plan, wishes, estimate, bounds, policy.blocks, Author::policy);
  apply_blocks(plan, wishes, estimate, bounds, settings.blocks, Author::configuration);
  warn_of_full_disk(plan, estimate, bounds);
  const auto* predicted = estimate.by.find(Resource::memory);
  const auto* limit = plan.limits.find(Resource::memory);
  // A run that will hardly fit, even held to all there is, is not let in to be killed.
  const bool hopeless = estimator::is_measured(estimate) && limit != nullptr &&
                        limit->origin == LimitOrigin::automatic &&
                        predicted->p50 > static_cast<double>(bounds.capacity);
  if (hopeless)
    plan.reservation.set(Resource::memory, predicted->p50);
  else if (limit != nullptr)
    plan.reservation.set(Resource::memory, limit->value);
  else if (predicted != nullptr)
    plan.reservation.set(Resource::memory, predicted->p99);
  return plan;
}

}  // namespace jobward::launcher
