#include "cli/wishes.h"

#include <string.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "cli/limit_options.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

constexpr int kLastSignal = 64;

std::string in_quotes(std::string_view text) { return "\"" + printable(text) + "\""; }

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

Result<int> parse_signal(std::string_view text) {
  if (text.find_first_not_of("0123456789") == std::string_view::npos)
    return parse_integer(text, "signal", 1, kLastSignal);
  std::string name = upper_case(text);
  if (name.compare(0, 3, "SIG") == 0) name.erase(0, 3);
  std::vector<std::string> known;
  for (int number = 1; number < 32; ++number) {
    const char* candidate = ::sigabbrev_np(number);
    if (candidate == nullptr) continue;
    if (name == candidate) return number;
    known.emplace_back(candidate);
  }
  const auto nearest = nearest_word(name, known);
  return error("read signal", in_quotes(text),
               nearest ? "no such signal; did you mean " + *nearest + "?" : "no such signal");
}

Result<double> parse_share_of_limit(std::string_view text) {
  auto share = parse_fraction(text);
  if (!share) return share;
  if (*share < 0.01 || *share > 0.99)
    return error("use", in_quotes(text) + " of the memory limit", "it must be between 1% and 99%");
  return share;
}

void lift_memory(WishLayer& layer) {
  layer.limits.erase(Resource::memory);
  layer.lifted.set(Resource::memory, true);
}

// The tighter of what was asked for and what the policy sets.
std::optional<double> coming_limit(const Limits& limits, const launcher::Policy& policy,
                                   Resource resource) {
  const Limit* asked = limits.find(resource);
  const Limit* cap = policy.caps.find(resource);
  if (asked != nullptr && cap != nullptr) return std::min(asked->value, cap->value);
  if (asked != nullptr || cap != nullptr) return (asked != nullptr ? asked : cap)->value;
  return std::nullopt;
}

// Why a warning can never come; absent: it can.
std::optional<std::string> objection(const WarnSignal& warning, const launcher::LimitWishes& wishes,
                                     const launcher::Policy& policy) {
  if (warning.memory_share) {
    if (wishes.no_memory_limit && !policy.caps.contains(Resource::memory))
      return "there is no memory limit to warn of; leave --no-limit out";
    return std::nullopt;
  }
  const auto wall = coming_limit(wishes.limits, policy, Resource::wall);
  if (!wall) return "there is no wall limit to warn of; add --time";
  if (warning.seconds_before_wall.value_or(0) >= *wall)
    return "the wall limit is only " + format_duration(*wall) + ": warn less early";
  return std::nullopt;
}

}  // namespace

Status set_limit(WishLayer& layer, std::string_view key, std::string_view text,
                 const std::string& source) {
  const LimitOption* option = find_limit_option(key);
  if (option == nullptr) return error("set", in_quotes(key), "no such limit");
  if (option->resource == Resource::memory && text == kAutomatic) {
    lift_memory(layer);
    return {};
  }
  auto limit = option->parse(text);
  if (!limit) return tl::unexpected(std::move(limit).error());
  limit->source = source;
  layer.limits.set(option->resource, std::move(*limit));
  return {};
}

std::optional<std::string> settle(WishLayer& layer) {
  const bool memory =
      layer.limits.contains(Resource::memory) || layer.lifted.contains(Resource::memory);
  if (layer.no_memory_limit == true) {
    if (memory) return "a memory limit and none: they contradict each other";
    lift_memory(layer);
  } else if (memory) {
    layer.no_memory_limit = false;
  }
  if (layer.no_wall_limit == true) {
    if (layer.limits.contains(Resource::wall))
      return "a wall limit and none: they contradict each other";
    layer.lifted.set(Resource::wall, true);
  }
  return std::nullopt;
}

WishLayer over(WishLayer upper, const WishLayer& lower) {
  lower.limits.for_each([&](Resource resource, const Limit& limit) {
    if (!upper.limits.contains(resource) && !upper.lifted.contains(resource))
      upper.limits.set(resource, limit);
  });
  lower.lifted.for_each([&](Resource resource, bool) {
    if (!upper.limits.contains(resource)) upper.lifted.set(resource, true);
  });
  const auto fill = [](auto& target, const auto& value) {
    if (!target) target = value;
  };
  fill(upper.no_memory_limit, lower.no_memory_limit);
  fill(upper.no_wall_limit, lower.no_wall_limit);
  fill(upper.nice, lower.nice);
  fill(upper.oom_score, lower.oom_score);
  fill(upper.oom_kills_job, lower.oom_kills_job);
  fill(upper.warnings, lower.warnings);
  fill(upper.retry_oom, lower.retry_oom);
  fill(upper.retry_time, lower.retry_time);
  fill(upper.elastic, lower.elastic);
  fill(upper.objective, lower.objective);
  fill(upper.confidence, lower.confidence);
  return upper;
}

