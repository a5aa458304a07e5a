// What the watchdog is told to do, as data; and its configuration file, as text.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace jobward::watchdog {

// A share of the total, an amount, or both: then the lower one holds.
struct Threshold {
  std::optional<double> share;         // in [0, 1]
  std::optional<std::uint64_t> bytes;  // absolute
  [[nodiscard]] std::uint64_t of(std::uint64_t total) const;
  // Never reached: 0, or nothing given.
  [[nodiscard]] bool is_off() const;
};
// "10%", "2G", "10% 2G" (in any order), "0" (off). Errors are distinct: empty, no number, negative,
// above 100 %, overflow, no unit, twice the same kind, what is left over.
Result<Threshold> parse_threshold(std::string_view text);
std::string format_threshold(const Threshold& threshold);  // as parse_threshold reads it

// Fields that are set must all match. A name alone protects nobody: anybody can take any name.
struct ProtectRule {
  std::string exe;           // glob over the executable's path; empty: any
  std::string name;          // exact process name (comm); empty: any
  std::optional<uid_t> uid;  // effective uid; absent: any
  std::string cgroup;        // glob over the path in the cgroup hierarchy that counts memory
  std::string text;          // as it was written, for reasons
};

enum class SizeBy { rss, pss, oom_score };
enum class UnitKind { job, process };

// A program run beside an action: argv, no shell.
struct Hook {
  std::vector<std::string> argv;  // argv[0]: an absolute path; empty: none
};

struct Config {
  // Available memory at or below: a warning, SIGTERM, SIGKILL. For the last two swap must be at or
  // below its own threshold as well (a machine without swap has none to wait for), or the pressure
  // at or above pressure_term.
  Threshold memory_warn{0.15, std::uint64_t{3} << 30U};
  Threshold memory_term{0.10, std::uint64_t{2} << 30U};
  Threshold memory_kill{0.05, std::uint64_t{1} << 30U};
  Threshold swap_term{0.10, {}};
  Threshold swap_kill{0.05, {}};
  std::optional<double> pressure_term = 0.2;  // PSI full avg10, share; absent: not looked at
  bool swap_was_set = false;                  // a swap threshold was given (swapless machines warn)

  SizeBy by = SizeBy::rss;
  UnitKind unit = UnitKind::job;
  bool prefer_over_estimate = false;
  double grace_seconds = 5;   // from SIGTERM to SIGKILL
  double settle_seconds = 5;  // at most, from SIGKILL to the exit
  // The fastest that memory is filled: sets the timers. 6,000 MiB/s is what earlyoom's authors saw
  // (`stress -m 4`, its sleep_time_ms()).
  double fill_bytes_per_second = 6000.0 * (1U << 20U);
  std::vector<ProtectRule> protect;
  bool protect_defaults = true;    // parse_config() appends default_protection()
  bool protect_root_only = false;  // of it only what runs as root

  Hook hook_before;
  Hook hook_after;
  double hook_timeout_seconds = 1;

  std::string state_directory;  // journal and lock; empty: the default one
  std::uint64_t journal_bytes = std::uint64_t{8} << 20U;  // of one file, reserved beforehand
  int journal_files = 4;                                  // kept in all
};

// The uid of a user name; absent: there is none. Looked up in /etc/passwd only: the watchdog is
// static and asks no name service.
using UserLookup = std::function<std::optional<uid_t>(std::string_view name)>;
UserLookup passwd_lookup(const std::string& passwd_file);

// Errors name file, line and key. Nothing is half applied: a wrong line refuses the whole text. The
// shipped protection is in the result, also for an empty text. Call check() when all is applied.
Result<Config> parse_config(std::string_view text, const std::string& file,
                            const UserLookup& users);

// What does not fit together on any machine: KILL above TERM, TERM above the warning, all
// thresholds 0. Shares are compared with shares and amounts with amounts. A memory threshold of 0
// is off and fits everywhere.
Status check(const Config& config);
// The same on a machine (or below a limit) of this size, where amounts and shares can be compared;
// and a threshold that would always be reached. swap_total 0: there is none.
Status check_against(const Config& config, std::uint64_t memory_total, std::uint64_t swap_total);

// Session leaders and agents, matched by executable (and uid where that is known), so that the
// agent is the last to go. docs/watchdog.md, "Who is protected", says who can gain what by it.
std::vector<ProtectRule> default_protection(bool root_only = false);
// What the text of those rules begins with; no rule of the configuration can.
inline constexpr std::string_view kShipped = "shipped ";

// What holds, as lines of a configuration file (with remarks): parse_config() reads it back.
std::string describe(const Config& config, std::uint64_t memory_total, std::uint64_t swap_total);
// The thresholds in one line, as amounts.
std::string summarize(const Config& config, std::uint64_t memory_total, std::uint64_t swap_total);

// Does a glob ('*' any text, also '/', '?' one character) match? No allocation, linear in practice.
bool glob_matches(std::string_view pattern, std::string_view text);
// The same for /proc/PID/exe, to which the kernel adds " (deleted)" when the file was replaced: an
// upgrade must not take the protection of what runs on from the old one.
bool exe_matches(std::string_view pattern, std::string_view exe);

}  // namespace jobward::watchdog
