// Thousands of random job mixes on a virtual clock, each let in by judge() alone: what the rules
// promise has to hold at every moment of each. Times are whole seconds and sizes whole bytes, so
// that sums are exact and every comparison can be, too.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "launcher/admission.h"

using namespace jobward::launcher;

namespace {

constexpr double kGiB = 1073741824.0;

// The engine's numbers are the same everywhere, those of the standard distributions are not.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t end) { return engine_() % end; }
  double whole(std::uint64_t least, std::uint64_t most) {
    return static_cast<double>(least + below(most - least + 1));
  }
  bool percent(std::uint64_t chance) { return below(100) < chance; }
  // As many of half the size as of the whole, and so on, up to 2^-(octaves - 1).
  double spread(double most, std::uint64_t octaves) {
    const auto top = static_cast<std::uint64_t>(most) >> below(octaves);
    return whole(top / 2 + 1, std::max<std::uint64_t>(top, top / 2 + 1));
  }

 private:
  std::mt19937_64 engine_;
};

struct Job {
  Candidate wants;
  double arrives = 0;
  double lasts = 0;  // in truth
  double uses = 0;   // at most, in truth
};

// From some time on, this much is used by others than runs.
struct Others {
  double from = 0;
  double use = 0;
};

struct Mix {
  double capacity = 0;
  double reserve = 0;
  std::vector<Job> jobs;  // in the order of their arrival
  std::vector<Others> others;
  bool exact = false;            // all durations are predicted exactly, and nobody else uses memory
  bool overdue_unknown = false;  // a run over its time: nobody knows its end, or it is in the past
};

std::optional<double> predicted(Dice& dice, double lasts) {
  switch (dice.below(5)) {
    case 0:
    case 1:
      return lasts;
    case 2:
      return lasts * dice.whole(2, 6);
    case 3:
      return std::max(1.0, std::floor(lasts * dice.whole(1, 9) / 10));
    default:
      return std::nullopt;
  }
}

Job random_job(Dice& dice, const Mix& mix, std::size_t index) {
  Job job;
  job.wants.run = "r" + std::to_string(index);
  job.lasts = dice.spread(4000, 8);
  job.wants.lasts = mix.exact ? job.lasts : predicted(dice, job.lasts);
  const double need = dice.spread(mix.capacity - mix.reserve, 6);
  job.uses = std::floor(need * dice.whole(0, 100) / 100);
  if (dice.percent(2)) {
    job.wants.need = mix.capacity + dice.whole(1, 1000);  // can never fit
  } else if (mix.exact || !dice.percent(3)) {
    job.wants.need = need;
  }  // else it has no limit, and uses what it likes
  return job;
}

Mix random_mix(std::uint64_t seed, bool exact) {
  Dice dice(seed);
  Mix mix;
  mix.exact = exact;
  mix.overdue_unknown = dice.percent(50);
  mix.capacity = dice.whole(1, 64) * kGiB + dice.whole(0, 4095);
  if (dice.percent(50)) mix.reserve = std::floor(mix.capacity * dice.whole(1, 10) / 100);
  const auto count = 10 + dice.below(21);
  const auto pause = 1 + dice.below(200);  // from all at once to few that wait
  double now = 0;
  for (std::size_t index = 0; index < count; ++index) {
    mix.jobs.push_back(random_job(dice, mix, index));
    now += dice.percent(30) ? 0 : dice.whole(0, 2 * pause);
    mix.jobs.back().arrives = now;
  }
  if (exact || dice.percent(25)) return mix;
  const auto most = 10 + dice.below(91);  // % of the capacity
  double from = 0;
  for (auto changes = dice.below(12); changes > 0; --changes) {
    from += dice.whole(1, 1500);
    mix.others.push_back({from, std::floor(mix.capacity * dice.whole(0, most) / 100)});
  }
  return mix;
}

struct Course {
  std::vector<std::string> violations;
  double utilisation = 0;  // reserved / capacity, over the time from the first to the last event
  double waited = 0;       // seconds, all runs together
  std::size_t started = 0;
  std::size_t ahead = 0;    // of these: while an earlier one waited
  std::size_t refused = 0;  // because they can never fit
};

// One mix from its first arrival to its last end.
class Simulation {
 public:
  Simulation(const Mix& mix, bool backfilling) : mix_(mix), backfilling_(backfilling) {}

