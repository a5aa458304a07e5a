#include "launcher/admit.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "common/exit_codes.h"
#include "common/fault.h"
#include "common/units.h"
#include "launcher/endings.h"
#include "launcher/gatehouse.h"
#include "launcher/requests.h"
#include "launcher/run_lock.h"
#include "launcher/waiting.h"

namespace jobward::launcher {
namespace {

// Room may also come from processes that are no runs: looked at so often (s).
constexpr double kLookAgain = 60;
// Who could not get at the records asks again after so long (s).
constexpr double kAfterBusy = 1;

using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point then) {
  return std::chrono::duration<double>(Steady::now() - then).count();
}

// One run on its way through the gate.
class Passage {
 public:
  Passage(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
          const RunHooks& hooks, RunResult& result)
      : order_(order),
        shop_(shop),
        gate_(gate),
        hooks_(hooks),
        result_(result),
        house_(order, shop) {}

  bool go() {
    auto& request = result_.request;
    request.parent_run = house_.nested() ? std::optional(house_.enclosing_run()) : std::nullopt;
    if (shop_.store == nullptr || shop_.lock_directory.empty()) return go_unrecorded();
    // From before the records are looked at: no end of a run is missed.
    auto waiting = Waiting::open(shop_.lock_directory, gate_);
    result_.at.admitted = shop_.clock.wall_ms();
    auto state = shop_.store->begin(request, result_.at,
                                    [&](const auto& open) { return decide(open, may_wait()); });
    // Another process was faster with the same request id: ours is asked again.
    if (!state && !request.request_key.empty() && shop_.store->requested(request.request_key))
      if (!is_first_request(order_, shop_, gate_, hooks_, result_)) return false;
    if (!state) return accept(state.error().message());
    result_.recorded = state->has_value();
    point_out_twin();
    if (!*state) return turned_away();
    if (**state == profiles::RunState::admitted) return true;
    if (!waiting) return give_up(waiting.error().message());
    return wait(*waiting);
  }

 private:
  bool may_wait() const { return order_.wait && !house_.nested(); }

  std::optional<profiles::RunState> decide(const std::vector<profiles::OpenRun>& open,
                                           bool may_queue) {
    open_ = open;
    const auto candidate = candidate_of(result_.request);
    // Where there is room in any case, the database is not locked for a look at each run.
    const auto rough = house_.scenes(open, result_.request.id, Gatehouse::Use::none);
    decision_ = judge(candidate, rough);
    if (!rough.front().queue.empty() || decision_.verdict != Verdict::fits)
      decision_ = judge(candidate, house_.scenes(open, result_.request.id));
    if (decision_.verdict == Verdict::fits) return profiles::RunState::admitted;
    if (decision_.verdict == Verdict::wait && may_queue) return profiles::RunState::queued;
    return std::nullopt;
  }

  // Without records nobody can be waited for; the machine's room is what there is to go by.
  bool go_unrecorded() {
    const auto verdict = judge(candidate_of(result_.request), house_.scenes({}, order_.id));
    if (verdict.verdict == Verdict::refuse) {
      decision_ = verdict;
      return turned_away();
    }
    return accept(shop_.store == nullptr ? shop_.store_problem
                                         : "there is no directory for lock files");
  }

  // The row could not be written: a run without explicit limits goes on, unrecorded.
  bool accept(const std::string& problem) {
    result_.recorded = false;
    const bool queues = decision_.verdict == Verdict::wait;
    const bool promised = order_.detached || !order_.request_id.empty() || queues;
    if (promised || has_binding_limit(order_, result_.request.limits)) {
      end_unstarted(result_, Outcome::launch_failed, exit_code::kLauncherFailed,
                    std::string("the run cannot be recorded, and it ") +
                        (queues     ? "would have to wait for room"
                         : promised ? "is detached or has a request id"
                                    : "has explicit limits") +
                        ": " + problem +
                        "; nothing was started: set JOBWARD_STATE_DIR to a directory of your own" +
                        (promised ? "" : ", or use --best-effort to run it unrecorded"));
      return false;
    }
    result_.problems.push_back("the run is NOT recorded: " + problem);
    return true;
  }

  bool turned_away() {
    if (decision_.verdict == Verdict::refuse && !house_.nested())
      end_unstarted(result_, Outcome::refused, exit_code::kRefused, decision_.reason);
    else
      end_unstarted(result_, Outcome::not_admitted, exit_code::kNotAdmitted,
                    (house_.nested() ? "inside run " + house_.enclosing_run() + ": " : "") +
                        decision_.reason + waits_for());
    if (!result_.recorded) record_unstarted(shop_, result_);
    return false;
  }

  bool give_up(const std::string& why) {
    end_unstarted(result_, Outcome::not_admitted, exit_code::kNotAdmitted, why);
    return false;
  }

  std::string waits_for() const {
    if (decision_.waits_for.empty()) return {};
    std::string text = " (" + decision_.waits_for.front();
    if (decision_.waits_for.size() > 1)
      text += " and " + std::to_string(decision_.waits_for.size() - 1) + " more";
    return text + ")";
  }

  void tell_place() {
    std::string line = "waiting: " + decision_.reason + waits_for();
    line += "; place " + std::to_string(decision_.place);
    if (decision_.starts_in)
      line += ", starts in " + format_duration(*decision_.starts_in) +
              " at the latest if all goes as predicted";
    if (line != last_line_) hooks_.tell(line);
    last_line_ = std::move(line);
  }