namespace {

// A default is meant for runs with a memory limit below its cap; what was asked for this run must
// mean something.
Status resolve_elastic(const WishLayer& layer, Resolved& out) {
  if (!layer.elastic || !layer.elastic->on) return {};
  const auto& how = layer.elastic->how;
  const Limit* limit = layer.limits.find(Resource::memory);
  std::string why;
  if (out.wishes.no_memory_limit)
    why = "there is no memory limit to raise; leave --no-limit out";
  else if (limit != nullptr && how.cap_bytes && *how.cap_bytes <= limit->value)
    why = "its cap is not above the memory limit of " + format_bytes(limit->value) + " (" +
          limit->source + ")";
  if (why.empty()) {
    out.settings.elastic = how;
    return {};
  }
  if (how.insist) return error("use", "an elastic limit (" + how.source + ")", why);
  out.remarks.push_back("the elastic limit (" + how.source + ") does not apply: " + why);
  return {};
}

}  // namespace

Result<Resolved> resolve(const WishLayer& layer, const launcher::Policy& policy) {
  Resolved out;
  out.wishes.limits = layer.limits;
  out.wishes.no_memory_limit = layer.no_memory_limit.value_or(false);
  out.no_wall_limit = layer.no_wall_limit.value_or(false);
  out.settings.nice = layer.nice;
  out.settings.oom_score_adj = layer.oom_score;
  out.settings.oom_kills_job = layer.oom_kills_job.value_or(true);
  out.retry_oom = layer.retry_oom.value_or(0);
  out.retry_time = layer.retry_time.value_or(0);
  // Who tries again can afford to be wrong now and then.
  out.wishes.objective =
      layer.objective.value_or(out.retry_oom > 0 ? Objective::lean : Objective::safe);
  out.wishes.confidence = layer.confidence.value_or(out.wishes.confidence);
  JOBWARD_RETURN_IF_ERROR(resolve_elastic(layer, out));
  for (const auto& asked : layer.warnings.value_or(std::vector<AskedWarning>())) {
    const auto reason = objection(asked.signal, out.wishes, policy);
    if (!reason)
      out.settings.warnings.push_back(asked.signal);
    else if (asked.insist)
      return error("use", "the warning " + in_quotes(asked.text) + " (" + asked.source + ")",
                   *reason);
    else
      out.remarks.push_back("the warning " + in_quotes(asked.text) + " (" + asked.source +
                            ") does not apply: " + *reason);
  }
  return out;
}

Result<int> parse_nice(std::string_view text) { return parse_integer(text, "nice value", -20, 19); }

Result<int> parse_oom_score(std::string_view text) {
  return parse_integer(text, "OOM score", -1000, 1000);
}

Result<Objective> parse_objective(std::string_view text) {
  for (const auto objective : {Objective::safe, Objective::lean})
    if (text == to_string(objective)) return objective;
  return error("use", in_quotes(text), "safe or lean");
}

Result<double> parse_confidence(std::string_view text) {
  auto share = parse_fraction(text);
  if (!share) return share;
  if (*share < 0.5 || *share > 0.9999) return error("use", in_quotes(text), "0.5 to 0.9999");
  return share;
}

Result<int> parse_retries(std::string_view text) {
  return parse_integer(text, "number of retries", 0, 100);
}

Result<ElasticWish> parse_elastic(std::string_view text) {
  if (text == "no") return ElasticWish{};
  if (text == "yes") return ElasticWish{true, {}};
  auto cap = parse_bytes(text);
  if (!cap)
    return error("read", in_quotes(text), "expected yes, no, or the most it may get, such as 16G");
  if (*cap == 0) return error("use", in_quotes(text), "a cap of 0 leaves nothing to give");
  ElasticWish out{true, {}};
  out.how.cap_bytes = static_cast<double>(*cap);
  return out;
}

Result<bool> parse_oom_kill(std::string_view text) {
  if (text == "job") return true;
  if (text == "process") return false;
  return error("read", in_quotes(text), "at the memory limit can die: \"job\" or \"process\"");
}

Result<WarnSignal> parse_warn_signal(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size())
    return error("read warning", in_quotes(text), "expected one such as USR1@90% or USR1@5m");
  auto number = parse_signal(text.substr(0, at));
  if (!number) return tl::unexpected(std::move(number).error());
  if (*number == SIGKILL || *number == SIGSTOP)
    return error("use", in_quotes(text), "no program can catch that signal");
  WarnSignal warning;
  warning.number = *number;
  const auto when = text.substr(at + 1);
  auto value = when.back() == '%' ? parse_share_of_limit(when) : parse_duration_seconds(when);
  if (!value) return tl::unexpected(std::move(value).error());
  if (when.back() == '%') {
    warning.memory_share = *value;
  } else if (*value > 0) {
    warning.seconds_before_wall = *value;
  } else {
    return error("use", in_quotes(text), "it would come with the limit, not before it");
  }
  return warning;
}

}  // namespace jobward::cli
