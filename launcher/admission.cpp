#include "launcher/admission.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "common/units.h"

namespace jobward::launcher {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// Memory that comes free at a predicted time.
struct Ending {
  double at = kNever;
  double bytes = 0;
};
struct Later {
  bool operator()(const Ending& a, const Ending& b) const { return a.at > b.at; }
};
using Endings = std::priority_queue<Ending, std::vector<Ending>, Later>;

// Goes through the predicted ends of running runs and the starts of waiting ones.
class Forecast {
 public:
  explicit Forecast(const Scene& scene) : free_(scene.balance()) {
    std::vector<Ending> endings;
    endings.reserve(scene.running.size() + scene.queue.size() + 1);
    for (const auto& holder : scene.running)
      endings.push_back({holder.ends_in.value_or(kNever), holder.held()});
    endings_ = Endings(Later(), std::move(endings));
  }

  // When this one can start, if all that were placed before it do so at their times; it is placed.
  // `not_before`: something else keeps it until then.
  double place(const Candidate& candidate, double not_before = -kNever) {
    const double need = candidate.need.value_or(0);
    bool waited = false;
    // What ends at the very moment of its start makes room beside it.
    while (!endings_.empty() && (need > free_ || (waited && endings_.top().at <= now_) ||
                                 endings_.top().at <= not_before)) {
      if (endings_.top().at == kNever) return now_ = kNever;
      now_ = std::max(now_, endings_.top().at);
      free_ += endings_.top().bytes;
      endings_.pop();
      waited = true;
    }
    now_ = std::max(now_, not_before);
    free_ -= need;
    endings_.push({candidate.lasts ? now_ + *candidate.lasts : kNever, need});
    return now_;
  }
  // What is left over once the last one has been placed.
  [[nodiscard]] double left() const { return free_; }

 private:
  double now_ = 0;
  double free_;
  Endings endings_;
};

std::optional<double> predicted_start(const Candidate& candidate, const Scene& scene) {
  Forecast forecast(scene);
  for (const auto& earlier : scene.queue)
    if (forecast.place(earlier) == kNever) return std::nullopt;
  const double at = forecast.place(candidate);
  return at == kNever ? std::nullopt : std::optional(at);
}

// When the first in the queue could start.
double first_start(const Scene& scene) {
  return scene.queue.empty() ? 0 : Forecast(scene).place(scene.queue.front());
}

// The first in the queue starts when it would have started without this one, at `start`.
bool may_go_ahead(const Candidate& candidate, const Scene& scene, double start) {
  if (start == kNever) return false;
  Forecast forecast(scene);
  forecast.place(scene.queue.front(), start > 0 ? start : -kNever);
  return (candidate.lasts && *candidate.lasts <= start) ||
         candidate.need.value_or(0) <= forecast.left();
}

std::string running_words(const Scene& scene) {
  const auto count = scene.running.size();
  return std::to_string(count) + (count == 1 ? " run is" : " runs are") + " going on";
}

std::string amount(double bytes) { return format_bytes(bytes); }

Decision wait(const Candidate& candidate, const Scene& scene, std::string why) {
  Decision out{Verdict::wait, std::move(why), scene.queue.size() + 1, {}, {}};
  for (const auto& holder : scene.running)
    out.waits_for.push_back(holder.run);
  for (const auto& earlier : scene.queue)
    out.waits_for.push_back(earlier.run);
  out.starts_in = predicted_start(candidate, scene);
  return out;
}

}  // namespace

double Scene::unused() const {
  double sum = 0;
  for (const auto& holder : running)
    sum += holder.unused();
  return sum;
}

double Scene::balance() const {
  double held = 0;
  for (const auto& holder : running)
    held += holder.held();
  // Page cache counts as used by a run and as available to the machine: the smaller answer holds.
  return std::min(available - unused(), capacity - held) - reserve;
}

double Scene::free() const { return std::max(0.0, balance()); }

namespace {

// `start`: of the first in the queue.
Decision judge_one(const Candidate& candidate, const Scene& scene, double start) {
  if (!candidate.need)
    return {Verdict::fits, "nothing is known about its need, and no limit is set", 0, {}, {}};
  const std::string wanted = amount(*candidate.need);
  if (*candidate.need > scene.capacity)
    return {Verdict::refuse,
            wanted + " can never fit: it is more than the " + amount(scene.capacity) + " that " +
                scene.bound,
            0,
            {},
            {}};
  const double free = scene.free();
  const bool fits_now = *candidate.need <= free;
  const std::string shortage =
      wanted + " do not fit into the " + amount(free) + " that are free now";
  if (scene.queue.empty()) {
    if (fits_now)
      return {Verdict::fits, wanted + " of the " + amount(free) + " that are free", 0, {}, {}};
    if (scene.running.empty())
      return {Verdict::fits,
              "let in although " + shortage + ": no run is going on that could make room",
              0,
              {},
              {}};
    return wait(candidate, scene, shortage + "; " + running_words(scene));
  }
  const auto ahead = std::to_string(scene.queue.size()) +
                     (scene.queue.size() == 1 ? " run waits" : " runs wait") + " before it";
  if (!fits_now) return wait(candidate, scene, shortage + "; " + ahead);
  if (may_go_ahead(candidate, scene, start))
    return {Verdict::fits,
            wanted + " of the " + amount(free) + " that are free, and nobody who waits is delayed",
            0,
            {},
            {}};
  return wait(candidate, scene,
              wanted + " would fit into the " + amount(free) + " that are free, but " + ahead +
                  ", and it would delay the first of them");
}

}  // namespace

Decision judge(const Candidate& candidate, const Scene& scene) {
  return judge_one(candidate, scene, first_start(scene));
}

Decision judge(const Candidate& candidate, const std::vector<Scene>& scenes) {
  const auto stricter = [](const Decision& a, const Decision& b) {
    if (a.verdict != b.verdict) return a.verdict > b.verdict;
    return a.starts_in.value_or(kNever) > b.starts_in.value_or(kNever);
  };
  // As late as the last of the bounds lets it.
  double start = 0;
  for (const auto& scene : scenes)
    start = std::max(start, first_start(scene));
  auto out = judge_one(candidate, scenes.front(), start);
  for (std::size_t i = 1; i < scenes.size(); ++i)
    if (auto other = judge_one(candidate, scenes[i], start); stricter(other, out))
      out = std::move(other);
  return out;
}

const Scene& tightest(const std::vector<Scene>& scenes) {
  return *std::min_element(scenes.begin(), scenes.end(), [](const Scene& a, const Scene& b) {
    return a.balance() < b.balance();
  });
}

}  // namespace jobward::launcher
