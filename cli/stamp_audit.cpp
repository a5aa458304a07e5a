#include "cli/stamp_audit.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "cli/child_program.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

// A directory of our own for the result, gone with it.
class Scratch {
 public:
  static Result<Scratch> make() {
    std::string path = "/tmp/jobward-stamp-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return errno_error("create", "a directory in /tmp");
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (path_.empty()) return;
    ::unlink(result().c_str());
    ::rmdir(path_.c_str());
  }
  [[nodiscard]] std::string result() const { return path_ + "/result.json"; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// As a shell does it: Ctrl-C is for the job, and we tell what came of it.
class IgnoredKeys {
 public:
  IgnoredKeys() : interrupt_(::signal(SIGINT, SIG_IGN)), quit_(::signal(SIGQUIT, SIG_IGN)) {}
  ~IgnoredKeys() {
    ::signal(SIGINT, interrupt_);
    ::signal(SIGQUIT, quit_);
  }
  IgnoredKeys(const IgnoredKeys&) = delete;
  IgnoredKeys& operator=(const IgnoredKeys&) = delete;
  // Of those that were not ignored before us.
  [[nodiscard]] sigset_t restored() const {
    sigset_t out;
    ::sigemptyset(&out);
    if (interrupt_ != SIG_IGN) ::sigaddset(&out, SIGINT);
    if (quit_ != SIG_IGN) ::sigaddset(&out, SIGQUIT);
    return out;
  }

 private:
  using Handler = void (*)(int);
  Handler interrupt_;
  Handler quit_;
};

Result<pid_t> start(const std::vector<std::string>& argv, int output, const sigset_t& defaults) {
  std::vector<char*> words;
  for (const auto& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));  // posix_spawn(3) does not write to them
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, words.front(), &actions, &attributes, words.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return errno_error("start", printable(argv.front()), failed);
  return pid;
}

// To our standard output; that it is gone does not end the audit, which is hashed all the same.
Result<std::string> pass_on(int input) {
  Sha256 hash;
  std::array<char, 65536> buffer;
  bool open = true;
  while (true) {
    const ssize_t got = ::read(input, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", "the audit's output");
    if (got == 0) break;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    hash.add(bytes);
    open = open && write_all(STDOUT_FILENO, bytes, "standard output").has_value();
  }
  return hash.hex();
}

Result<AuditEnd> read_end(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return rethrow(text.error(), "the audit's run has told no result");
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return error("read", "the result of the audit's run", "it is no object");
  AuditEnd out;
  out.run = json.value("run", "");
  out.outcome = json.value("outcome", "");
  out.cause = json.value("cause", "");
  out.started = json.value("started", false);
  out.recorded = json.value("recorded", false);
  if (!json.contains("exit_code"))
    return error("read", "the result of the audit's run", "it tells no exit status");
  out.exit_code = json["exit_code"].get<int>();
  return out;
}

}  // namespace

Result<AuditEnd> run_audit(const std::string& name, const std::vector<std::string>& argv) {
  const auto self = own_executable();
  if (!self) return tl::unexpected(self.error());
  auto scratch = Scratch::make();
  if (!scratch) return tl::unexpected(std::move(scratch).error());
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return errno_error("create", "a pipe");
  const Fd input(pipe[0]);
  Fd output(pipe[1]);
  std::vector<std::string> words{*self, "run", "--name", name, "--result", scratch->result(), "--"};
  words.insert(words.end(), argv.begin(), argv.end());
  const IgnoredKeys ignored;
  const SystemClock clock;
  const auto began = clock.wall_ms();
  const auto pid = start(words, output.get(), ignored.restored());
  if (!pid) return tl::unexpected(pid.error());
  output.reset();
  auto digest = pass_on(input.get());
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0)
    if (errno != EINTR) return errno_error("wait for", "the audit");
  if (!digest) return tl::unexpected(std::move(digest).error());
  auto end = read_end(scratch->result());
  if (!end) return tl::unexpected(std::move(end).error());
  end->started_ms = began;
  end->ended_ms = clock.wall_ms();
  end->stdout_sha256 = *std::move(digest);
  return end;
}

}  // namespace jobward::cli
