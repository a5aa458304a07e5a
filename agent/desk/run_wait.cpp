#include "agent/desk/run_wait.h"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cmath>
#include <utility>

#include "agent/desk/tools.h"
#include "cli/live_runs.h"
#include "common/units.h"

namespace jobward::desk {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kFirstTold{500};
constexpr milliseconds kTold{2000};

class Wait : public std::enable_shared_from_this<Wait> {
 public:
  Wait(Desk& desk, std::shared_ptr<mcp::Call> call, RunWait wanted)
      : desk_(desk),
        call_(std::move(call)),
        wanted_(std::move(wanted)),
        patience_(desk.context()),
        told_(desk.context()) {}

  void begin() {
    call_->on_cut([self = shared_from_this()](mcp::Call::Cut how) { self->let_go(how); });
    waiting_ = desk_.when_ended(wanted_.run, [self = shared_from_this()] { self->answer(); });
    patience_.expires_after(milliseconds(std::llround(wanted_.seconds * 1000)));
    patience_.async_wait([self = shared_from_this()](const auto& failed) {
      if (!failed) self->answer();
    });
    if (call_->wants_progress()) tell_after(kFirstTold);
  }

 private:
  void stop_waiting() {
    over_ = true;
    desk_.forget(waiting_);
    patience_.cancel();
    told_.cancel();
  }

  void answer() {
    if (over_) return;
    stop_waiting();
    auto told = told_job(desk_, wanted_.run);
    if (told)
      call_->answer({std::move(*told), false});
    else
      call_->answer(mcp::tool_error(told.error().message()));
  }

  void let_go(mcp::Call::Cut how) {
    if (over_) return;
    stop_waiting();
    if (!wanted_.stop_with_client || how == mcp::Call::Cut::lost) return;
    stop_with_client(desk_, wanted_.run, call_->client());
  }

  void tell_after(milliseconds delay) {
    told_.expires_after(delay);
    told_.async_wait([self = shared_from_this()](const auto& failed) {
      if (failed || self->over_) return;
      self->tell();
      self->tell_after(kTold);
    });
  }

  // Elapsed against predicted, memory against the limit.
  void tell() {
    const auto runs = desk_.runs();
    if (!runs) return;
    const auto record = cli::look_up_run(**runs, wanted_.run);
    if (!record || record->ending) return;
    const auto live = cli::live_run(**runs, *record);
    const auto& request = record->request;
    const bool known = request.estimate.level != Level::everything;
    const auto* wall = known ? request.estimate.by.find(Resource::wall) : nullptr;
    std::string text = record->state == profiles::RunState::queued ? "waits for room, " : "runs, ";
    text += format_duration(live.elapsed_seconds);
    if (wall != nullptr) text += " of about " + format_duration(wall->p50);
    const auto* limit = request.limits.find(Resource::memory);
    if (live.memory_bytes) {
      text += ", memory " + format_bytes(*live.memory_bytes);
      if (limit != nullptr) text += " of " + format_bytes(limit->value);
    }
    // Since the call: what it has waited in the queue counts, and it always grows.
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - begun_;
    // A total that is passed would be none.
    std::optional<double> total;
    if (wall != nullptr && wall->p50 > live.elapsed_seconds)
      total = since.count() - live.elapsed_seconds + wall->p50;
    if (total && *total <= since.count()) total.reset();
    call_->progress(since.count(), total, text);
  }

  Desk& desk_;
  std::shared_ptr<mcp::Call> call_;
  RunWait wanted_;
  asio::steady_timer patience_;
  asio::steady_timer told_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  int waiting_ = 0;
  bool over_ = false;
};

}  // namespace

void wait_for_run(Desk& desk, const std::shared_ptr<mcp::Call>& call, const RunWait& wait) {
  std::make_shared<Wait>(desk, call, wait)->begin();
}

}  // namespace jobward::desk
