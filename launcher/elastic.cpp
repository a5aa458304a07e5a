#include "launcher/elastic.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/units.h"

namespace jobward::launcher {
namespace {

constexpr double kGrowth = 1.5;
// A raise by less than an eighth buys a moment, and costs as much as a large one.
constexpr double kLeast = 1.125;
constexpr double kSettled = 1;  // s, see MemoryHold::holds()

}  // namespace

std::optional<Growth> next_growth(double limit, double most) {
  most = whole_pages(most);
  if (most <= limit) return std::nullopt;
  // The last step may be short: it reaches all there is.
  return Growth{std::min(whole_pages(limit * kLeast), most),
                std::min(whole_pages(limit * kGrowth), most)};
}

Result<std::unique_ptr<Elastic>> Elastic::begin(host::MemoryHold& hold, Grow grow,
                                                const std::function<void()>& settle) {
  auto guardian = Guardian::post(hold, settle);
  if (!guardian) return tl::unexpected(std::move(guardian).error());
  return std::unique_ptr<Elastic>(new Elastic(hold, std::move(grow), std::move(*guardian)));
}

void Elastic::take_event() const {
  std::array<char, 4096> ignored{};
  static_cast<void>(::read(hold_.event(), ignored.data(), ignored.size()));
}

bool Elastic::look(double seconds, const host::MemorySample& sample) {
  if (over_ || !is_watched()) return false;
  guardian_.look_begins();
  look_back(sample);
  const bool settled = raises_.empty() || seconds - raises_.back().seconds >= kSettled;
  const bool raised = hold_.holds(sample, settled) && raise(seconds);
  guardian_.look_ends();
  return raised;
}

void Elastic::look_back(const host::MemorySample& sample) {
  touched_ = touched_ || hold_.may_have_failed_calls(sample);
}

// Without its guardian a job must not be held; after a silence of ours it is held again.
bool Elastic::is_watched() {
  if (guardian_.is_dead()) {
    problems_.emplace_back("the guardian of the elastic limit was killed: it is a hard one now");
    let_go();
    return false;
  }
  if (!guardian_.has_released()) return true;
  if (problems_.empty())
    problems_.emplace_back(
        "jobward was silent for 2 s while the job may have been at its limit: for that time it was "
        "a hard one");
  guardian_.hold_again();
  if (auto held = hold_.hold_again(); !held) {
    problems_.push_back(held.error().message());
    over_ = true;
    return false;
  }
  return true;
}

bool Elastic::raise(double seconds) {
  const double before = limit();
  const auto more = grow_(before);
  if (!more) {
    refusal_ = more.error();
    let_go();
    return false;
  }
  // The records may have kept us waiting for so long that we were taken for dead.
  auto raised = guardian_.has_released() ? hold_.hold_again() : Status();
  guardian_.hold_again();
  if (raised) raised = hold_.raise(static_cast<std::uint64_t>(*more));
  if (limit() > before) raises_.push_back({seconds, before, limit()});
  if (raised) return true;
  refusal_ = raised.error().message();
  let_go();
  return limit() > before;
}

void Elastic::let_go() {
  over_ = true;
  if (auto released = hold_.release(); !released) problems_.push_back(released.error().message());
}

}  // namespace jobward::launcher
