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
  if (over_) return false;
  if (guardian_.has_released()) {
    over_ = true;
    problem_ =
        "jobward was silent for 2 s while the job may have been at its limit: from then on "
        "the limit was a hard one";
    return false;
  }
  guardian_.beat();
  if (!hold_.holds(sample)) return false;
  const double now = limit();
  const auto more = grow_(now);
  guardian_.beat();
  if (!more) {
    let_go();
    return false;
  }
  if (auto raised = hold_.raise(static_cast<std::uint64_t>(*more)); !raised) {
    problem_ = "the limit could not be raised: " + raised.error().message();
    let_go();
    return false;
  }
  raises_.push_back({seconds, now, *more});
  return true;
}

void Elastic::let_go() {
  over_ = true;
  if (auto released = hold_.release(); !released) problem_ = released.error().message();
}

}  // namespace jobward::launcher
