#include "agent/desk/program_call.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "common/exit_codes.h"
#include "common/fd.h"
#include "common/text.h"
#include "host/observe/process.h"

namespace jobward::desk {
namespace {

namespace asio = boost::asio;

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const auto& word : words)
    out.push_back(const_cast<char*>(word.c_str()));  // posix_spawn(3) does not write to them
  out.push_back(nullptr);
  return out;
}

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("make", "a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Begins with plain signals, in a process group of its own.
Result<pid_t> spawn(const ProgramOrder& order, const Pipe& out, const Pipe& errors) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.writer.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.writer.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_addchdir_np(&actions, order.cwd.c_str());
  // Whatever a library has opened without O_CLOEXEC is no job's.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t pipe;
  sigemptyset(&none);
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &pipe);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const auto argv = pointers(order.argv);
  const auto environment = pointers(order.environment);
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return errno_error("start", printable(order.argv.front()) + " in " + printable(order.cwd),
                       failed);
  return pid;
}

class Going final : public ProgramCall {
 public:
  Going(asio::io_context& context, pid_t pid, Fd process, Pipe out, Pipe errors, Then then)
      : pid_(pid),
        process_(context, process.release()),
        out_(context, out.reader.release()),
        errors_(context, errors.reader.release()),
        then_(std::move(then)) {}

  void begin() {
    read(out_, end_.output, out_buffer_);
    read(errors_, end_.errors, errors_buffer_);
    process_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = self()](const auto& failed) {
                          if (!failed) self->finish();
                        });
  }

  void kill() override {
    // Not reaped yet, so the group cannot be another's.
    if (!over_) ::kill(-pid_, SIGKILL);
  }

 private:
  using Buffer = std::array<char, 16384>;

  std::shared_ptr<Going> self() { return std::static_pointer_cast<Going>(shared_from_this()); }

  void keep(std::string& text, const Buffer& buffer, std::size_t got) {
    const auto room = kMostOutput - text.size();
    text.append(buffer.data(), std::min(room, got));
    if (got > room) end_.cut = true;
  }

  void read(asio::posix::stream_descriptor& from, std::string& text, Buffer& buffer) {
    from.async_read_some(asio::buffer(buffer), [self = self(), &from, &text, &buffer](
                                                   const auto& failed, std::size_t got) {
      if (self->over_) return;
      self->keep(text, buffer, got);
      if (!failed) self->read(from, text, buffer);
    });
  }

  // What is in the pipe still; others may hold its other end open for long.
  void drain(asio::posix::stream_descriptor& from, std::string& text, Buffer& buffer) {
    from.non_blocking(true);
    boost::system::error_code failed;
    // One that it has left behind may write on and on.
    while (!failed && !end_.cut) {
      const auto got = from.read_some(asio::buffer(buffer), failed);
      keep(text, buffer, got);
    }
  }

  void finish() {
    over_ = true;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    out_.cancel();
    errors_.cancel();
    drain(out_, end_.output, out_buffer_);
    drain(errors_, end_.errors, errors_buffer_);
    end_.status =
        WIFSIGNALED(status) ? exit_code::kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
    std::exchange(then_, nullptr)(std::move(end_));
  }

  pid_t pid_;
  asio::posix::stream_descriptor process_;
  asio::posix::stream_descriptor out_;
  asio::posix::stream_descriptor errors_;
  Then then_;
  ProgramEnd end_;
  Buffer out_buffer_{};
  Buffer errors_buffer_{};
  bool over_ = false;
};

// One that could not be started.
class Failed final : public ProgramCall {
 public:
  void kill() override {}
};

Result<std::shared_ptr<Going>> begin(asio::io_context& context, const ProgramOrder& order,
                                     ProgramCall::Then& then) {
  auto out = make_pipe();
  if (!out) return tl::unexpected(std::move(out).error());
  auto errors = make_pipe();
  if (!errors) return tl::unexpected(std::move(errors).error());
  auto pid = spawn(order, *out, *errors);
  if (!pid) return tl::unexpected(std::move(pid).error());
  auto process = host::open_pidfd(*pid);
  if (!process) {
    // Nobody could wait for it: it is ended at once, before it has begun anything that lasts.
    ::kill(-*pid, SIGKILL);
    while (::waitpid(*pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return tl::unexpected(std::move(process).error());
  }
  auto going = std::make_shared<Going>(context, *pid, std::move(*process), std::move(*out),
                                       std::move(*errors), std::move(then));
  going->begin();
  return going;
}

}  // namespace

std::shared_ptr<ProgramCall> ProgramCall::start(asio::io_context& context,
                                                const ProgramOrder& order, Then then) {
  auto going = begin(context, order, then);
  if (going) return *going;
  asio::post(context, [then = std::move(then), problem = std::move(going).error()] {
    then(tl::unexpected(problem));
  });
  return std::make_shared<Failed>();
}

}  // namespace jobward::desk
