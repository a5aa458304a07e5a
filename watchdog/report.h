// Everything the watchdog says: lines for the journal, sentences for people, messages for hooks.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "watchdog/action.h"
#include "watchdog/hooks.h"
#include "watchdog/journal.h"
#include "watchdog/json_line.h"
#include "watchdog/outlet.h"
#include "watchdog/tmpfs.h"

namespace jobward::watchdog {

enum class Severity : std::uint8_t { info, warn, hard_fail };

// Where lines go. Not thread-safe.
class Report {
 public:
  // `journal` and `hooks` may be null. json: each line on stdout as well. Sentences go to stderr.
  // Neither is waited for: the journal has what could not be written there.
  Report(const host::KernelRoots& roots, LineSink* journal, Hooks* hooks, bool json);

  void start(const Config& config, const Sensor& sensor, std::string_view remarks);
  void stop(std::string_view why);
  void reloaded(const Config& config, const Sensor& sensor, std::string_view remark);
  void reload_refused(std::string_view problem);
  void warning(const Config& config, const Snapshot& snapshot);
  void recovered(const Unit& victim, const ActionResult& result);
  // The number of the line, by which the outcome refers to it.
  std::uint64_t kill(const Config& config, const Survey& survey, const Unit& victim, Level level,
                     const Snapshot& snapshot, const ActionResult& result, bool dry_run);
  void outcome(std::uint64_t action, const Unit& victim, const ActionResult& result);
  void no_victim(const Config& config, const Survey& survey, Level level, const Snapshot& snapshot);
  void tmpfs_full(const Config& config, const Snapshot& snapshot, const FullTmpfs& mount);
  void trouble(std::string_view what);

  // The hook before an action is told as soon as the victim is known.
  void announce(const Unit& victim, Level level);

 private:
  void say(std::string_view words);
  void begin(Severity severity, std::string_view event, std::string_view message);
  void end(HookMoment moment = HookMoment::none);
  void add_snapshot(const Snapshot& snapshot, std::uint64_t threshold);
  void add_unit(const Config& config, std::string_view key, const Unit& unit, bool with_why,
                bool chosen);
  void add_candidates(const Config& config, const Survey& survey, const Unit* victim);
  void add_signals(const ActionResult& result);
  void add_settings(const Config& config, const Sensor& sensor);

  LineSink* journal_;
  Hooks* hooks_;
  bool json_;
  Outlet output_{STDOUT_FILENO};
  Outlet words_{STDERR_FILENO};
  int unsaid_ = 0;
  bool journal_broken_ = false;
  std::uint64_t seq_ = 0;
  FixedText<20> instance_;
  FixedText<48> boot_id_;
  JsonLine line_;
  FixedText<1024> message_;
};

}  // namespace jobward::watchdog
