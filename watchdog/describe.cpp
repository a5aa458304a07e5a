// A configuration as text: for --check-config, and for the journal.
#include "common/units.h"
#include "watchdog/config.h"
#include "watchdog/protection.h"
#include "watchdog/words.h"

namespace jobward::watchdog {
namespace {

std::string amount(std::uint64_t bytes) { return format_bytes(static_cast<double>(bytes)); }

void add(std::string& out, const std::string& key, const std::string& value,
         const std::string& remark = "") {
  out += key + " = " + value + (remark.empty() ? "" : "  # " + remark) + "\n";
}

std::string reached(const Threshold& threshold, std::uint64_t total, bool zero_is_off) {
  if (zero_is_off && threshold.is_off()) return "off";
  return "at or below " + amount(threshold.of(total)) + " of " + amount(total);
}

void add_thresholds(std::string& out, const Config& c, std::uint64_t memory_total,
                    std::uint64_t swap_total) {
  const auto swap = [&](const Threshold& threshold) {
    return swap_total > 0 ? reached(threshold, swap_total, false)
                          : std::string("ignored: there is no swap");
  };
  add(out, "memory_warn", format_threshold(c.memory_warn),
      reached(c.memory_warn, memory_total, true));
  add(out, "memory_term", format_threshold(c.memory_term),
      reached(c.memory_term, memory_total, true));
  add(out, "memory_kill", format_threshold(c.memory_kill),
      reached(c.memory_kill, memory_total, true));
  add(out, "swap_term", format_threshold(c.swap_term), swap(c.swap_term));
  add(out, "swap_kill", format_threshold(c.swap_kill), swap(c.swap_kill));
  add(out, "pressure_term", c.pressure_term ? decimal(*c.pressure_term * 100) + "%" : "off");
}

void add_rules(std::string& out, const Config& c) {
  add(out, "protect_defaults", !c.protect_defaults ? "no" : c.protect_root_only ? "root" : "yes");
  for (const auto& rule : c.protect) {
    const bool shipped = rule.text.starts_with(kShipped);
    out += std::string(shipped ? "# " : "") + "protect = " + format_protect_rule(rule) + "\n";
  }
}

void add_hooks(std::string& out, const Config& c) {
  if (!c.hook_before.argv.empty()) add(out, "hook_before", join_words(c.hook_before.argv));
  if (!c.hook_after.argv.empty()) add(out, "hook_after", join_words(c.hook_after.argv));
  add(out, "hook_timeout", decimal(c.hook_timeout_seconds) + "s");
}

const char* word(SizeBy by) {
  return by == SizeBy::rss ? "rss" : by == SizeBy::pss ? "pss" : "oom_score";
}

}  // namespace

std::string describe(const Config& c, std::uint64_t memory_total, std::uint64_t swap_total) {
  std::string out;
  add_thresholds(out, c, memory_total, swap_total);
  add(out, "by", word(c.by));
  add(out, "unit", c.unit == UnitKind::job ? "job" : "process");
  add(out, "prefer_over_estimate", c.prefer_over_estimate ? "yes" : "no");
  add(out, "grace", decimal(c.grace_seconds) + "s");
  add(out, "settle", decimal(c.settle_seconds) + "s");
  add(out, "fill_rate", decimal(c.fill_bytes_per_second) + "B/s",
      format_quantity(Unit::bytes_per_second, c.fill_bytes_per_second));
  add_hooks(out, c);
  if (!c.state_directory.empty()) add(out, "state_directory", c.state_directory);
  add(out, "journal_bytes", std::to_string(c.journal_bytes) + "B", amount(c.journal_bytes));
  add(out, "journal_files", std::to_string(c.journal_files));
  add_rules(out, c);
  return out;
}

std::string summarize(const Config& c, std::uint64_t memory_total, std::uint64_t swap_total) {
  const auto level = [](const Threshold& threshold, std::uint64_t total) {
    return threshold.is_off() ? std::string("off") : amount(threshold.of(total));
  };
  std::string out = "available of " + amount(memory_total) + ": warning " +
                    level(c.memory_warn, memory_total) + ", SIGTERM " +
                    level(c.memory_term, memory_total) + ", SIGKILL " +
                    level(c.memory_kill, memory_total);
  if (swap_total > 0)
    out += "; swap free of " + amount(swap_total) + ": SIGTERM " +
           amount(c.swap_term.of(swap_total)) + ", SIGKILL " + amount(c.swap_kill.of(swap_total));
  else
    out += "; no swap";
  out += "; pressure " + (c.pressure_term ? decimal(*c.pressure_term * 100) + "%" : "off");
  return out + "; " + std::to_string(c.protect.size()) + " rules protect";
}

}  // namespace jobward::watchdog
