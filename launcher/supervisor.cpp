// Theory of operation. One thread, one Asio loop. Ready descriptors: the main process's pidfd (it
// ended), a signalfd (somebody signals us, a child changed state), the v1 OOM eventfd. Timers: the
// next memory sample, the limits on time (LimitTimers), the grace after TERM. The loop stops when
// the main process has been reaped.
//
// Signals. The job is in our process group, so what the terminal sends (si_code SI_KERNEL) reaches
// it without us; what a process sends to our pid alone has to be passed on. A kill(1) of the whole
// group cannot be told from that: the job may then see the signal twice.
#include "launcher/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>

#include "common/fault.h"
#include "common/log.h"
#include "host/backends/drain.h"
#include "host/observe/process.h"
#include "launcher/limit_timers.h"
#include "launcher/membership.h"
#include "launcher/polled_limits.h"

namespace jobward::launcher {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;

// Taken, but about ourselves: not for the job.
constexpr std::array kNotForwarded{SIGCHLD, SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGWINCH, SIGURG};

bool is_stop_request(int signal) {
  return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

bool is_forwarded(int signal) {
  return std::find(kNotForwarded.begin(), kNotForwarded.end(), signal) == kNotForwarded.end();
}

constexpr double kRestCheck = 0.02;  // s
constexpr int kSignalPatienceMs = 250;
// How often processes are counted where nobody else holds their limit.
constexpr double kProcessCheck = 0.05;
// How often it is looked at what no event tells of.
constexpr double kLookAround = 1.0;
// After an OOM event the kernel's counter follows within a moment: looked at every 2 ms, 50 times.
constexpr double kOomCheck = 0.002;
constexpr int kOomChecks = 50;
// How far below its limit a job may be while it is out of memory: the charges that each CPU holds
// ready (64 pages: mm/memcontrol.c, MEMCG_CHARGE_BATCH) and a failed allocation of a huge page.
constexpr double kAtLimit = 4 << 20;

bool has_terminal() {
  const Fd terminal(::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY));
  return static_cast<bool>(terminal);
}

class Loop {
 public:
  Loop(const SupervisorOrder& order, NeedTracker& tracker)
      : order_(order),
        tracker_(tracker),
        pidfd_(context_),
        signals_(context_),
        oom_(context_),
        hold_(context_),
        membership_(order.group, order.roots, order.child.pid),
        sample_timer_(context_),
        grace_timer_(context_),
        timers_(
            context_, order.limits, order.settings, order.group, order.roots,
            [this](Resource resource) { end_by(resource); }, [this](int signal) { warn(signal); }),
        polled_(polled_limits(order.limits, order.enforcement)),
        warnings_(order.settings.warnings),
        logs_(order.logs) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  ~Loop() {
    // Borrowed descriptors: Asio must not close them.
    if (pidfd_.is_open()) static_cast<void>(pidfd_.release());
    if (oom_.is_open()) static_cast<void>(oom_.release());
    if (hold_.is_open()) static_cast<void>(hold_.release());
  }

  Result<Supervision> run() {
    const int fd = ::signalfd(-1, &order_.signals.blocked(), SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return abandon(errno_error("watch", "signals"));
    signals_.assign(fd);
    pidfd_.assign(order_.child.pidfd.get());
    if (order_.group.oom_event() >= 0) oom_.assign(order_.group.oom_event());
    if (order_.elastic != nullptr) hold_.assign(order_.elastic->event());
    started_ = Clock::now();
    look_around();
    wait_main();
    wait_signals();
    if (oom_.is_open()) wait_oom();
    if (hold_.is_open()) wait_hold();
    arm_sample(tracker_.next_delay());
    timers_.start();
    context_.run();
    if (failure_) return abandon(tl::unexpected(std::move(*failure_)));
    return seen_;
  }

 private:
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }
  static Clock::duration to_duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  Result<Supervision> abandon(tl::unexpected<Error> why) {
    kill_all();
    ::waitpid(order_.child.pid, nullptr, 0);
    return why;
  }

  void wait_main() {
    pidfd_.async_wait(Descriptor::wait_read, [this](const ErrorCode& code) {
      if (!code) reap_main();
    });
  }

  void reap_main() {
    seen_.died_before_exec = died_before_exec();
    int status = 0;
    if (::waitpid(order_.child.pid, &status, 0) < 0) {
      failure_ = Error{"wait for", "the job's main process", errno, {}, {}};
    } else if (WIFSIGNALED(status)) {
      seen_.main.signal = WTERMSIG(status);
    } else {
      seen_.main.code = WEXITSTATUS(status);
    }
    seen_.wall_seconds = elapsed();
    main_ended_ = true;
    JOBWARD_FAULT(main_ended);
    catch_up_with_signals();
    logs_.look(elapsed());
    seen_.problem = logs_.problem();
    timers_.cancel();
    // The grace after a limit is for the whole job: a script's child may be writing its checkpoint.
    const bool grace = (seen_.ended_by || seen_.stop_request) && !grace_over_;
    if (grace && !failure_) return wait_for_rest();
    context_.stop();
  }

