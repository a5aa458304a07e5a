#include "host/backends/spawn.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/files.h"
#include "common/text.h"
#include "host/observe/process.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/host/ordinary_user.h"

using namespace jobward;
using namespace jobward::host;
using test::TemporaryDirectory;
using Words = std::vector<std::string>;
using Stage = SpawnFailure::Stage;

namespace {

SpawnRequest request(const Words& argv) {
  SpawnRequest out;
  out.argv = argv;
  out.environment = {"PATH=/usr/bin:/bin"};
  ::sigemptyset(&out.signal_mask);
  return out;
}

// A spawned process, killed and reaped at the end.
class Started {
 public:
  explicit Started(const SpawnRequest& wanted) {
    auto spawned = spawn(wanted);
    if (!spawned)
      throw std::runtime_error("spawn: errno " + std::to_string(spawned.error().errnum));
    child_ = std::move(*spawned);
  }
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;
  ~Started() {
    if (child_.pid > 0 && send_signal(child_.pidfd, SIGKILL)) wait();
  }
  [[nodiscard]] const Spawned& child() const { return child_; }
  int wait(int options = 0) {
    int status = 0;
    ::waitpid(child_.pid, &status, options);
    if (!WIFSTOPPED(status)) child_.pid = 0;
    return status;
  }
  [[nodiscard]] std::string proc(const std::string& file) const {
    return read_file("/proc/" + std::to_string(child_.pid) + "/" + file).value();
  }

 private:
  Spawned child_;
};

// A shell that has stopped itself: all of it can be looked at.
const Words kStopped{"/bin/sh", "-c", "kill -STOP $$"};

SpawnFailure failure(const SpawnRequest& wanted) {
  auto spawned = spawn(wanted);
  if (spawned) {
    ::waitpid(spawned->pid, nullptr, 0);
    FAIL("it started");
  }
  return spawned.error();
}

std::set<int> descriptors(const std::string& directory, bool inheritable_only) {
  std::set<int> out;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const int fd = std::stoi(entry.path().filename());
    if (!inheritable_only || (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) out.insert(fd);
  }
  return out;
}

std::string blocked_signals(const std::string& status) {
  const auto at = status.find("SigBlk:\t");
  return status.substr(at + 8, 16);
}

volatile sig_atomic_t g_handled = 0;
void handle(int) { g_handled = 1; }

// Spawns so that the child gets SIGXFSZ before it execs, while this process has a handler for it.
Spawned spawn_with_early_signal(const SpawnRequest& wanted) {
  sigset_t blocked;
  sigset_t mask_before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGXFSZ);
  ::sigprocmask(SIG_BLOCK, &blocked, &mask_before);
  struct sigaction action {};
  struct sigaction action_before {};
  action.sa_handler = &handle;
  ::sigaction(SIGXFSZ, &action, &action_before);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &none);  // writing the oom score raises SIGXFSZ in the child
  auto spawned = spawn(wanted);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::sigaction(SIGXFSZ, &action_before, nullptr);
  ::sigprocmask(SIG_SETMASK, &mask_before, nullptr);
  if (!spawned) throw std::runtime_error("it did not start");
  return std::move(*spawned);
}

// "Max open files   SOFT   HARD   files" of /proc/PID/limits, without the names.
Words open_files_of(const std::string& limits) {
  constexpr std::string_view kName = "Max open files";
  for (const auto line : split(limits, '\n')) {
    if (line.substr(0, kName.size()) != kName) continue;
    Words out;
    for (const auto word : split(line.substr(kName.size()), ' '))
      if (!word.empty()) out.emplace_back(word);
    return out;
  }
  return {};
}

// A failure in one number that is not 0.
int encoded(Stage stage, int errnum) { return (static_cast<int>(stage) + 1) * 1000 + errnum; }

int spawned_as_what(const SpawnRequest& wanted) {
  const auto spawned = spawn(wanted);
  if (!spawned) return encoded(spawned.error().stage, spawned.error().errnum);
  ::waitpid(spawned->pid, nullptr, 0);
  return 0;
}

void check_no_child_is_left() {
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

}  // namespace

TEST_CASE("spawn: A program that is not there fails at execute with ENOENT, reaped") {
  for (const auto* program : {"jobward-no-such-program", "/no/such/program"}) {
    const auto failed = failure(request({program}));
    CHECK(failed.stage == Stage::execute);
    CHECK(failed.errnum == ENOENT);
    check_no_child_is_left();
  }
}

TEST_CASE("spawn: A file that is not executable and a directory fail with EACCES") {
  const TemporaryDirectory dir;
  for (const auto& program : {dir.write("plain", "#!/bin/sh\n"), dir.path()}) {
    const auto failed = failure(request({program}));
    CHECK(failed.stage == Stage::execute);
    CHECK(failed.errnum == EACCES);
  }
  check_no_child_is_left();
}

