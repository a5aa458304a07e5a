#include "launcher/requests.h"

#include "common/exit_codes.h"
#include "launcher/admit.h"
#include "launcher/endings.h"
#include "launcher/run_lock.h"
#include "launcher/waiting.h"

namespace jobward::launcher {
namespace {

constexpr double kLookAgain = 60;  // s

// Until that run has ended; false: we were told to stop waiting.
bool wait_for(const Workshop& shop, const SignalGate& gate, const std::string& run,
              RunResult& result) {
  auto waiting = Waiting::open(shop.lock_directory, gate);
  while (is_supervised(shop.lock_directory, run)) {
    auto woken =
        waiting ? waiting->wait(kLookAgain) : Result<Woken>(tl::unexpected(waiting.error()));
    if (!woken) {
      end_unstarted(result, Outcome::launch_failed, exit_code::kLauncherFailed,
                    woken.error().message() + "; run " + run + " goes on");
      return false;
    }
    if (*woken == Woken::stop) {
      const int signal = waiting->signal();
      end_unstarted(
          result, Outcome::cancelled, exit_code::kSignalBase + signal,
          "stopped waiting for run " + run + " by " + signal_name(signal) + "; that run goes on");
      if (signal != stop_request_signal()) result.die_of = signal;
      return false;
    }
  }
  reap_lost(shop.reaping());
  return true;
}

void answer(const profiles::RunRecord& earlier, RunResult& result) {
  result.ending.exit_code = exit_code::kLauncherFailed;
  if (earlier.ending && earlier.ending->exit_code)
    result.ending.exit_code = earlier.ending->exit_code;
  result.ending.exit_source = "jobward";
  result.recorded = true;
  result.earlier = earlier;
}

}  // namespace

bool is_first_request(const RunOrder& order, const Workshop& shop, const SignalGate& gate,
                      const RunHooks& hooks, RunResult& result) {
  const auto& request = result.request;
  if (request.request_key.empty() || shop.store == nullptr) return true;
  reap_lost(shop.reaping());
  const auto oldest = static_cast<UnixMillis>(shop.settings.admission.request_ids_seconds * 1000);
  static_cast<void>(shop.store->forget_requests_before(shop.clock.wall_ms() - oldest));
  auto earlier = shop.store->requested(request.request_key);
  if (!earlier || !*earlier)
    return true;  // a database that cannot be read is told when it is written
  const auto& run = **earlier;
  const std::string id = run.request.id;
  if (run.request.request_digest != request.request_digest) {
    end_unstarted(
        result, Outcome::refused, exit_code::kRefused,
        "the request id \"" + order.request_id + "\" belongs to run " + id +
            ", which is of another command, directory or script; nothing was started: use "
            "another id");
    return false;
  }
  if (run.ending && run.ending->outcome == Outcome::supervisor_lost && order.restart_lost)
    return static_cast<bool>(shop.store->forget_request(id));
  if (!run.ending && order.detached) {
    hooks.tell("the request id belongs to run " + id + ", which goes on; nothing new was started");
    answer(run, result);
    result.ending.exit_code = 0;
    return false;
  }
  if (!run.ending) {
    hooks.tell("the request id belongs to run " + id + ", which goes on: waiting for its end");
    if (!wait_for(shop, gate, id, result)) return false;
    earlier = shop.store->requested(request.request_key);
    if (!earlier || !*earlier) return true;
  }
  answer(**earlier, result);
  return false;
}

}  // namespace jobward::launcher