  // Whoever stops us together with the job (systemd, a terminal that goes away) signals one after
  // the other: the job may be gone before our own signal is here, and would seem to have been
  // killed by somebody else.
  void catch_up_with_signals() {
    pollfd entry{signals_.native_handle(), POLLIN, 0};
    const bool likely = is_stop_request(seen_.main.signal) && !seen_.stop_signal;
    if (::poll(&entry, 1, likely ? kSignalPatienceMs : 0) <= 0) return;
    signalfd_siginfo info{};
    while (::read(signals_.native_handle(), &info, sizeof info) == sizeof info)
      if (const int signal = static_cast<int>(info.ssi_signo); is_stop_request(signal))
        seen_.stop_signal = signal;
  }

  // A limit of memory may be too small even to load the program: the child is killed within execve,
  // and still has the name that spawn() gave it.
  bool died_before_exec() const {
    siginfo_t info{};
    const auto main = static_cast<id_t>(order_.child.pid);
    if (::waitid(P_PID, main, &info, WEXITED | WNOWAIT) != 0 || info.si_code == CLD_EXITED)
      return false;
    return host::name_of(order_.roots, order_.child.pid) == host::kNameBeforeExec;
  }

  // Polled: no event tells of the end of the last process on every kind of cgroup, and this is rare
  // and bounded.
  void wait_for_rest() {
    const auto left = order_.group.signal_all(0);
    if (grace_over_ || !left || *left == 0) return context_.stop();
    sample_timer_.expires_after(to_duration(kRestCheck));
    sample_timer_.async_wait([this](const ErrorCode& code) {
      if (!code) wait_for_rest();
    });
  }

  void wait_signals() {
    signals_.async_wait(Descriptor::wait_read, [this](const ErrorCode& code) {
      if (code) return;
      signalfd_siginfo info{};
      while (::read(signals_.native_handle(), &info, sizeof info) == sizeof info)
        take_signal(info);
      wait_signals();
    });
  }

