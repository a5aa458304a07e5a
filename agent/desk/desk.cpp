#include "agent/desk/desk.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/hooks/wrap.h"
#include "cli/child_program.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"
#include "profiles/database_file.h"

namespace jobward::desk {
namespace {

namespace asio = boost::asio;

// Where an event is lost, or there is no inotify: nobody waits longer than this in vain.
constexpr std::chrono::milliseconds kLookAnyway{5000};
// Each look costs an open file for each open run.
constexpr std::chrono::seconds kReap{1};

std::pair<std::uint64_t, std::uint64_t> identity_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {static_cast<std::uint64_t>(info.st_dev), static_cast<std::uint64_t>(info.st_ino)};
}

// While it lives, this process works in another directory. One thread only.
class InDirectory {
 public:
  static Result<std::unique_ptr<InDirectory>> enter(const std::string& path) {
    Fd before(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!before) return errno_error("open", "the working directory");
    if (::chdir(path.c_str()) != 0) return errno_error("work in", printable(path));
    return std::make_unique<InDirectory>(std::move(before));
  }
  explicit InDirectory(Fd before) : before_(std::move(before)) {}
  InDirectory(const InDirectory&) = delete;
  InDirectory& operator=(const InDirectory&) = delete;
  ~InDirectory() { static_cast<void>(::fchdir(before_.get())); }

 private:
  Fd before_;
};

// The records are the session's for a while.
class Lent {
 public:
  Lent(cli::Records& owner, cli::Records& borrower) : owner_(owner), borrower_(borrower) {
    borrower_ = std::move(owner_);
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() { owner_ = std::move(borrower_); }

 private:
  cli::Records& owner_;
  cli::Records& borrower_;
};

}  // namespace

std::map<std::string, std::string> claims_of(const mcp::Client& client) {
  auto claims = cli::current_actor().claims;
  if (!client.name.empty() && !claims.contains("agent")) claims["agent"] = client.name;
  claims["via"] = "mcp";
  return claims;
}

Result<std::string> directory_of(const std::string& cwd) {
  if (cwd.empty()) return cli::working_directory();
  if (cwd.front() != '/')
    return error("use", "cwd " + printable(cwd), "it has to be an absolute path");
  struct stat info {};
  if (::stat(cwd.c_str(), &info) != 0) return errno_error("use", "cwd " + printable(cwd));
  if (!S_ISDIR(info.st_mode)) return error("use", "cwd " + printable(cwd), "it is no directory");
  return cwd;
}

Desk::Desk(asio::io_context& context) : context_(context), locks_(context), timer_(context) {}

struct Desk::Turn final : ProgramCall {
  Turn(ProgramOrder what, Then call) : order(std::move(what)), then(std::move(call)) {}
  void kill() override {
    if (going)
      going->kill();
    else
      then = nullptr;
  }
  ProgramOrder order;
  Then then;
  std::shared_ptr<ProgramCall> going;
};

Result<cli::RunDesk*> Desk::open() {
  auto opened = cli::open_run_desk(cli::say);
  if (!opened) return tl::unexpected(std::move(opened).error());
  runs_ = std::move(*opened);
  database_ = identity_of(profiles::database_path(runs_->records.directory.path));
  watch_locks(runs_->records.lock_directory);
  return runs_.get();
}

Result<cli::RunDesk*> Desk::runs() {
  if (!runs_) return open();
  const auto now = identity_of(profiles::database_path(runs_->records.directory.path));
  if (now != database_ || !runs_->records.store) return open();
  const auto moment = std::chrono::steady_clock::now();
  if (moment - reaped_ >= kReap) {
    reaped_ = moment;
    for (const auto& line : launcher::reap_lost(runs_->reaping()))
      cli::say(line);
  }
  return runs_.get();
}

Result<mcp::Json> Desk::in_session(const std::string& cwd,
                                   const std::function<Result<mcp::Json>(cli::Session&)>& work) {
  auto directory = directory_of(cwd);
  if (!directory) return tl::unexpected(std::move(directory).error());
  auto desk = runs();
  if (!desk) return tl::unexpected(std::move(desk).error());
  auto inside = InDirectory::enter(*directory);
  if (!inside) return tl::unexpected(std::move(inside).error());
  auto session = cli::open_session();
  if (!session) return tl::unexpected(std::move(session).error());
  const Lent lent((*desk)->records, (*session)->records);
  return work(**session);
}

int Desk::when_ended(const std::string& run, std::function<void()> then) {
  const int id = next_++;
  waiting_[id] = {run, std::move(then)};
  // At once: it may have ended already.
  soon_ = true;
  look_after(std::chrono::milliseconds(0));
  return id;
}

void Desk::forget(int waiting) { waiting_.erase(waiting); }

void Desk::keep_promises(std::chrono::milliseconds most) {
  const auto until = std::chrono::steady_clock::now() + most;
  context_.restart();
  while (promises_ > 0 && context_.run_one_until(until) > 0) {
  }
}

void Desk::watch_locks(const std::string& directory) {
  boost::system::error_code ignored;
  locks_.close(ignored);
  Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch ||
      ::inotify_add_watch(watch.get(), directory.c_str(), IN_CLOSE_WRITE | IN_DELETE) < 0) {
    cli::say("ends of runs are looked for every 5 s only: " + std::string(std::strerror(errno)));
    return;
  }
  locks_.assign(watch.release());
  read_events();
}

