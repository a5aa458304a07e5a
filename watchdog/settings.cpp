#include "watchdog/settings.h"

#include <array>
#include <charconv>
#include <utility>

#include "common/text.h"
#include "common/units.h"
#include "watchdog/protection.h"
#include "watchdog/words.h"

namespace jobward::watchdog {
namespace {

using Value = std::string_view;

Status set_threshold(Value value, Threshold& out) {
  auto threshold = parse_threshold(value);
  if (!threshold) return tl::unexpected(std::move(threshold).error());
  out = *threshold;
  return {};
}

template <Threshold Config::*Member>
Status set_memory(Value value, const UserLookup& /*users*/, Config& config) {
  return set_threshold(value, config.*Member);
}

template <Threshold Config::*Member>
Status set_swap(Value value, const UserLookup& /*users*/, Config& config) {
  config.swap_was_set = true;
  return set_threshold(value, config.*Member);
}

Status set_pressure(Value value, const UserLookup& /*users*/, Config& config) {
  if (value == "off") {
    config.pressure_term.reset();
    return {};
  }
  auto share = parse_fraction(value);
  if (!share) return tl::unexpected(std::move(share).error());
  if (*share < 0.01)
    return error("use", quoted(value),
                 "below 1%: it would nearly always be reached; \"off\" turns it off");
  config.pressure_term = *share;
  return {};
}

// One of a few words.
template <class T, std::size_t N>
Status set_word(Value value, const std::array<std::pair<Value, T>, N>& words, T& out) {
  std::string known;
  for (const auto& [word, meaning] : words) {
    if (word == value) {
      out = meaning;
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  return error("use", quoted(value), "expected one of " + known);
}

constexpr std::array kYesNo{std::pair<Value, bool>{"yes", true},
                            std::pair<Value, bool>{"no", false}};

Status set_by(Value value, const UserLookup& /*users*/, Config& config) {
  static constexpr std::array kWords{std::pair<Value, SizeBy>{"rss", SizeBy::rss},
                                     std::pair<Value, SizeBy>{"pss", SizeBy::pss},
                                     std::pair<Value, SizeBy>{"oom_score", SizeBy::oom_score}};
  return set_word(value, kWords, config.by);
}

Status set_unit(Value value, const UserLookup& /*users*/, Config& config) {
  static constexpr std::array kWords{std::pair<Value, UnitKind>{"job", UnitKind::job},
                                     std::pair<Value, UnitKind>{"process", UnitKind::process}};
  return set_word(value, kWords, config.unit);
}

Status set_prefer(Value value, const UserLookup& /*users*/, Config& config) {
  return set_word(value, kYesNo, config.prefer_over_estimate);
}

struct Bounds {
  double lowest;
  double highest;
  const char* why_low = "";
};

Status set_seconds(Value value, const Bounds& bounds, double& out) {
  auto seconds = parse_duration_seconds(value);
  if (!seconds) return tl::unexpected(std::move(seconds).error());
  if (*seconds < bounds.lowest)
    return error("use", quoted(value),
                 "below " + format_duration(bounds.lowest) + std::string(bounds.why_low));
  if (*seconds > bounds.highest)
    return error("use", quoted(value), "above " + format_duration(bounds.highest));
  out = *seconds;
  return {};
}

Status set_grace(Value value, const UserLookup& /*users*/, Config& config) {
  return set_seconds(value, {0, 600}, config.grace_seconds);
}

Status set_settle(Value value, const UserLookup& /*users*/, Config& config) {
  return set_seconds(value, {0.1, 600, ": another would be ended before memory can come back"},
                     config.settle_seconds);
}

Status set_hook_timeout(Value value, const UserLookup& /*users*/, Config& config) {
  return set_seconds(value, {0.01, 60, ": no program ends so fast"}, config.hook_timeout_seconds);
}

Status set_fill_rate(Value value, const UserLookup& /*users*/, Config& config) {
  auto rate = parse_bytes_per_second(value);
  if (!rate) return tl::unexpected(std::move(rate).error());
  if (*rate < 1U << 20U)
    return error("use", quoted(value), "below 1M/s: a hog would be noticed too late");
  if (*rate > std::uint64_t{1} << 40U) return error("use", quoted(value), "above 1T/s");
  config.fill_bytes_per_second = static_cast<double>(*rate);
  return {};
}

Status set_protect(Value value, const UserLookup& users, Config& config) {
  auto rule = parse_protect_rule(value, users);
  if (!rule) return tl::unexpected(std::move(rule).error());
  config.protect.push_back(std::move(*rule));
  return {};
}

Status set_defaults(Value value, const UserLookup& /*users*/, Config& config) {
  enum class Which { all, root, none };
  static constexpr std::array kWords{std::pair<Value, Which>{"yes", Which::all},
                                     std::pair<Value, Which>{"root", Which::root},
                                     std::pair<Value, Which>{"no", Which::none}};
  Which which = Which::all;
  JOBWARD_RETURN_IF_ERROR(set_word(value, kWords, which));
  config.protect_defaults = which != Which::none;
  config.protect_root_only = which == Which::root;
  return {};
}

template <Hook Config::*Member>
Status set_hook(Value value, const UserLookup& /*users*/, Config& config) {
  auto words = split_words(value);
  if (!words) return tl::unexpected(std::move(words).error());
  if (!words->empty() && !words->front().starts_with('/'))
    return error("use", "the program " + quoted(words->front()), "not an absolute path");
  (config.*Member).argv = std::move(*words);
  return {};
}

Status set_state_directory(Value value, const UserLookup& /*users*/, Config& config) {
  if (!value.starts_with('/')) return error("use", quoted(value), "not an absolute path");
  config.state_directory = std::string(value);
  return {};
}

Status set_journal_bytes(Value value, const UserLookup& /*users*/, Config& config) {
  auto bytes = parse_bytes(value);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  if (*bytes < 64U << 10U || *bytes > 1U << 30U)
    return error("use", quoted(value), "a journal file has 64K to 1G");
  config.journal_bytes = *bytes;
  return {};
}

Status set_journal_files(Value value, const UserLookup& /*users*/, Config& config) {
  int files = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), files);
  if (ec != std::errc{} || end != value.data() + value.size() || files < 1 || files > 100)
    return error("use", quoted(value), "expected a whole number from 1 to 100");
  config.journal_files = files;
  return {};
}

constexpr std::array kSettings{
    Setting{"memory_warn", "--memory-warn", "T", "warn when so much memory is available, or less",
            set_memory<&Config::memory_warn>},
    Setting{"memory_term", "--memory-term", "T", "send SIGTERM then (T: 10%, 2G or \"10% 2G\")",
            set_memory<&Config::memory_term>},
    Setting{"memory_kill", "--memory-kill", "T", "send SIGKILL then",
            set_memory<&Config::memory_kill>},
    Setting{"swap_term", "--swap-term", "T", "... and only with so little swap free",
            set_swap<&Config::swap_term>},
    Setting{"swap_kill", "--swap-kill", "T", "... the same for SIGKILL",
            set_swap<&Config::swap_kill>},
    Setting{"pressure_term", "--pressure-term", "P",
            "or, in the place of low swap, such pressure; off", set_pressure},
    Setting{"by", "--by", "WORD", "rss, pss or oom_score: what makes a process large", set_by},
    Setting{"unit", "--unit", "WORD", "job: a managed job is ended as a whole; process", set_unit},
    Setting{"prefer_over_estimate", "", "", "", set_prefer},
    Setting{"grace", "--grace", "DURATION", "from SIGTERM to SIGKILL", set_grace},
    Setting{"settle", "", "", "", set_settle},
    Setting{"fill_rate", "", "", "", set_fill_rate},
    Setting{"protect", "", "", "", set_protect},
    Setting{"protect_defaults", "", "", "", set_defaults},
    Setting{"hook_before", "", "", "", set_hook<&Config::hook_before>},
    Setting{"hook_after", "", "", "", set_hook<&Config::hook_after>},
    Setting{"hook_timeout", "", "", "", set_hook_timeout},
    Setting{"state_directory", "--state-dir", "DIR", "where the journal and the lock are",
            set_state_directory},
    Setting{"journal_bytes", "", "", "", set_journal_bytes},
    Setting{"journal_files", "", "", "", set_journal_files},
};

tl::unexpected<Error> unknown_key(std::string_view key) {
  std::vector<std::string> known;
  for (const auto& setting : kSettings)
    known.emplace_back(setting.key);
  const auto nearest = nearest_word(key.substr(0, 64), known);
  return error("use", "the key " + quoted(key),
               nearest ? "there is none; did you mean " + *nearest + "?" : "there is none");
}

}  // namespace

std::span<const Setting> settings() { return kSettings; }

Status apply_setting(std::string_view key, std::string_view value, const UserLookup& users,
                     Config& config) {
  for (const auto& setting : kSettings)
    if (setting.key == key) return setting.set(value, users, config);
  return unknown_key(key);
}

}  // namespace jobward::watchdog