  bool wait(Waiting& waiting) {
    const auto begun = Steady::now();
    tell_place();
    if (hooks_.queued) hooks_.queued();
    JOBWARD_FAULT(queued);
    double rest = kLookAgain;
    while (true) {
      waiting.watch(house_.foreign_supervisors());
      const double left = order_.wait_seconds
                              ? std::max(0.0, *order_.wait_seconds - seconds_since(begun))
                              : kLookAgain;
      auto woken = waiting.wait(std::min(left, std::exchange(rest, kLookAgain)));
      if (!woken) return give_up(woken.error().message());
      if (*woken == Woken::stop) return cancelled(waiting.signal());
      reap_lost(shop_.reaping());
      house_.look();
      result_.at.admitted = shop_.clock.wall_ms();
      auto state = shop_.store->admit(order_.id, result_.at,
                                      [&](const auto& open) { return decide(open, true); });
      // Many are woken at once: who does not get his turn in time keeps his place.
      if (!state && profiles::is_busy(state.error())) {
        rest = kAfterBusy;
        continue;
      }
      if (!state) return give_up("it could not be let in: " + state.error().message());
      if (*state == profiles::RunState::admitted) {
        guess_anew();
        return true;
      }
      if (!*state) return turned_away();
      if (order_.wait_seconds && seconds_since(begun) >= *order_.wait_seconds)
        return give_up("it waited for " + format_duration(*order_.wait_seconds) + ": " +
                       decision_.reason + waits_for());
      tell_place();
    }
  }

  // A guess is a share of what was free when the run began to wait, which may have been little only
  // because of those it waited for.
  void guess_anew() {
    auto& request = result_.request;
    const Limit* guess = request.limits.find(Resource::memory);
    if (guess == nullptr || guess->source != kGuess) return;
    double wanted = whole_pages(shop_.settings.guess_share * house_.available());
    if (const Limit* cap = shop_.policy.caps.find(Resource::memory))
      wanted = std::min(wanted, cap->value);
    if (wanted <= guess->value) return;
    const auto bytes = reserve_more(order_, shop_, guess->value, wanted);
    if (!bytes) return;
    Limit larger = *guess;
    larger.value = whole_pages(*bytes);
    request.limits.set(Resource::memory, larger);
    request.reservation.set(Resource::memory, *bytes);
    amend(shop_, result_);
    result_.untold.push_back("memory has become free while it waited: the guess is now " +
                             format_bytes(larger.value));
  }

  bool cancelled(int signal) {
    const bool asked = signal == stop_request_signal();
    end_unstarted(result_, Outcome::cancelled, exit_code::kSignalBase + (asked ? SIGTERM : signal),
                  asked ? "cancelled by `jobward stop` while it waited"
                        : "cancelled by " + signal_name(signal) + " while it waited");
    if (!asked) result_.die_of = signal;
    return false;
  }

  void point_out_twin() {
    for (const auto& run : open_)
      if (run.exact == result_.request.fingerprint.exact && run.id != result_.request.id &&
          !run.exact.empty() && is_supervised(shop_.lock_directory, run.id)) {
        result_.untold.push_back(
            "the same command is " +
            std::string(run.state == profiles::RunState::queued ? "waiting" : "running") +
            " already: run " + run.id);
        return;
      }
  }

  const RunOrder& order_;
  const Workshop& shop_;
  const SignalGate& gate_;
  const RunHooks& hooks_;
  RunResult& result_;
  Gatehouse house_;
  std::vector<profiles::OpenRun> open_;
  Decision decision_;
  std::string last_line_;
};

}  // namespace

bool admit(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
           const RunHooks& hooks, RunResult& result) {
  reap_lost(shop.reaping());
  return Passage(order, shop, gate, hooks, result).go();
}

void record_unstarted(const Workshop& shop, RunResult& result) {
  if (shop.store == nullptr) return;
  auto& request = result.request;
  const auto reservation = std::exchange(request.reservation, {});
  const auto key = std::exchange(request.request_key, {});  // may be tried again
  const auto begun = shop.store->begin(request, result.at);
  request.reservation = reservation;
  request.request_key = key;
  result.recorded = static_cast<bool>(begun);
}

namespace {

double own_use(const profiles::OpenRun& run) {
  return static_cast<double>(host::unreclaimable_memory(run.memory_cgroup).value_or(0));
}

}  // namespace

tl::expected<double, std::string> reserve_more(const RunOrder& order, const Workshop& shop,
                                               double least, double wanted) {
  if (shop.store == nullptr)
    return tl::unexpected(
        std::string("the run is not on record, so nothing can be reserved for it"));
  const std::string& run_id = order.id;
  double free = 0;
  Gatehouse house(order, shop);
  house.look();  // the workshop's snapshot is of the run's beginning
  const auto decide = [&](const std::vector<profiles::OpenRun>& open) -> std::optional<double> {
    auto others = open;
    const auto mine = std::find_if(others.begin(), others.end(),
                                   [&](const auto& run) { return run.id == run_id; });
    const double used = mine != others.end() ? own_use(*mine) : 0;
    if (mine != others.end()) others.erase(mine);
    double most = std::numeric_limits<double>::max();
    for (auto& scene : house.scenes(others, run_id)) {
      scene.available += used;
      most = std::min(most, scene.free());
    }
    free = most;
    if (wanted <= most) return wanted;
    return most >= least ? std::optional(most) : std::nullopt;
  };
  const auto granted = shop.store->reserve(run_id, decide);
  if (!granted) return tl::unexpected("it could not be reserved: " + granted.error().message());
  if (*granted) return **granted;
  return tl::unexpected("it may have " + format_bytes(free) + " beside the other runs, not " +
                        format_bytes(least));
}

}  // namespace jobward::launcher
