#include "host/backends/spawn.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/files.h"
#include "common/text.h"
#include "host/observe/process.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

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