  Course run() {
    while (step()) {
    }
    if (!waiting_.empty()) violated("deadlock: " + std::to_string(waiting_.size()) + " wait");
    if (course_.started + course_.refused != mix_.jobs.size()) violated("not all started");
    if (now_ > began()) course_.utilisation = byte_seconds_ / mix_.capacity / (now_ - began());
    return std::move(course_);
  }

 private:
  struct Running {
    const Job* job;
    double since;
  };

  [[nodiscard]] double began() const { return mix_.jobs.front().arrives; }
  static double reserved(const Job& job) { return job.wants.need.value_or(0); }
  void violated(const std::string& what) {
    course_.violations.push_back("at " + std::to_string(now_) + " s: " + what);
  }

  // The next event of all, one at a time, also where several come in the same second.
  bool step() {
    const auto ends = std::min_element(running_.begin(), running_.end(), [](auto& a, auto& b) {
      return a.since + a.job->lasts < b.since + b.job->lasts;
    });
    const double end = ends == running_.end() ? HUGE_VAL : ends->since + ends->job->lasts;
    const double arrival = arrived_ < mix_.jobs.size() ? mix_.jobs[arrived_].arrives : HUGE_VAL;
    const bool is_over = end == HUGE_VAL && arrival == HUGE_VAL;  // others may go on
    if (is_over && waiting_.empty()) return false;
    const double change = changed_ < mix_.others.size() ? mix_.others[changed_].from : HUGE_VAL;
    const double next = std::min({end, arrival, change});
    if (next == HUGE_VAL) return false;
    pass_time(next);
    if (end == next) {
      running_.erase(ends);
    } else if (arrival == next) {
      waiting_.push_back(&mix_.jobs[arrived_++]);
    } else {
      others_ = mix_.others[changed_++].use;
    }
    admit();
    check();
    return true;
  }

  void pass_time(double until) {
    if (arrived_ == 0) now_ = until;  // what was before the first arrival does not count
    for (const auto& one : running_)
      byte_seconds_ += reserved(*one.job) * (until - now_);
    course_.waited += static_cast<double>(waiting_.size()) * (until - now_);
    now_ = until;
  }

  // What a run uses grows during its first half, then stays.
  [[nodiscard]] Holder holder(const Running& one) const {
    const double elapsed = now_ - one.since;
    const double used = std::floor(one.job->uses * std::min(1.0, 2 * elapsed / one.job->lasts));
    Holder out{one.job->wants.run, reserved(*one.job), used, std::nullopt, false};
    if (const auto lasts = one.job->wants.lasts; lasts && (!overdue(one) || !mix_.overdue_unknown))
      out.ends_in = *lasts - elapsed;
    return out;
  }
  [[nodiscard]] bool overdue(const Running& one) const {
    return now_ - one.since > *one.job->wants.lasts;
  }

  [[nodiscard]] Scene scene() const {
    Scene out;
    out.capacity = mix_.capacity;
    out.reserve = mix_.reserve;
    out.available = mix_.capacity - others_;
    for (const auto& one : running_) {
      out.running.push_back(holder(one));
      out.available -= out.running.back().used;
    }
    out.available = std::max(0.0, out.available);
    return out;
  }

  // All that wait are judged in the order of their arrival.
  void admit() {
    auto seen = scene();
    std::vector<const Job*> still;
    for (const auto* job : waiting_) {
      if (!still.empty() && !backfilling_) {
        still.push_back(job);
        continue;
      }
      const auto decision = judge(job->wants, seen);
      check(decision, *job, still.size());
      if (decision.verdict == Verdict::wait) {
        still.push_back(job);
        seen.queue.push_back(job->wants);
      } else if (decision.verdict == Verdict::fits) {
        start(*job, seen);
      } else {
        ++course_.refused;
      }
    }
    waiting_ = std::move(still);
  }

  void start(const Job& job, Scene& seen) {
    auto after = seen;
    running_.push_back({&job, now_});
    after.running.push_back(holder(running_.back()));
    if (!seen.queue.empty()) {
      ++course_.ahead;
      check_head(seen, after, job);
    }
    ++course_.started;
    seen = std::move(after);
  }