TEST_CASE("spawn: The exit status is the command's own") {
  Started started(request({"sh", "-c", "exit 7"}));
  const int status = started.wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 7));
}

TEST_CASE("spawn: A script without an interpreter line is run by the shell, as execvp does") {
  const TemporaryDirectory dir;
  Started started(request({dir.write_executable("script", "exit 9\n")}));
  CHECK(WEXITSTATUS(started.wait()) == 9);
}

TEST_CASE("spawn: The pidfd is that of the child and is not inherited") {
  Started started(request(kStopped));
  started.wait(WUNTRACED);
  CHECK((::fcntl(started.child().pidfd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(send_signal(started.child().pidfd, SIGKILL));
  CHECK(wait_for_exit(started.child().pidfd, test::kPatienceMs));
  CHECK(WTERMSIG(started.wait()) == SIGKILL);
}

TEST_CASE("spawn: Arguments arrive byte for byte") {
  auto wanted = request(kStopped);
  const Words odd{"a b", "new\nline", "", "\xff\xfe", "$HOME", "'\"\\", "\t", "zażółć"};
  wanted.argv.insert(wanted.argv.end(), odd.begin(), odd.end());
  Started started(wanted);
  started.wait(WUNTRACED);
  std::string expected;
  for (const auto& word : wanted.argv)
    expected += word + '\0';
  CHECK(started.proc("cmdline") == expected);
}

TEST_CASE("spawn: The environment is the one asked for and no more") {
  auto wanted = request(kStopped);
  wanted.environment = {"A=1", "EMPTY=", "LINES=a\nb", "JOBWARD_RUN_ID=x"};
  Started started(wanted);
  started.wait(WUNTRACED);
  std::string expected;
  for (const auto& word : wanted.environment)
    expected += word + '\0';
  CHECK(started.proc("environ") == expected);
}

TEST_CASE("spawn: The child gets the signal mask asked for, not the caller's") {
  sigset_t all;
  sigset_t before;
  ::sigemptyset(&all);
  for (const int signal : {SIGTERM, SIGCHLD, SIGUSR1})
    ::sigaddset(&all, signal);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  auto wanted = request(kStopped);
  ::sigaddset(&wanted.signal_mask, SIGUSR2);
  Started started(wanted);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  started.wait(WUNTRACED);
  CHECK(blocked_signals(started.proc("status")) == "0000000000000800");  // bit SIGUSR2 - 1
}

TEST_CASE("spawn: The child inherits no descriptor of ours") {
  const Fd ours(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto expected = descriptors("/proc/self/fd", true);
  Started started(request(kStopped));
  started.wait(WUNTRACED);
  const std::string directory = "/proc/" + std::to_string(started.child().pid) + "/fd";
  CHECK(descriptors(directory, false) == expected);
}

TEST_CASE("spawn: Neither success nor failure leaks a descriptor") {
  const auto before = descriptors("/proc/self/fd", false);
  for (int i = 0; i < 3; ++i) {
    failure(request({"/no/such/program"}));
    Started started(request({"true"}));
    started.wait();
  }
  CHECK(descriptors("/proc/self/fd", false) == before);
}

TEST_CASE("spawn: The child writes itself into each v1 cgroup before it runs") {
  const TemporaryDirectory dir;
  const Fd first(::open(dir.write("first", "").c_str(), O_WRONLY | O_CLOEXEC));
  const Fd second(::open(dir.write("second", "").c_str(), O_WRONLY | O_CLOEXEC));
  auto wanted = request({"true"});
  wanted.birth.v1_task_files = {first.get(), second.get()};
  Started started(wanted);
  CHECK(read_file(dir.path("first")).value() == "0");
  CHECK(read_file(dir.path("second")).value() == "0");
  CHECK(started.wait() == 0);
}

TEST_CASE("spawn: A child that cannot be placed does not run") {
  const TemporaryDirectory dir;
  const Fd read_only(::open(dir.write("procs", "").c_str(), O_RDONLY | O_CLOEXEC));
  auto wanted = request({"touch", dir.path("ran")});
  wanted.birth.v1_task_files = {read_only.get()};
  const auto failed = failure(wanted);
  CHECK(failed.stage == Stage::place);
  CHECK(failed.errnum == EBADF);
  CHECK_FALSE(std::filesystem::exists(dir.path("ran")));
  check_no_child_is_left();
}

TEST_CASE("spawn: A v2 directory that is no cgroup fails at clone") {
  const TemporaryDirectory dir;
  const Fd held(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto wanted = request({"true"});
  wanted.birth.v2_directory = held.get();
  CHECK(failure(wanted).stage == Stage::clone);
  check_no_child_is_left();
}

TEST_CASE("spawn: The oom score is written where asked, and its refusal stops nothing") {
  const TemporaryDirectory dir;
  auto wanted = request({"true"});
  wanted.oom_score_adj = -17;
  wanted.oom_score_adj_file = dir.write("oom_score_adj", "");
  Started with_file(wanted);
  CHECK(read_file(wanted.oom_score_adj_file).value() == "-17");
  CHECK(with_file.wait() == 0);
  wanted.oom_score_adj_file = dir.path("missing/file");
  Started without(wanted);
  CHECK(without.wait() == 0);
}

TEST_CASE("spawn: A signal that reaches the child before it execs does not run our handler there") {
  const TemporaryDirectory dir;
  auto wanted = request({"true"});
  wanted.oom_score_adj = 17;
  wanted.oom_score_adj_file = dir.write("oom_score_adj", "");
  g_handled = 0;
  const auto spawned = spawn_with_early_signal(wanted);
  int status = 0;
  ::waitpid(spawned.pid, &status, 0);
  CHECK(g_handled == 0);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ));
}

TEST_CASE("spawn: The child dies with its supervisor") {
  auto alive = test::make_pipe();  // its writer is held by whoever lives
  {
    test::Child supervisor([&](const auto& notify) {
      alive.reader.reset();
      const auto spawned = spawn(request({"sleep", "600"}));
      notify(spawned ? 1 : 0);
    });
    alive.writer.reset();
    REQUIRE(supervisor.reported() == 1);
    CHECK_FALSE(test::readable(alive.reader.get(), 0));
  }
  CHECK(test::readable(alive.reader.get()));
}

TEST_CASE("spawn: The child outlives its supervisor when asked to") {
  auto alive = test::make_pipe();
  auto wanted = request({"sh", "-c", "read line <&" + std::to_string(alive.reader.get())});
  wanted.die_with_supervisor = false;
  auto supervisor = std::make_unique<test::Child>([&](const auto& notify) {
    alive.writer.reset();
    const auto spawned = spawn(wanted);
    notify(spawned ? spawned->pid : 0);
  });
  const auto job = open_pidfd(supervisor->reported());
  REQUIRE(job);
  supervisor.reset();
  CHECK_FALSE(wait_for_exit(*job, 100));
  alive.writer.reset();  // now it reads the end and exits by itself
  CHECK(wait_for_exit(*job, test::kPatienceMs));
}

TEST_CASE("spawn: The child has the nice value asked for, its supervisor keeps its own") {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  auto wanted = request(kStopped);
  wanted.nice = std::min(own + 3, 19);
  Started started(wanted);
  started.wait(WUNTRACED);
  const auto pid = static_cast<id_t>(started.child().pid);
  CHECK(::getpriority(PRIO_PROCESS, pid) == wanted.nice);
  CHECK(::getpriority(PRIO_PROCESS, 0) == own);
}

TEST_CASE("spawn: Without settings nice value, open files and oom score are inherited") {
  Started started(request(kStopped));
  started.wait(WUNTRACED);
  const auto pid = static_cast<id_t>(started.child().pid);
  CHECK(::getpriority(PRIO_PROCESS, pid) == ::getpriority(PRIO_PROCESS, 0));
  CHECK(open_files_of(started.proc("limits")) ==
        open_files_of(read_file("/proc/self/limits").value()));
  CHECK(started.proc("oom_score_adj") == read_file("/proc/self/oom_score_adj").value());
}

TEST_CASE("spawn: A nice value that is not permitted stops the run") {
  const TemporaryDirectory dir;
  auto wanted = request({"touch", dir.path("ran")});
  wanted.nice = -20;
  const auto answer = test::as_ordinary_user(dir, [&] { return spawned_as_what(wanted); });
  if (!answer) return;
  CHECK(*answer == encoded(Stage::nice, EACCES));
  CHECK_FALSE(std::filesystem::exists(dir.path("ran")));
}

TEST_CASE("spawn: The child's open files are limited for good, its supervisor's are not") {
  const auto own = open_files_of(read_file("/proc/self/limits").value());
  auto wanted = request(kStopped);
  wanted.open_files = 17;
  Started started(wanted);
  started.wait(WUNTRACED);
  CHECK(open_files_of(started.proc("limits")) == Words{"17", "17", "files"});
  CHECK(open_files_of(read_file("/proc/self/limits").value()) == own);
}

TEST_CASE("spawn: More open files than the system has stop the run") {
  const TemporaryDirectory dir;
  auto wanted = request({"touch", dir.path("ran")});
  wanted.open_files = 1ULL << 40U;  // beyond any fs.nr_open: not even root may
  const auto failed = failure(wanted);
  CHECK(failed.stage == Stage::open_files);
  CHECK(failed.errnum == EPERM);
  CHECK_FALSE(std::filesystem::exists(dir.path("ran")));
  check_no_child_is_left();
}

TEST_CASE("spawn: More open files than the hard limit stop the run of an ordinary user") {
  const TemporaryDirectory dir;
  auto wanted = request({"touch", dir.path("ran")});
  wanted.open_files = 65;
  const auto answer = test::as_ordinary_user(dir, [&] {
    const rlimit few{64, 64};
    return ::setrlimit(RLIMIT_NOFILE, &few) == 0 ? spawned_as_what(wanted) : 1;
  });
  if (!answer) return;
  CHECK(*answer == encoded(Stage::open_files, EPERM));
  CHECK_FALSE(std::filesystem::exists(dir.path("ran")));
}

TEST_CASE("spawn: An oom score that must hold and does is that of the child only") {
  const auto own = own_oom_score_adj(KernelRoots{});
  REQUIRE(own);
  auto wanted = request(kStopped);
  wanted.oom_score_adj = std::min(*own + 7, 1000);
  wanted.oom_score_must_hold = true;
  wanted.oom_score_adj_file = "/proc/self/oom_score_adj";
  Started started(wanted);
  started.wait(WUNTRACED);
  CHECK(trim(started.proc("oom_score_adj")) == std::to_string(*wanted.oom_score_adj));
  CHECK(own_oom_score_adj(KernelRoots{}) == own);
}

TEST_CASE("spawn: An oom score that must hold and cannot stops the run") {
  const TemporaryDirectory dir;
  auto wanted = request({"touch", dir.path("ran")});
  wanted.oom_score_adj = 17;
  wanted.oom_score_must_hold = true;
  wanted.oom_score_adj_file = dir.path("missing/file");
  auto failed = failure(wanted);
  CHECK(failed.stage == Stage::oom_score);
  CHECK(failed.errnum == ENOENT);
  wanted.oom_score_adj_file = "/proc/self/oom_score_adj";
  wanted.oom_score_adj = 1001;  // out of range
  failed = failure(wanted);
  CHECK(failed.stage == Stage::oom_score);
  CHECK(failed.errnum == EINVAL);
  CHECK_FALSE(std::filesystem::exists(dir.path("ran")));
  check_no_child_is_left();
}

TEST_CASE("spawn: An ordinary user's oom score that must hold may rise but not fall") {
  const TemporaryDirectory dir;
  auto wanted = request({"true"});
  wanted.oom_score_must_hold = true;
  wanted.oom_score_adj_file = "/proc/self/oom_score_adj";
  const auto with_score = [&](int score) {
    wanted.oom_score_adj = score;
    return test::as_ordinary_user(dir, [&] {
      ::prctl(PR_SET_DUMPABLE, 1);  // lost with the change of user: /proc/self would be root's
      return spawned_as_what(wanted);
    });
  };
  if (const auto higher = with_score(1000)) CHECK(*higher == 0);
  if (const auto lower = with_score(-1000)) CHECK(*lower == encoded(Stage::oom_score, EACCES));
}

TEST_CASE("spawn: Who dies before it executes its program still has the name of a beginner") {
  const TemporaryDirectory dir;
  auto wanted = request({"true"});
  wanted.oom_score_adj = 17;
  wanted.oom_score_adj_file = dir.write("oom_score_adj", "");
  const auto spawned = spawn_with_early_signal(wanted);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(spawned.pid), &info, WEXITED | WNOWAIT) == 0);
  CHECK(name_of(KernelRoots{}, spawned.pid) == std::string(kNameBeforeExec));
  ::waitpid(spawned.pid, nullptr, 0);
}

TEST_CASE("spawn: Who has executed its program has its name, also when it is killed at once") {
  auto wanted = request({"/bin/sh", "-c", "kill -KILL $$"});
  const auto spawned = spawn(wanted);
  REQUIRE(spawned);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(spawned->pid), &info, WEXITED | WNOWAIT) == 0);
  CHECK(name_of(KernelRoots{}, spawned->pid) == std::string("sh"));
  ::waitpid(spawned->pid, nullptr, 0);
}

TEST_CASE("spawn: A program is found by name, by path, or not at all") {
  CHECK(can_be_found("sh"));
  CHECK(can_be_found("/bin/sh"));
  CHECK_FALSE(can_be_found("jobward-no-such-program"));
  CHECK_FALSE(can_be_found("/no/such/program"));
}
