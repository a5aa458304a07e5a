#include "watchdog/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "common/files.h"
#include "host/observe/termination.h"
#include "watchdog/config_source.h"
#include "watchdog/journal_writer.h"
#include "watchdog/lock.h"
#include "watchdog/notify.h"
#include "watchdog/releaser.h"
#include "watchdog/resident.h"
#include "watchdog/state_directory.h"
#include "watchdog/watch.h"

namespace jobward::watchdog {
namespace {

void complain(const std::string& what) {
  std::fprintf(stderr, "jobward-watchdog: %s\n", what.c_str());
}

int cannot(const Error& error) {
  complain(error.message());
  return kCannot;
}

// What could not be had, in words for the start message; empty: everything.
std::string harden() {
  std::string out;
  const auto add = [&](const std::string& what) {
    const std::string why = std::strerror(errno);
    out += (out.empty() ? "" : "; ") + what + " (" + why + ")";
  };
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) add("not locked in memory");
  // To be heard among a thousand busy processes. Only root may.
  constexpr int kFirst = -20;
  if (::geteuid() == 0 && ::getpriority(PRIO_PROCESS, 0) > kFirst &&
      ::setpriority(PRIO_PROCESS, 0, kFirst) != 0)
    add("runs at the priority of others");
  const Fd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), "-1000", 5) != 5)
    add("the kernel's OOM killer may choose this process: oom_score_adj");
  return out;
}

// What rules cannot protect here, in words.
std::string blindness(const host::KernelRoots& roots) {
  constexpr unsigned kPtrace = 19;  // CAP_SYS_PTRACE
  const auto status = read_file(roots.proc + "/self/status");
  const auto at = status ? status->find("\nCapEff:") : std::string::npos;
  if (::geteuid() != 0 || at == std::string::npos) return {};
  const auto capabilities = std::strtoull(status->c_str() + at + 8, nullptr, 16);
  if ((capabilities >> kPtrace & 1U) != 0) return {};
  return "WITHOUT CAP_SYS_PTRACE NO RULE WITH exe: PROTECTS ANOTHER USER'S PROCESS: its program "
         "cannot be told";
}

// All that a running watchdog holds. Not moved once it is made: the parts refer to one another.
struct Parts {
  std::optional<Sensor> sensor;
  std::optional<Survey> survey;
  std::unique_ptr<JournalWriter> journal;
  std::optional<Hooks> hooks;
  Releaser releaser;
  std::optional<Report> report;
  std::string remarks;
  bool writes_journal = true;

  Status open(const Options& options, const Config& config, const host::KernelRoots& roots) {
    if (!host::open_process(::getpid()))
      return errno_error("hold a process (pidfd_open, Linux 5.3)", "of its own");
    auto made_sensor = Sensor::open(roots, options.within);
    if (!made_sensor) return tl::unexpected(std::move(made_sensor).error());
    sensor.emplace(std::move(*made_sensor));
    JOBWARD_RETURN_IF_ERROR(
        check_against(config, sensor->last().memory_total, sensor->last().swap_total));
    auto made_survey = Survey::open(roots, *sensor);
    if (!made_survey) return tl::unexpected(std::move(made_survey).error());
    survey.emplace(std::move(*made_survey));
    auto made_hooks = Hooks::start(config);
    if (!made_hooks) return tl::unexpected(std::move(made_hooks).error());
    hooks.emplace(std::move(*made_hooks));
    if (auto made_releaser = Releaser::start())
      releaser = std::move(*made_releaser);
    else
      note("memory comes back only as victims exit: " + made_releaser.error().message());
    open_journal(config);
    report.emplace(roots, journal.get(), &*hooks, options.json);
    return {};
  }

  void note(const std::string& words) {
    if (words.empty()) return;
    if (!remarks.empty()) remarks += "; ";
    remarks += words;
  }

 private:
  // Without a journal it watches all the same: memory does not wait for a disk.
  void open_journal(const Config& config) {
    if (!writes_journal) {
      note("not on record: the watchdog that runs has the journal");
      return;
    }
    ::mallopt(M_ARENA_MAX, 1);  // another arena reserves 64 MiB, too much to lock
    auto made = Journal::open(state_directory(config), config.journal_bytes, config.journal_files)
                    .and_then(JournalWriter::start);
    if (made)
      journal = std::move(*made);
    else
      note("NOTHING IS ON RECORD: " + made.error().message());
  }
};

Result<Fd> open_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP})
    ::sigaddset(&set, number);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return errno_error("block", "signals");
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);  // runners of hooks that have ended leave no zombies
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return errno_error("make", "a signalfd");
  return fd;
}

