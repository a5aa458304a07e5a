#include "cli/watchdog_text.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/render_text.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::json;

// The journal may have been written by another version: nothing is taken for granted.
Json parse(const profiles::WatchdogEvent& event) {
  auto json = Json::parse(event.line, nullptr, false);
  return json.is_object() ? json : Json::object();
}

const Json& inner(const Json& object, const char* name) {
  static const Json nothing = Json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : nothing;
}

const Json& list(const Json& object, const char* name) {
  static const Json nothing = Json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : nothing;
}

std::string text(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>())
                                                     : std::string();
}

std::optional<double> number(const Json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::optional<std::string> bytes(const Json& object, const char* name) {
  const auto value = number(object, name);
  return value && std::isfinite(*value) && *value >= 0 ? std::optional(format_bytes(*value))
                                                       : std::nullopt;
}

std::string whole(double value) {
  char out[32];
  std::snprintf(out, sizeof out, "%.0f", value);
  return out;
}

bool is_true(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && *found == true;
}

void join(std::string& all, const std::string& part, const char* separator = ", ") {
  if (part.empty()) return;
  if (!all.empty()) all += separator;
  all += part;
}

std::string clock_time(UnixMillis ms) { return local_time(ms).substr(11); }

// "run snsd6g4myk (train.py, uid 1000)", "process 4242 (chrome, uid 1000)".
std::string who(const Json& victim) {
  const std::string run = text(victim, "run");
  const auto pid = number(victim, "pid");
  std::string facts;
  join(facts, text(victim, "name"));
  if (!run.empty() && pid) join(facts, "pid " + whole(*pid));
  if (const auto uid = number(victim, "uid")) join(facts, "uid " + whole(*uid));
  std::string what = "a process";
  if (!run.empty())
    what = "run " + run;
  else if (text(victim, "unit") == "job")
    what = "a job";
  else if (pid)
    what = "process " + whole(*pid);
  return facts.empty() ? what : what + " (" + facts + ")";
}

std::string size_words(const Json& victim) {
  std::string out = bytes(victim, "size_bytes").value_or("");
  if (const auto predicted = bytes(victim, "p99_bytes"))
    join(out, "predicted at most " + *predicted + " (p99)");
  return out;
}

std::string memory_words(const Json& snapshot) {
  std::string out;
  if (const auto available = bytes(snapshot, "memory_available_bytes")) {
    const auto total = bytes(snapshot, "memory_total_bytes");
    out = *available + (total ? " of " + *total : "") + " were available";
    if (const auto threshold = bytes(snapshot, "threshold_bytes"))
      out += ", the threshold is " + *threshold;
  }
  const auto swap = number(snapshot, "swap_total_bytes");
  const auto free = bytes(snapshot, "swap_free_bytes");
  if (free && swap && *swap > 0)
    join(out, *free + " of " + format_bytes(*swap) + " swap free", "; ");
  if (const auto pressure = number(snapshot, "pressure_full_avg10")) {
    char percent[64];
    std::snprintf(percent, sizeof percent, "memory pressure full %.1f %%", *pressure);
    join(out, percent, "; ");
  }
  join(out, text(snapshot, "within").empty() ? "" : "within " + text(snapshot, "within"), "; ");
  return out;
}

std::string signal_words(const Json& kill, const Json& outcome) {
  const auto& signals =
      list(outcome, "signals").empty() ? list(kill, "signals") : list(outcome, "signals");
  std::string out;
  for (const auto& signal : signals) {
    const auto time = number(signal, "time_ms");
    const bool sane = time && *time >= 0 && *time < 32e12;
    join(out, text(signal, "signal") +
                  (sane ? " at " + clock_time(static_cast<UnixMillis>(*time)) : std::string()));
  }
  return out;
}

// Who else was looked at: the largest of those that might have gone, and who might not. The
// victim's own reason only if it is not that it was the largest.
std::string candidate_words(const Json& event) {
  constexpr int kSparedShown = 3;
  std::string reason;
  std::string next;
  std::string spared;
  int spared_count = 0;
  for (const auto& candidate : list(event, "candidates")) {
    if (!candidate.is_object()) continue;
    const std::string why = text(candidate, "why");
    std::string one = who(candidate);
    join(one, bytes(candidate, "size_bytes").value_or(""), " ");
    if (is_true(candidate, "chosen"))
      reason = why == "largest" ? "" : why;
    else if (why.empty() || why == "smaller")
      next = next.empty() ? one : next;
    else if (++spared_count <= kSparedShown)
      join(spared, one + ": " + why, "; ");
  }
  if (spared_count > kSparedShown)
    join(spared, std::to_string(spared_count - kSparedShown) + " more", " and ");
  std::string out = reason.empty() ? "" : "chosen because: " + reason;
  join(out, next.empty() ? "" : "the next largest was " + next, "; ");
  join(out, spared.empty() ? "" : "spared: " + spared, "; ");
  return out;
}

std::string outcome_words(const Json& outcome) {
  std::string out;
  const auto exited = number(outcome, "exited_after_ms");
  out = exited ? "it was gone after " + format_duration(*exited / 1000) : "it has NOT exited";
  const auto freed = bytes(outcome, "freed_bytes");
  const auto after = bytes(outcome, "available_after_bytes");
  if (is_true(outcome, "verified"))
    join(out, "the memory came back" + (freed ? ": " + *freed : std::string()), "; ");
  else
    join(out, "the memory did NOT come back" + (freed ? ": " + *freed + " freed" : std::string()),
         "; ");
  if (after) join(out, *after + " available since");
  return out;
}

std::string detail(const char* name, const std::string& words) {
  return words.empty() ? "" : "    " + padded(name, 9) + words + "\n";
}

// The worst of the two, as the first thing that is seen.
std::string mark(const WatchdogEntry& entry) {
  using profiles::WatchdogSeverity;
  const bool failed = entry.event.severity == WatchdogSeverity::hard_fail ||
                      (entry.outcome && entry.outcome->severity == WatchdogSeverity::hard_fail);
  return failed ? "HARD_FAIL  " : "";
}

std::string kill_text(const WatchdogEntry& entry, const Json& kill) {
  const auto& victim = inner(kill, "victim");
  const bool dry = is_true(kill, "dry_run");
  const auto outcome = entry.outcome ? parse(*entry.outcome) : Json::object();
  std::string head = (dry ? "would have ended " : "ended ") + who(victim);
  join(head, size_words(victim), ": ");
  std::string out = local_time(entry.event.time) + "  " + mark(entry) + head + "\n";
  out += detail("why", memory_words(inner(kill, "snapshot")));
  out += detail("program", text(victim, "exe"));
  out += detail("others", candidate_words(kill));
  if (dry) return out + detail("signals", "none: it was a dry run");
  out += detail("signals", signal_words(kill, outcome));
  return out + detail("then", entry.outcome ? outcome_words(outcome)
                                            : "what became of it is not on record");
}

}  // namespace