void Desk::read_events() {
  locks_.async_read_some(asio::buffer(events_), [this](const auto& failed, std::size_t) {
    if (failed) return;
    if (!waiting_.empty()) look_after(std::chrono::milliseconds(0));
    read_events();
  });
}

void Desk::look_after(std::chrono::milliseconds delay) {
  timer_.expires_after(delay);
  timer_.async_wait([this](const auto& failed) {
    if (!failed) look();
  });
}

void Desk::look() {
  soon_ = false;
  std::map<std::string, bool> alive;
  std::vector<std::function<void()>> ended;
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    const auto& run = entry->second.run;
    const auto known = alive.find(run);
    const bool lives = known != alive.end() ? known->second : runs_ && runs_->is_alive(run);
    alive[run] = lives;
    if (lives) {
      ++entry;
      continue;
    }
    ended.push_back(std::move(entry->second.then));
    entry = waiting_.erase(entry);
  }
  for (const auto& then : ended)
    then();
  // Unless one of them waits for the next run already.
  if (!waiting_.empty() && !soon_) look_after(kLookAnyway);
}

std::shared_ptr<ProgramCall> Desk::run_jobward(std::vector<std::string> arguments,
                                               const std::string& cwd, const mcp::Client& client,
                                               ProgramCall::Then then) {
  ProgramOrder order;
  order.argv = {cli::kOwnProgram};
  for (auto& argument : arguments)
    order.argv.push_back(std::move(argument));
  order.cwd = cwd;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::strncmp(*entry, "JOBWARD_ACTOR=", 14) != 0 && std::strncmp(*entry, "PWD=", 4) != 0)
      order.environment.emplace_back(*entry);
  order.environment.push_back("PWD=" + cwd);
  order.environment.push_back("JOBWARD_ACTOR=" + hooks::claims_text(claims_of(client)));
  const auto turn = std::make_shared<Turn>(std::move(order), std::move(then));
  turns_.push_back(turn);
  next_turn();
  return turn;
}

void Desk::next_turn() {
  while (programs_ < kMostPrograms && !turns_.empty()) {
    const auto turn = std::move(turns_.front());
    turns_.pop_front();
    if (!turn->then) continue;
    ++programs_;
    turn->going = ProgramCall::start(context_, turn->order, [this, turn](Result<ProgramEnd> end) {
      --programs_;
      turn->going.reset();
      next_turn();
      if (const auto then = std::exchange(turn->then, nullptr)) then(std::move(end));
    });
  }
}

}  // namespace jobward::desk