  void check(const Decision& decision, const Job& job, std::size_t before) {
    const auto& run = job.wants.run;
    const bool can_fit = !job.wants.need || *job.wants.need <= mix_.capacity;
    if ((decision.verdict == Verdict::refuse) == can_fit) violated(run + " refused, or not");
    if (decision.reason.empty()) violated(run + " is given no reason");
    if (!job.wants.need && decision.verdict != Verdict::fits) violated(run + " wants nothing");
    if (decision.verdict != Verdict::wait) return;
    if (decision.place != before + 1) violated(run + " has the wrong place");
    if (decision.waits_for.empty()) violated(run + " waits for nobody");
    if (decision.starts_in.value_or(0) < 0) violated(run + " is to start in the past");
    if (before > 0 || !mix_.exact) return;
    // Where all predictions are exact, the first in the queue starts when it was told to, or
    // before.
    if (!decision.starts_in) return violated("no start is predicted for " + run);
    const auto promise = promised_.try_emplace(&job, now_ + *decision.starts_in).first->second;
    if (now_ + *decision.starts_in > promise) violated(run + " starts later than it was told");
  }

  // Whatever the predictions are worth: by them, the first in the queue is not delayed.
  void check_head(const Scene& before, const Scene& after, const Job& job) {
    if (!job.wants.need) return;  // it reserves nothing, and is never held up
    auto then = before;
    auto now = after;
    then.queue.clear();
    now.queue.clear();
    const auto& head = before.queue.front();
    const auto was = judge(head, then);
    const auto is = judge(head, now);
    if (!was.starts_in || is.verdict != Verdict::wait || was.starts_in != is.starts_in)
      violated(job.wants.run + " goes ahead and moves the start of " + head.run);
  }

  void check() {
    double sum = 0;
    for (const auto& one : running_)
      sum += reserved(*one.job);
    if (sum > mix_.capacity) violated("more is reserved than there is");
    if (running_.empty() && !waiting_.empty()) violated("nothing runs, and one waits");
  }

  const Mix& mix_;
  bool backfilling_;
  Course course_;
  double now_ = 0;
  double others_ = 0;
  double byte_seconds_ = 0;
  std::size_t arrived_ = 0;
  std::size_t changed_ = 0;
  std::vector<Running> running_;
  std::vector<const Job*> waiting_;  // in the order of their arrival
  std::map<const Job*, double> promised_;
};

// Of many mixes.
struct Sum {
  std::size_t mixes = 0;
  double utilisation = 0;
  double waited = 0;
  double started = 0;
  std::size_t ahead = 0;
  std::size_t refused = 0;

  void add(const Course& course) {
    ++mixes;
    utilisation += course.utilisation;
    waited += course.waited;
    started += static_cast<double>(course.started);
    ahead += course.ahead;
    refused += course.refused;
  }
  [[nodiscard]] double mean_utilisation() const { return utilisation / static_cast<double>(mixes); }
  [[nodiscard]] double mean_wait() const { return waited / started; }
};

Sum simulated(std::uint64_t mixes, bool exact, bool backfilling) {
  Sum sum;
  for (std::uint64_t seed = 1; seed <= mixes; ++seed) {
    const auto mix = random_mix(seed, exact);
    const auto course = Simulation(mix, backfilling).run();
    if (!course.violations.empty()) {
      INFO("seed " << seed << ", " << course.violations.size() << " violations, the first:");
      FAIL(course.violations.front());
    }
    sum.add(course);
  }
  return sum;
}

std::string percent(double part) {
  return std::to_string(std::llround(part * 1000) / 10) + "." +
         std::to_string(std::llround(part * 1000) % 10) + " %";
}

void compare(std::uint64_t mixes, bool exact) {
  const auto plain = simulated(mixes, exact, false);
  const auto sum = simulated(mixes, exact, true);
  WARN(mixes << " mixes, " << sum.started << " runs, " << sum.ahead << " of them went ahead, "
             << sum.refused << " refused; mean utilisation " << percent(sum.mean_utilisation())
             << " (" << percent(plain.mean_utilisation()) << " without going ahead), mean wait "
             << std::llround(sum.mean_wait()) << " s (" << std::llround(plain.mean_wait())
             << " s)");
  CHECK(plain.ahead == 0);
  CHECK(sum.ahead > mixes);  // else this has shown nothing
  CHECK(sum.refused > 0);
  CHECK(sum.started == plain.started);
  CHECK(sum.mean_utilisation() >= plain.mean_utilisation());
  CHECK(sum.mean_wait() <= plain.mean_wait());
}

// Small numbers, so that ends come together and sizes match to the byte.
Candidate random_candidate(Dice& dice, const std::string& run) {
  Candidate out{run, dice.whole(1, 12), std::nullopt};
  if (dice.percent(70)) out.lasts = dice.whole(1, 8);
  return out;
}

