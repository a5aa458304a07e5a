// The watchdog's round: sense, decide, sense again, act, verify, record.
#pragma once

#include <cstdint>
#include <optional>

#include "watchdog/action.h"
#include "watchdog/quick_look.h"
#include "watchdog/report.h"
#include "watchdog/survey.h"

namespace jobward::watchdog {

// Not thread-safe. The references have to outlive it.
class Watch {
 public:
  using FreeNow = std::optional<Sensor::Free>();
  Watch(const host::KernelRoots& roots, Sensor& sensor, Survey& survey, Report& report,
        Notify& notify, const Releaser& releaser, bool dry_run,
        FreeNow* free_now = &Sensor::free_now)
      : roots_(roots),
        sensor_(sensor),
        survey_(survey),
        report_(report),
        notify_(notify),
        releaser_(releaser),
        dry_run_(dry_run),
        free_now_(free_now) {}

  struct Tick {
    double wait_seconds = 1;  // until the next is due
    bool acted = false;       // signalled somebody, or would have
    bool missed = false;      // the one who was chosen could not be signalled: another look is due
    bool failed = false;      // memory could not be read
  };
  // One look, one action at most. `by_pressure`: processes were seen waiting for memory.
  Tick tick(const Config& config, bool by_pressure);

 private:
  std::optional<double> wait_if_plenty(const Config& config);
  enum class Done : std::uint8_t { acted, missed, nobody };
  Done act(const Config& config, Level level, const Snapshot& snapshot);
  Done end(const Config& config, const Unit& victim, Level level, const Snapshot& snapshot);
  const Unit* spare_innocents(const Config& config, const Snapshot& snapshot, const Unit* victim);
  bool is_process_growth(const Snapshot& snapshot);
  void tell_unread(int error_number);
  void look_quickly_from_now(double wait);
  void remember(const Snapshot& machine, Level level);
  // At most once a minute, or after memory was back.
  bool is_news(std::int64_t& said_at) const;

  const host::KernelRoots& roots_;
  Sensor& sensor_;
  Survey& survey_;
  Report& report_;
  Notify& notify_;
  const Releaser& releaser_;
  bool dry_run_;
  FreeNow* free_now_;
  Snapshot last_;
  Snapshot calm_;  // the machine when memory was last above the warning
  bool has_calm_ = false;
  QuickLook quick_look_;
  std::int64_t looked_at_ = 0;
  bool warned_ = false;
  std::int64_t said_nobody_ = 0;
  std::int64_t said_tmpfs_ = 0;
  std::int64_t said_trouble_ = 0;
  std::int64_t said_dry_run_ = 0;
  int said_victim_ = 0;
  std::int64_t said_recovered_ = 0;
  std::int64_t in_vain_at_ = 0;     // when all were looked at and nobody could be ended; 0: not so
  std::uint64_t in_vain_with_ = 0;  // what was available then
  int missed_ = 0;                  // in a row
  // When files in a tmpfs were last found to be what fills the machine.
  struct Held {
    std::uint64_t available = 0;
    std::uint64_t shmem = 0;
  };
  std::optional<Held> held_;
};

}  // namespace jobward::watchdog