// Whoever started us (cron) waits until nobody has its pipes any more; from now on the journal
// tells.
void go_to_background(Fd ready) {
  (void)!::chdir("/");
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null)
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::dup2(null.get(), fd);
  (void)!::write(ready.get(), "r", 1);
}

bool same_journal(const Config& a, const Config& b) {
  return a.state_directory == b.state_directory && a.journal_bytes == b.journal_bytes &&
         a.journal_files == b.journal_files;
}

class Loop {
 public:
  Loop(const Options& options, Config config, const host::KernelRoots& roots, Parts& parts)
      : options_(options),
        config_(std::move(config)),
        parts_(parts),
        notify_(Notify::from_environment()),
        watch_(roots, *parts.sensor, *parts.survey, *parts.report, notify_, parts.releaser,
               options.dry_run) {}

  // `ready` gets one byte when the watchdog watches (--ensure).
  int run(const Fd& signals, Fd ready) {
    notify_.tell("READY=1");
    if (ready) {
      go_to_background(std::move(ready));
      // The runner has the caller's pipes as well.
      if (auto hooks = Hooks::start(config_)) *parts_.hooks = std::move(*hooks);
    }
    bool pressed = false;
    while (true) {
      const auto tick = watch_.tick(config_, pressed);
      notify_.beat();
      if (tick.failed && parts_.sensor->is_within()) static_cast<void>(parts_.sensor->reopen());
      double wait = tick.wait_seconds;
      if (notify_.tick_seconds() > 0) wait = std::min(wait, notify_.tick_seconds());
      const int number = wait_for(signals, wait, pressed);
      if (number == SIGHUP) reload();
      if (number == SIGTERM || number == SIGINT) {
        notify_.tell("STOPPING=1");
        parts_.report->stop(number == SIGTERM ? "SIGTERM" : "SIGINT");
        return 0;
      }
    }
  }

 private:
  // The signal that came; 0: none. `pressed`: the pressure trigger fired.
  int wait_for(const Fd& signals, double seconds, bool& pressed) {
    std::array<pollfd, 2> entries{pollfd{signals.get(), POLLIN, 0},
                                  pollfd{parts_.sensor->trigger(), POLLPRI, 0}};
    const int milliseconds = static_cast<int>(seconds * 1000);
    const int ready = ::poll(entries.data(), entries.size(), milliseconds);
    pressed = ready > 0 && (entries[1].revents & POLLPRI) != 0;
    // The cgroup of the trigger is gone.
    if (ready > 0 && (entries[1].revents & POLLERR) != 0) parts_.sensor->drop_trigger();
    if (ready <= 0 || (entries[0].revents & POLLIN) == 0) return 0;
    signalfd_siginfo info{};
    if (::read(signals.get(), &info, sizeof info) != sizeof info) return 0;
    return static_cast<int>(info.ssi_signo);
  }

  void reload() {
    notify_.tell("RELOADING=1");
    auto loaded = load_config(options_, config_places(), passwd_lookup("/etc/passwd"));
    if (loaded) {
      const auto& last = parts_.sensor->last();
      if (auto fits = check_against(loaded->config, last.memory_total, last.swap_total); !fits)
        loaded = tl::unexpected(std::move(fits).error());
    }
    if (loaded) {
      auto hooks = Hooks::start(loaded->config);
      if (hooks) {
        *parts_.hooks = std::move(*hooks);
        const bool as_before = same_journal(config_, loaded->config);
        config_ = std::move(loaded->config);
        parts_.sensor->find_enclosing();
        parts_.report->reloaded(
            config_, *parts_.sensor,
            as_before ? "" : "; what it says of the journal holds from the next start");
      } else {
        parts_.report->reload_refused(hooks.error().message());
      }
    } else {
      parts_.report->reload_refused(loaded.error().message());
    }
    notify_.tell("READY=1");
  }

  const Options& options_;
  Config config_;
  Parts& parts_;
  Notify notify_;
  Watch watch_;
};

std::string swap_remark(const Config& config, const Sensor& sensor) {
  if (!config.swap_was_set || sensor.last().swap_total > 0) return {};
  return "the thresholds for swap are ignored: there is no swap";
}

// Two that act at once would take two victims for one.
// To stdout: cron mails what is on stderr, each minute.
int leave_to_other(const Lock& lock, bool json) {
  if (json) return kNothingToDo;
  const std::string who = lock.holder_role == Role::once ? "another check is going on ("
                                                         : "the watchdog runs already (";
  std::printf("nothing done: %s%s)%s\n", who.c_str(), holder_words(lock).c_str(),
              lock.holder_role == Role::once ? "" : " and acts by itself");
  return kNothingToDo;
}

}  // namespace

