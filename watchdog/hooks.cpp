#include "watchdog/hooks.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "host/observe/termination.h"

extern char** environ;

namespace jobward::watchdog {
namespace {

constexpr std::size_t kLongestMessage = 65536;

// What the watchdog is spared, its hooks are not: -1000 and the priority are inherited.
void become_ordinary() {
  ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  if (const Fd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); file)
    (void)!::write(file.get(), "0", 1);
  if (::getpriority(PRIO_PROCESS, 0) < 0) ::setpriority(PRIO_PROCESS, 0, 0);
  ::munlockall();
  ::prctl(PR_SET_NAME, "watchdog-hooks");
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // stdout is for --json
}

void say(const Hook& hook, const char* what, int errnum) {
  std::fprintf(stderr, "jobward-watchdog: WARN: hook %s: %s%s%s\n", hook.argv[0].c_str(), what,
               errnum != 0 ? ": " : "", errnum != 0 ? std::strerror(errnum) : "");
}

// The lock and the sockets of earlier runners above all: whoever waits for their end would wait for
// us.
void close_all_but(int kept) {
  const auto close_from_to = [](unsigned from, unsigned to) {
    if (from > to || ::syscall(SYS_close_range, from, to, 0) == 0) return;
    constexpr unsigned kMost = 1024;  // before Linux 5.9
    for (unsigned fd = from; fd <= std::min(to, kMost); ++fd)
      ::close(static_cast<int>(fd));
  };
  const auto middle = static_cast<unsigned>(kept);
  close_from_to(STDERR_FILENO + 1, middle - 1);
  close_from_to(middle + 1, ~0U);
}

// The line as the hook's standard input. A file in memory: no hook that does not read can block us.
Fd as_input(std::string_view line) {
  Fd file(::memfd_create("jobward-watchdog-event", MFD_CLOEXEC));
  if (!file || ::write(file.get(), line.data(), line.size()) < 0) return {};
  (void)!::write(file.get(), "\n", 1);
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

void run(const Hook& hook, std::string_view line, double timeout_seconds) {
  const Fd input = as_input(line);
  if (!input) return say(hook, "cannot pass the event", errno);
  std::vector<char*> argv;
  for (const auto& word : hook.argv)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, input.get(), STDIN_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, argv[0], &files, &attributes, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) return say(hook, "cannot be run", failed);
  const auto process = host::open_process(pid);
  if (process && !host::has_exited(process, static_cast<int>(timeout_seconds * 1000))) {
    ::kill(-pid, SIGKILL);
    say(hook, "killed: its time was over", 0);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) say(hook, "ended with an error", 0);
}

[[noreturn]] void serve(const Fd& socket, const Config& config) {
  become_ordinary();
  std::vector<char> message(kLongestMessage);
  while (true) {
    const ssize_t size = ::recv(socket.get(), message.data(), message.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) ::_exit(0);
    const bool before = message[0] == 'b';
    run(before ? config.hook_before : config.hook_after,
        {message.data() + 1, static_cast<std::size_t>(size) - 1}, config.hook_timeout_seconds);
  }
}

}  // namespace

Result<Hooks> Hooks::start(const Config& config) {
  Hooks out;
  out.has_before_ = !config.hook_before.argv.empty();
  out.has_after_ = !config.hook_after.argv.empty();
  if (!out.has_before_ && !out.has_after_) return out;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_error("make", "a socket for hooks");
  out.socket_ = Fd(ends[0]);
  out.timeout_seconds_ = config.hook_timeout_seconds;
  Fd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return errno_error("start", "the runner of hooks");
  if (child == 0) {
    close_all_but(theirs.get());
    serve(theirs, config);
  }
  out.runner_ = host::open_process(child);
  return out;
}

void Hooks::finish() {
  socket_.reset();
  if (!runner_ || told_ == 0) return;
  constexpr double kToStart = 1;  // a program each
  const double seconds = told_ * (timeout_seconds_ + kToStart);
  static_cast<void>(host::has_exited(runner_, static_cast<int>(seconds * 1000)));
}

bool Hooks::tell(HookMoment moment, std::string_view line) {
  const bool wanted = moment == HookMoment::before ? has_before_ : has_after_;
  if (!wanted || !socket_) return true;
  char kind = moment == HookMoment::before ? 'b' : 'a';
  iovec parts[2] = {{&kind, 1}, {const_cast<char*>(line.data()), line.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
  ++told_;
  return true;
}

}  // namespace jobward::watchdog
