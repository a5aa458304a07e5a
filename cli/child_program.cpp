#include "cli/child_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "common/exit_codes.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"
#include "host/observe/process.h"

namespace jobward::cli {
namespace {

// File descriptors for 0, 1 and 2 of the child; empty: ours.
struct Streams {
  Fd in;
  Fd out;
  Fd err;
};

constexpr std::array kEnding{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// Of a process that holds signals back.
class PlainSignals {
 public:
  PlainSignals() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  PlainSignals(const PlainSignals&) = delete;
  PlainSignals& operator=(const PlainSignals&) = delete;
  ~PlainSignals() { ::posix_spawnattr_destroy(&attributes_); }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

bool is_ending_signal_held() {
  sigset_t held;
  sigemptyset(&held);
  ::sigpending(&held);
  return std::any_of(kEnding.begin(), kEnding.end(),
                     [&](int number) { return sigismember(&held, number) == 1; });
}

int start(const std::vector<std::string>& argv, const Streams& streams, pid_t& pid,
          const posix_spawnattr_t* attributes = nullptr) {
  std::vector<char*> words;
  for (const auto& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));  // posix_spawn(3) does not write to them
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::pair<const Fd*, int> wanted[] = {
      {&streams.in, 0}, {&streams.out, 1}, {&streams.err, 2}};
  for (const auto& [fd, number] : wanted)
    if (*fd) ::posix_spawn_file_actions_adddup2(&actions, fd->get(), number);
  const int failed =
      ::posix_spawnp(&pid, words.front(), &actions, attributes, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return failed;
}

Result<int> reaped(pid_t pid, const std::string& name) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return errno_error("wait for", printable(name));
  return WIFSIGNALED(status) ? exit_code::kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

Result<int> run(const std::vector<std::string>& argv, const Streams& streams) {
  pid_t pid = 0;
  if (const int failed = start(argv, streams, pid); failed != 0)
    return errno_error("start", printable(argv.front()), failed);
  return reaped(pid, argv.front());
}

Result<Fd> memory_file(const char* name) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) return errno_error("create", std::string("a file in memory for ") + name);
  return fd;
}

Result<std::string> content(const Fd& fd, const char* name) {
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return errno_error("read", name);
  return read_fd(fd.get(), name);
}

}  // namespace

Result<int> run_program(const std::vector<std::string>& argv) { return run(argv, {}); }

Result<ProgramEnd> ask_program(const std::vector<std::string>& argv, const std::string& input) {
  Streams streams;
  for (auto* fd : {&streams.in, &streams.out, &streams.err}) {
    auto made = memory_file("a program's streams");
    if (!made) return tl::unexpected(std::move(made).error());
    *fd = std::move(*made);
  }
  JOBWARD_RETURN_IF_ERROR(write_all(streams.in.get(), input, "the program's input"));
  if (::lseek(streams.in.get(), 0, SEEK_SET) < 0)
    return errno_error("write", "the program's input");
  const auto status = run(argv, streams);
  if (!status) return tl::unexpected(status.error());
  auto output = content(streams.out, "the program's output");
  if (!output) return tl::unexpected(std::move(output).error());
  auto errors = content(streams.err, "the program's errors");
  if (!errors) return tl::unexpected(std::move(errors).error());
  return ProgramEnd{*status, std::move(*output), std::move(*errors)};
}

Result<ProgramEnd> ask_program_aloud(const std::vector<std::string>& argv) {
  auto out = memory_file("a program's output");
  if (!out) return tl::unexpected(std::move(out).error());
  Streams streams;
  streams.in = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  streams.out = std::move(*out);
  const PlainSignals plain;
  pid_t pid = 0;
  if (const int failed = start(argv, streams, pid, plain.get()); failed != 0)
    return errno_error("start", printable(argv.front()), failed);
  constexpr int kLookMs = 100;
  bool told = false;
  if (const auto process = host::open_pidfd(pid))
    while (!host::wait_for_exit(*process, kLookMs)) {
      if (told || !is_ending_signal_held()) continue;
      told = true;
      ::kill(pid, SIGTERM);
    }
  const auto status = reaped(pid, argv.front());
  if (!status) return tl::unexpected(status.error());
  auto output = content(streams.out, "the program's output");
  if (!output) return tl::unexpected(std::move(output).error());
  return ProgramEnd{*status, std::move(*output), {}};
}

Result<std::string> own_executable() {
  std::error_code failure;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", failure);
  if (failure) return errno_error("find", "our own executable", failure.value());
  return path.string();
}

}  // namespace jobward::cli