int run_once(const Options& options, const Config& config, const host::KernelRoots& roots) {
  ::signal(SIGPIPE, SIG_IGN);
  auto lock = take_lock(state_directory(config), Role::once);
  const bool is_other = lock && !lock->file;
  if (is_other && !options.dry_run && options.within.empty())
    return leave_to_other(*lock, options.json);
  Parts parts;
  // Two that write would write over each other's lines.
  parts.writes_journal = !is_other;
  if (auto opened = parts.open(options, config, roots); !opened) return cannot(opened.error());
  harden();
  for (const auto& words : {parts.remarks, swap_remark(config, *parts.sensor)})
    if (!words.empty()) complain("WARN: " + words);
  Notify nobody;
  Watch watch(roots, *parts.sensor, *parts.survey, *parts.report, nobody, parts.releaser,
              options.dry_run);
  // Cron comes again: a bound on what one call may end.
  constexpr int kMostActions = 32;
  bool acted = false;
  for (int i = 0; i < kMostActions; ++i) {
    const auto tick = watch.tick(config, true);
    if (tick.failed) return kCannot;
    acted = acted || tick.acted;
    if ((!tick.acted && !tick.missed) || options.dry_run) break;
  }
  parts.hooks->finish();
  return acted ? kActed : kNothingToDo;
}

namespace {

int not_started(const Lock& lock, const Config& config) {
  complain((lock.holder_role == Role::once
                ? "not started: a check has been going on for two minutes: "
                : "it runs already: ") +
           holder_words(lock) + " holds " + state_directory(config) + "/lock");
  return kCannot;
}

// `lock`: taken already, or why it could not be.
int serve(const Options& options, const Config& config, const host::KernelRoots& roots,
          Result<Lock> lock, Fd ready) {
  Parts parts;
  if (lock && !lock->file) return not_started(*lock, config);
  if (!lock) parts.note("another one may be started beside it: " + lock.error().message());
  auto signals = open_signals();
  if (!signals) return cannot(signals.error());
  if (auto opened = parts.open(options, config, roots); !opened) return cannot(opened.error());
  parts.note(parts.sensor->trigger_words());
  parts.note(swap_remark(config, *parts.sensor));
  if (::geteuid() != 0) parts.note("not root: only this user's processes are ended");
  if (options.dry_run) parts.note("dry run: nothing is signalled");
  parts.note(blindness(roots));
  parts.note(harden());
  parts.report->start(config, *parts.sensor, parts.remarks);
  // Else the thread would bring back what is let go of.
  for (int left_ms = 1000; parts.journal && !parts.journal->is_idle() && left_ms > 0; --left_ms)
    ::usleep(1000);
  // Everything that a kill needs is walked through once, so that it is there when memory is short.
  keep_only_what_acts();
  parts.survey->find_victim(config, parts.sensor->last());
  parts.survey->complete(config, Survey::kMost);
  Loop loop(options, config, roots, parts);
  return loop.run(*signals, std::move(ready));
}

// What the child that was started in the background has come to.
int await_start(pid_t child, const Fd& ready) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(ready.get(), &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) return kNothingToDo;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  complain("the watchdog did not start");
  return kCannot;
}

}  // namespace

int run_daemon(const Options& options, const Config& config, const host::KernelRoots& roots) {
  return serve(options, config, roots, take_lock(state_directory(config), Role::daemon), Fd());
}

int ensure_daemon(const Options& options, const Config& config, const host::KernelRoots& roots) {
  // Handed on to the child, so that nobody comes in between.
  auto lock = take_lock(state_directory(config), Role::daemon);
  if (!lock) return cannot(lock.error());
  if (!lock->file)
    return lock->holder_role == Role::once ? not_started(*lock, config) : kNothingToDo;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return cannot(errno_error("make", "a pipe").value());
  Fd reads(ends[0]);
  Fd writes(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return cannot(errno_error("start", "the watchdog").value());
  if (child == 0) {
    reads.reset();
    ::setsid();
    if (auto named = name_holder(lock->file, Role::daemon); !named) ::_exit(cannot(named.error()));
    ::_exit(serve(options, config, roots, std::move(lock), std::move(writes)));
  }
  writes.reset();
  lock->file.reset();
  return await_start(child, reads);
}

}  // namespace jobward::watchdog