std::string watchdog_entry_text(const WatchdogEntry& entry) {
  const auto json = parse(entry.event);
  const std::string& name = entry.event.event;
  if (name == "kill") return kill_text(entry, json);
  std::string out = local_time(entry.event.time) + "  " + mark(entry) + printable(name);
  join(out, text(json, "message"), ": ");
  out += "\n" + detail("memory", memory_words(inner(json, "snapshot")));
  if (const auto used = bytes(json, "used_bytes"))
    out += detail("mount", text(json, "mount") + ": " + *used + " of " +
                               bytes(json, "size_bytes").value_or("?") + " used");
  if (name == "outcome") out += detail("then", outcome_words(json));
  return out + detail("others", candidate_words(json));
}

std::vector<std::string> watchdog_sentences(const WatchdogEntry& entry) {
  const auto kill = parse(entry.event);
  const auto outcome = entry.outcome ? parse(*entry.outcome) : Json::object();
  std::vector<std::string> out;
  std::string first = "The watchdog ended it at " + local_time(entry.event.time);
  join(first, memory_words(inner(kill, "snapshot")), ": ");
  out.push_back(first + ".");
  const auto& victim = inner(kill, "victim");
  std::string second = size_words(victim).empty() ? "" : "It held " + size_words(victim);
  join(second, candidate_words(kill), "; ");
  if (!second.empty()) out.push_back(second + ".");
  std::string third = signal_words(kill, outcome);
  if (!third.empty()) third = "Signals: " + third;
  join(third, entry.outcome ? outcome_words(outcome) : "", "; ");
  if (!third.empty()) out.push_back(third + ".");
  return out;
}

std::string watchdog_threshold_words(const profiles::WatchdogEvent& start) {
  static constexpr std::pair<const char*, const char*> kThresholds[] = {
      {"memory_warn_bytes", "warning"},
      {"memory_term_bytes", "SIGTERM"},
      {"memory_kill_bytes", "SIGKILL"},
      {"swap_term_bytes", "with free swap at SIGTERM"},
      {"swap_kill_bytes", "at SIGKILL"}};
  const auto json = parse(start);
  std::string out;
  for (const auto& [key, name] : kThresholds)
    if (const auto value = bytes(json, key)) join(out, name + (" " + *value));
  if (const auto pressure = number(json, "pressure_term"))
    join(out, "or pressure " + whole(*pressure) + " %");
  return out;
}

}  // namespace jobward::cli
