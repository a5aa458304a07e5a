// Elastic limits: a job that has reached its memory limit is given more, as long as there is some.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "host/backends/backend.h"
#include "host/backends/memory_hold.h"
#include "launcher/guardian.h"
#include "profiles/run_record.h"

namespace jobward::launcher {

// Used by one thread. Entirely passive: the supervisor says when the event has come and what it has
// sampled.
class Elastic {
 public:
  // Takes the reservation for a higher limit than this and returns it (bytes), or why there is no
  // more.
  using Grow = std::function<tl::expected<double, std::string>(double limit)>;

  // `hold` is borrowed. A guardian is posted, see there for `settle`.
  static Result<std::unique_ptr<Elastic>> begin(host::MemoryHold& hold, Grow grow,
                                                const std::function<void()>& settle);

  // Readable when the job may be held; then take_event() and look().
  [[nodiscard]] int event() const { return hold_.event(); }
  void take_event() const;
  // Raises the limit if the job is held, or lets the hard limit decide. To be called often enough
  // (every second): the guardian takes silence for death. True: the limit was raised.
  bool look(double seconds, const host::MemorySample& sample);

  // Once more, at the end: nothing is raised.
  void look_back(const host::MemorySample& sample);

  // The job is still held when it reaches its limit.
  [[nodiscard]] bool is_active() const { return !over_; }
  [[nodiscard]] double limit() const { return static_cast<double>(hold_.limit()); }
  [[nodiscard]] const std::vector<profiles::Raise>& raises() const { return raises_; }
  // Why it was given no more, if it wanted more; empty: it did not.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  // At its limit a system call of the job may have failed.
  [[nodiscard]] bool may_have_failed_calls() const { return touched_; }
  // What a user must know besides.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  Elastic(host::MemoryHold& hold, Grow grow, Guardian guardian)
      : hold_(hold), grow_(std::move(grow)), guardian_(std::move(guardian)) {}
  bool is_watched();
  bool raise(double seconds);
  void let_go();

  host::MemoryHold& hold_;
  Grow grow_;
  Guardian guardian_;
  std::vector<profiles::Raise> raises_;
  bool over_ = false;
  bool touched_ = false;
  std::string refusal_;
  std::vector<std::string> problems_;
};

// The limit that comes after this one: half as much again, so that a job which grows without end
// asks a logarithmic number of times, and no more than a third of what it was given is left over.
// `most`: neither --elastic nor the policy nor the machine allows more. Absent: that is reached.
// Pure.
struct Growth {
  double least = 0;  // below this it is not worth while
  double wanted = 0;
};
std::optional<Growth> next_growth(double limit, double most);

}  // namespace jobward::launcher
