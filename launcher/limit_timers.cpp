#include "launcher/limit_timers.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "host/observe/process.h"

namespace jobward::launcher {
namespace {

double most_cpus(const Limits& limits) {
  // Not those that we may use: a job can widen its own affinity.
  const auto machine = static_cast<double>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  const Limit* cpus = limits.find(Resource::cpus);
  return cpus != nullptr ? std::min(cpus->value, machine) : machine;
}

}  // namespace

LimitTimers::LimitTimers(boost::asio::io_context& context, const Limits& limits,
                         const JobSettings& settings, host::JobGroup& group,
                         const host::KernelRoots& roots, Over over, Warn warn)
    : context_(context),
      limits_(limits),
      settings_(settings),
      group_(group),
      roots_(roots),
      over_(std::move(over)),
      warn_(std::move(warn)),
      wall_(context),
      cpu_timer_(context),
      stall_timer_(context) {}

double LimitTimers::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

void LimitTimers::after(Timer& timer, double seconds, std::function<void()> then) {
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds)));
  timer.async_wait([then = std::move(then)](const boost::system::error_code& code) {
    if (!code) then();
  });
}

void LimitTimers::start() {
  started_ = std::chrono::steady_clock::now();
  if (const Limit* wall = limits_.find(Resource::wall)) {
    after(wall_, wall->value, [this] { end_by(Resource::wall); });
    start_warnings(wall->value);
  }
  if (const Limit* cpu = limits_.find(Resource::cpu_time)) {
    cpu_.emplace(cpu->value, most_cpus(limits_));
    after(cpu_timer_, cpu_->next_delay(0), [this] { check_cpu(); });
  }
  if (const Limit* stall = limits_.find(Resource::stall)) {
    stall_.emplace(stall->value);
    check_stall();
  }
}

void LimitTimers::start_warnings(double wall_seconds) {
  for (const auto& warning : settings_.warnings) {
    if (!warning.seconds_before_wall) continue;
    warnings_.emplace_back(context_);
    after(warnings_.back(), std::max(0.0, wall_seconds - *warning.seconds_before_wall),
          [this, signal = warning.number] { warn_(signal); });
  }
}

void LimitTimers::cancel() {
  ended_ = true;
  wall_.cancel();
  cpu_timer_.cancel();
  stall_timer_.cancel();
  for (auto& timer : warnings_)
    timer.cancel();
}

void LimitTimers::end_by(Resource resource) {
  if (std::exchange(ended_, true)) return;
  cancel();
  over_(resource);
}

void LimitTimers::check_cpu() {
  if (ended_) return;
  const auto used = group_.cpu_seconds();
  if (used && cpu_->is_over(*used)) return end_by(Resource::cpu_time);
  after(cpu_timer_, used ? cpu_->next_delay(*used) : CpuWatch::kShortest, [this] { check_cpu(); });
}

void LimitTimers::check_stall() {
  if (ended_) return;
  const auto pids = group_.processes();
  const auto activity = pids ? host::activity_of(roots_, *pids) : 0;
  if (stall_->is_stalled(elapsed(), group_.cpu_seconds(), activity)) return end_by(Resource::stall);
  after(stall_timer_, stall_->interval(), [this] { check_stall(); });
}

}  // namespace jobward::launcher
