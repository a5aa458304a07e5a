// The clocks of a run: wall, CPU time and stall limits, and the warnings before the wall limit.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <optional>

#include "common/job_types.h"
#include "host/backends/backend.h"
#include "host/observe/kernel_roots.h"
#include "launcher/limit_watch.h"

namespace jobward::launcher {

// Runs in the thread of the io_context. Calls `over` with the limit that was reached (once), `warn`
// with the signal to send. Everything passed in must outlive it.
class LimitTimers {
 public:
  using Over = std::function<void(Resource)>;
  using Warn = std::function<void(int signal)>;
  LimitTimers(boost::asio::io_context& context, const Limits& limits, const JobSettings& settings,
              host::JobGroup& group, const host::KernelRoots& roots, Over over, Warn warn);
  void start();
  void cancel();

 private:
  using Timer = boost::asio::steady_timer;
  void after(Timer& timer, double seconds, std::function<void()> then);
  void end_by(Resource resource);
  void start_warnings(double wall_seconds);
  void check_cpu();
  void check_stall();
  [[nodiscard]] double elapsed() const;

  boost::asio::io_context& context_;
  const Limits& limits_;
  const JobSettings& settings_;
  host::JobGroup& group_;
  const host::KernelRoots& roots_;
  Over over_;
  Warn warn_;
  std::chrono::steady_clock::time_point started_;
  Timer wall_;
  Timer cpu_timer_;
  Timer stall_timer_;
  std::list<Timer> warnings_;
  std::optional<CpuWatch> cpu_;
  std::optional<StallWatch> stall_;
  bool ended_ = false;
};

}  // namespace jobward::launcher