Scene random_scene(Dice& dice) {
  Scene scene;
  scene.capacity = dice.whole(12, 24);
  scene.available = scene.capacity;
  if (dice.percent(50)) scene.reserve = dice.whole(0, 3);
  double left = scene.capacity;
  for (auto count = dice.below(6); count > 0 && left > 0; --count) {
    const double reserved = dice.whole(1, static_cast<std::uint64_t>(left));
    const double used = dice.whole(0, static_cast<std::uint64_t>(reserved));
    scene.running.push_back({"h" + std::to_string(count), reserved, used, std::nullopt, false});
    if (dice.percent(90)) scene.running.back().ends_in = dice.whole(0, 8) - 1;
    left -= reserved;
    scene.available -= used;
  }
  if (dice.percent(50)) scene.available -= dice.whole(0, 8);
  scene.available = std::max(0.0, scene.available);
  return scene;
}

// As long as nobody else comes: the first moment at which some have ended and it is let in. One
// that need not wait for any end starts before those that wait for one that is overdue.
constexpr double kAtOnce = -1;
std::optional<double> start_of(const Candidate& first, const Scene& scene) {
  std::vector<double> moments;
  for (const auto& one : scene.running)
    if (one.ends_in) moments.push_back(std::max(0.0, *one.ends_in));
  std::sort(moments.begin(), moments.end());
  if (judge(first, scene).verdict == Verdict::fits) return kAtOnce;
  for (const double moment : moments) {
    auto then = scene;
    then.running.clear();
    for (const auto& one : scene.running) {
      if (one.ends_in && *one.ends_in <= moment)
        then.available += one.used;
      else
        then.running.push_back(one);
    }
    if (judge(first, then).verdict == Verdict::fits) return moment;
  }
  return std::nullopt;
}

std::string shown(const Candidate& one) {
  const auto lasts = one.lasts ? std::to_string(std::llround(*one.lasts)) : "?";
  return one.run + " wants " + std::to_string(std::llround(*one.need)) + " for " + lasts + " s";
}
std::string shown(const Scene& scene) {
  const auto whole = [](double value) { return std::to_string(std::llround(value)); };
  auto out = "capacity " + whole(scene.capacity) + ", available " + whole(scene.available) +
             ", reserve " + whole(scene.reserve);
  for (const auto& one : scene.running)
    out += "; " + one.run + " used " + whole(one.used) + " of " + whole(one.reserved) +
           ", ends in " + (one.ends_in ? whole(*one.ends_in) : "?") + " s";
  return out;
}

}  // namespace

TEST_CASE("admission: With exact predictions nobody is ever delayed by those who go ahead") {
  compare(1000, true);
}

TEST_CASE("admission: Whatever runs and others do, all start and no byte is reserved twice") {
  compare(2000, false);
}

TEST_CASE("admission: A predicted start is the first moment at which it is let in") {
  Dice dice(1);
  for (int round = 0; round < 20000; ++round) {
    const auto scene = random_scene(dice);
    const auto first = random_candidate(dice, "first");
    const auto decision = judge(first, scene);
    if (decision.verdict != Verdict::wait) continue;
    const auto expected = start_of(first, scene);
    if (decision.starts_in == expected) continue;
    INFO(shown(scene) << "; " << shown(first) << "; is said to start in "
                      << decision.starts_in.value_or(-1) << " s");
    FAIL("instead of " << expected.value_or(-1) << " s (-1: nobody knows)");
  }
}

TEST_CASE(
    "admission: A later run goes ahead if, and only if, the first in the queue starts as before") {
  Dice dice(2);
  std::size_t ahead = 0;
  for (int round = 0; round < 20000; ++round) {
    auto scene = random_scene(dice);
    const auto first = random_candidate(dice, "first");
    const auto later = random_candidate(dice, "later");
    auto with_later = scene;
    with_later.running.push_back({"later", *later.need, 0, later.lasts, false});
    const auto start = start_of(first, scene);
    const bool expected =
        *later.need <= scene.free() && start && start == start_of(first, with_later);
    scene.queue.push_back(first);
    const auto decision = judge(later, scene);
    if (decision.verdict == Verdict::fits) ++ahead;
    if ((decision.verdict == Verdict::fits) == expected) continue;
    INFO(shown(scene) << "; " << shown(first) << "; " << shown(later));
    FAIL((expected ? "should go ahead: " : "should wait: ") << decision.reason);
  }
  CHECK(ahead > 1000);
}