  void take_signal(const signalfd_siginfo& info) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) return children_changed();
    if (signal == stop_request_signal()) return stop_job(info.ssi_uid);
    if (is_stop_request(signal)) seen_.stop_signal = signal;
    const bool from_terminal = info.ssi_code == SI_KERNEL;
    if (!is_forwarded(signal) || from_terminal) return;
    log::debug("forwarding " + signal_name(signal));
    if (auto sent = host::send_signal(order_.child.pidfd, signal);
        !sent && sent.error().errnum != ESRCH)
      log::warn(sent.error().message());
  }

  // `jobward stop`. A second one does not wait for the grace.
  void stop_job(unsigned uid) {
    if (seen_.stop_request) return kill_all();
    seen_.stop_request = uid;
    signal_all(SIGTERM);
    signal_all(SIGCONT);
    arm_grace();
  }

  // A stop of the main process, and orphans of the job that we inherited as their subreaper.
  void children_changed() {
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
           info.si_pid != order_.child.pid) {
      ::waitpid(info.si_pid, nullptr, WNOHANG);
      info = {};
    }
    info = {};
    const auto main = static_cast<id_t>(order_.child.pid);
    if (::waitid(P_PID, main, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid != 0)
      job_stopped(info.si_status);
  }

  // Only with a terminal, where somebody can continue us, and as terminals stop jobs: a job must
  // not get rid of its supervisor by a SIGSTOP to itself. While we are stopped nobody holds what is
  // polled, so all of the job stops then. The SIGCONT that ends the stop comes through the signalfd
  // and is passed on.
  void job_stopped(int signal) {
    const bool by_terminal = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
    if (!by_terminal || !has_terminal()) return;
    if (polled_.any()) signal_all(SIGSTOP);
    stop_self();
    if (polled_.any()) signal_all(SIGCONT);
  }

  void wait_oom() {
    oom_.async_wait(Descriptor::wait_read, [this](const ErrorCode& code) {
      if (code) return;
      std::uint64_t count = 0;
      static_cast<void>(::read(oom_.native_handle(), &count, sizeof count));
      oom_checks_ = kOomChecks;
      answer_oom();
      arm_sample(kOomCheck);
      wait_oom();
    });
  }

  // v1 has no oom.group: the kernel kills one process, we the rest. An ancestor's OOM is announced
  // here as well; then the job dies only once the kernel took one of its processes.
  void answer_oom() {
    const bool held = order_.elastic != nullptr && order_.elastic->is_active();
    if (order_.group.counters().kills == 0 && (held || !is_at_limit())) return;
    oom_checks_ = 0;
    if (!order_.settings.oom_kills_job) return;  // the kernel has taken one process
    seen_.killed_for_memory = true;
    kill_all();
  }

  bool is_at_limit() {
    const auto limit = memory_limit();
    const auto sample = order_.group.sample();
    return limit && sample && static_cast<double>(sample->current) + kAtLimit >= *limit &&
           static_cast<double>(sample->need()) + kAtLimit >= *limit;
  }

  std::optional<double> memory_limit() const {
    if (order_.elastic != nullptr) return order_.elastic->limit();
    const auto* limit = order_.limits.find(Resource::memory);
    return limit != nullptr ? std::optional(limit->value) : std::nullopt;
  }

  void wait_hold() {
    hold_.async_wait(Descriptor::wait_read, [this](const ErrorCode& code) {
      if (code || main_ended_) return;
      order_.elastic->take_event();
      if (const auto sample = order_.group.sample()) {
        tracker_.add(elapsed(), *sample);
        order_.elastic->look(elapsed(), *sample);
      }
      wait_hold();
    });
  }

  void arm_sample(double seconds) {
    sample_timer_.expires_after(to_duration(seconds));
    sample_timer_.async_wait([this](const ErrorCode& code) {
      if (!code) take_sample();
    });
  }

  void take_sample() {
    if (main_ended_) return;
    if (oom_checks_ > 0) answer_oom();
    auto sample = order_.group.sample();
    if (!sample) {
      // Without samples the kernel's limit still holds; a polled one does not.
      log::warn(sample.error().message());
      if (polled_.memory) return fail(std::move(sample).error());
      return arm_sample(SamplingPace::kLongest);
    }
    tracker_.add(elapsed(), *sample);
    JOBWARD_FAULT(running);
    if (order_.elastic != nullptr) order_.elastic->look(elapsed(), *sample);
    look_around();
    hold_polled(*sample);
    warn_of_memory(*sample);
    if (oom_checks_ > 0) --oom_checks_;
    arm_sample(oom_checks_ > 0 ? kOomCheck : next_look());
  }

  double next_look() {
    const double next = std::min(tracker_.next_delay(), logs_.look(elapsed()));
    return polled_.processes ? std::min(next, kProcessCheck) : next;
  }

  void hold_polled(const host::MemorySample& sample) {
    if (polled_.is_over_memory(sample)) {
      seen_.killed_for_memory = true;
      if (order_.settings.oom_kills_job)
        kill_all();
      else
        kill_largest(order_.group, order_.roots);
    }
    if (polled_.is_over_processes(sample)) {
      seen_.killed_for_processes = true;
      kill_all();
    }
  }

  void warn_of_memory(const host::MemorySample& sample) {
    const auto limit = memory_limit();
    // An elastic limit ends nothing as long as it can be raised.
    if (!limit || (order_.elastic != nullptr && order_.elastic->is_active())) return;
    std::erase_if(warnings_, [&](const WarnSignal& warning) {
      const bool due = warning.memory_share &&
                       static_cast<double>(sample.need()) >= *warning.memory_share * *limit;
      if (due) warn(warning.number);
      return due;
    });
  }

  void warn(int signal) {
    log::debug("warning the job with " + signal_name(signal));
    static_cast<void>(host::send_signal(order_.child.pidfd, signal));
  }

  // What is no event anywhere, once a second.
  void look_around() {
    const double now = elapsed();
    if (now - looked_ < kLookAround) return;
    looked_ = now;
    if (seen_.left_for.empty()) seen_.left_for = membership_.left_for();
    // v1 announces only the job's own OOM and those of what encloses it: after one of the whole
    // machine the rest of the job goes, too.
    if (oom_.is_open() && order_.settings.oom_kills_job && order_.group.counters().kills > 0) {
      seen_.killed_for_memory = true;
      kill_all();
    }
  }

  void end_by(Resource resource) {
    seen_.ended_by = resource;
    signal_all(SIGTERM);
    signal_all(SIGCONT);  // a stopped job cannot answer TERM
    arm_grace();
  }

  void arm_grace() {
    grace_timer_.expires_after(to_duration(order_.grace_seconds));
    grace_timer_.async_wait([this](const ErrorCode& code) {
      if (code) return;
      grace_over_ = true;
      kill_all();
    });
  }

  void signal_all(int signal) {
    if (auto sent = order_.group.signal_all(signal); !sent) log::warn(sent.error().message());
  }
  void kill_all() {
    signal_all(SIGKILL);
    // The main process is named by its pidfd whatever became of the group.
    static_cast<void>(host::send_signal(order_.child.pidfd, SIGKILL));
  }

  void fail(Error why) {
    failure_ = std::move(why);
    context_.stop();
  }

  const SupervisorOrder& order_;
  NeedTracker& tracker_;
  asio::io_context context_{1};
  Descriptor pidfd_;
  Descriptor signals_;
  Descriptor oom_;
  Descriptor hold_;
  Membership membership_;
  asio::steady_timer sample_timer_;
  asio::steady_timer grace_timer_;
  LimitTimers timers_;
  PolledLimits polled_;
  std::vector<WarnSignal> warnings_;  // those not given yet
  LogCap logs_;
  Clock::time_point started_;
  Supervision seen_;
  int oom_checks_ = 0;  // how often the counters are still looked at after an OOM event
  double looked_ = -kLookAround;
  bool main_ended_ = false;
  bool grace_over_ = false;
  std::optional<Error> failure_;
};

}  // namespace

Result<Supervision> supervise(const SupervisorOrder& order, NeedTracker& tracker) {
  Loop loop(order, tracker);
  return loop.run();
}

}  // namespace jobward::launcher
