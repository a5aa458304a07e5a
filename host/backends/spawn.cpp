#include "host/backends/spawn.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/fault.h"
#include "common/text.h"
#include "host/backends/clone_child.h"

namespace jobward::host {
namespace {

struct ChildReport {
  SpawnFailure::Stage stage;
  int errnum;
};

// All that the child needs, prepared before the clone: it may not allocate.
struct ChildPlan {
  char* const* argv;
  char* const* environment;
  const int* task_files;
  std::size_t task_count;
  const char* oom_file;  // null: leave it
  const char* oom_text;
  bool oom_must_hold;
  const int* nice;           // null: leave it
  const rlimit* open_files;  // null: leave it
  bool die_with_supervisor;
  bool ignore_children;
  pid_t supervisor;
  const sigset_t* mask;
  int report_fd;
  ChildReport* shared_report;  // the same as through the pipe, where memory is shared: a full
                               // cgroup cannot write
};

[[noreturn]] void give_up(const ChildPlan& plan, SpawnFailure::Stage stage) {
  const ChildReport report{stage, errno};
  *plan.shared_report = report;
  static_cast<void>(::write(plan.report_fd, &report, sizeof report));
  ::_exit(127);
}

bool set_oom_score(const ChildPlan& plan) {
  const int fd = ::open(plan.oom_file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, plan.oom_text, std::strlen(plan.oom_text)) > 0;
  const int failure = errno;
  ::close(fd);
  errno = failure;
  return written;
}

// Runs in the child, which shares our memory until it execs: async-signal-safe calls only, no
// allocation.
[[noreturn]] void run_child(const void* argument) {
  const auto& plan = *static_cast<const ChildPlan*>(argument);
  using Stage = SpawnFailure::Stage;
  ::prctl(PR_SET_NAME, kNameBeforeExec);
  JOBWARD_FAULT_IN_CHILD(child_born, plan.supervisor);
  if (plan.die_with_supervisor) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan, Stage::place);
    // It may have died before the request took effect.
    if (::getppid() != plan.supervisor) ::_exit(127);
  }
  if (plan.ignore_children) ::signal(SIGCHLD, SIG_IGN);
  for (std::size_t i = 0; i < plan.task_count; ++i)
    if (::write(plan.task_files[i], "0", 1) != 1) give_up(plan, Stage::place);
  if (plan.oom_file != nullptr && !set_oom_score(plan) && plan.oom_must_hold)
    give_up(plan, Stage::oom_score);
  if (plan.nice != nullptr && ::setpriority(PRIO_PROCESS, 0, *plan.nice) != 0)
    give_up(plan, Stage::nice);
  if (plan.open_files != nullptr && ::setrlimit(RLIMIT_NOFILE, plan.open_files) != 0)
    give_up(plan, Stage::open_files);
  if (::sigprocmask(SIG_SETMASK, plan.mask, nullptr) != 0) give_up(plan, Stage::place);
  JOBWARD_FAULT_IN_CHILD(child_ready, plan.supervisor);
  ::execvpe(plan.argv[0], plan.argv, plan.environment);
  give_up(plan, Stage::execute);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const auto& word : words)
    out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

// execvpe builds paths and, for a script without "#!", a new argv on the stack.
std::size_t stack_for(const SpawnRequest& request) {
  constexpr std::size_t kBase = 256U << 10U;
  constexpr std::size_t kPage = 4096;
  const std::size_t pointers_size = (request.argv.size() + 2) * sizeof(char*);
  return kBase + (pointers_size / kPage + 1) * kPage;
}

}  // namespace

tl::expected<Spawned, SpawnFailure> spawn(const SpawnRequest& request) {
  using Stage = SpawnFailure::Stage;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return tl::unexpected(SpawnFailure{Stage::clone, errno});
  Fd reader(ends[0]);
  Fd writer(ends[1]);

  const auto argv = pointers(request.argv);
  const auto environment = pointers(request.environment);
  std::array<char, 16> oom_text{};
  if (request.oom_score_adj)
    std::snprintf(oom_text.data(), oom_text.size(), "%d", *request.oom_score_adj);
  ChildReport shared{};
  const int nice = request.nice.value_or(0);
  const rlimit open_files{request.open_files.value_or(0), request.open_files.value_or(0)};
  const ChildPlan plan{argv.data(),
                       environment.data(),
                       request.birth.v1_task_files.data(),
                       request.birth.v1_task_files.size(),
                       request.oom_score_adj ? request.oom_score_adj_file.c_str() : nullptr,
                       oom_text.data(),
                       request.oom_score_must_hold,
                       request.nice ? &nice : nullptr,
                       request.open_files ? &open_files : nullptr,
                       request.die_with_supervisor,
                       request.ignore_children,
                       ::getpid(),
                       &request.signal_mask,
                       writer.get(),
                       &shared};
  int pidfd = -1;
  const pid_t pid =
      clone_child(request.birth.v2_directory, &pidfd, stack_for(request), run_child, &plan);
  if (pid < 0) return tl::unexpected(SpawnFailure{Stage::clone, errno});

  Spawned spawned{pid, Fd(pidfd)};
  writer.reset();
  ChildReport report{};
  ssize_t got = 0;
  do {
    got = ::read(reader.get(), &report, sizeof report);
  } while (got < 0 && errno == EINTR);
  if (got == 0 && shared.errnum == 0) return spawned;  // closed by exec
  if (got != sizeof report) report = shared;
  ::waitpid(pid, nullptr, 0);
  return tl::unexpected(SpawnFailure{report.stage, report.errnum});
}

bool can_be_found(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), F_OK) == 0;
  const char* path = std::getenv("PATH");
  for (const auto directory : split(path != nullptr ? path : "/bin:/usr/bin", ':'))
    if (::access((std::string(directory.empty() ? "." : directory) + "/" + program).c_str(),
                 X_OK) == 0)
      return true;
  return false;
}

}  // namespace jobward::host
