// What the tools work with: the records, kept open between calls, the machine as it is at each
// call, and whoever waits for runs to end.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/desk/program_call.h"
#include "agent/mcp/revision.h"
#include "cli/run_reference.h"
#include "cli/session.h"
#include "common/result.h"

namespace jobward::desk {

// Who calls, as runs and the ledger have it: what JOBWARD_ACTOR says already, and the client.
std::map<std::string, std::string> claims_of(const mcp::Client& client);

inline constexpr int kMostPrograms = 16;

class Desk {
 public:
  explicit Desk(boost::asio::io_context& context);
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  [[nodiscard]] boost::asio::io_context& context() { return context_; }

  // Opened anew where the database was replaced. Runs without a supervisor are closed meanwhile.
  // Valid until the next call.
  Result<cli::RunDesk*> runs();

  // The next runs() closes what nobody supervises, however short ago it was looked for.
  void reap_now() { reaped_ = {}; }

  // Works with a session in that directory (empty: ours), with its configuration and policy. The
  // session has the records while `work` goes on.
  Result<mcp::Json> in_session(const std::string& cwd,
                               const std::function<Result<mcp::Json>(cli::Session&)>& work);

  // Calls `then` once, when nobody supervises the run any more. To be forgotten with forget().
  int when_ended(const std::string& run, std::function<void()> then);
  void forget(int waiting);

  // Something that was promised and is not done yet, though nobody may be there any more: a job
  // that was to end with its client is just being started.
  void promise() { ++promises_; }
  void keep_promise() { --promises_; }
  // Runs the context until all is done, or so long.
  void keep_promises(std::chrono::milliseconds most);

  // `jobward` with these arguments, as this client; at most kMostPrograms at once, the others wait.
  std::shared_ptr<ProgramCall> run_jobward(std::vector<std::string> arguments,
                                           const std::string& cwd, const mcp::Client& client,
                                           ProgramCall::Then then);

 private:
  // A program that waits for its turn, or has had it.
  struct Turn;
  void next_turn();

  struct Waiting {
    std::string run;
    std::function<void()> then;
  };

  Result<cli::RunDesk*> open();
  void watch_locks(const std::string& directory);
  void read_events();
  void look_after(std::chrono::milliseconds delay);
  void look();

  boost::asio::io_context& context_;
  std::unique_ptr<cli::RunDesk> runs_;
  std::pair<std::uint64_t, std::uint64_t> database_{};  // device and inode
  std::map<int, Waiting> waiting_;
  int next_ = 1;
  int promises_ = 0;
  std::deque<std::shared_ptr<Turn>> turns_;
  int programs_ = 0;
  std::chrono::steady_clock::time_point reaped_{};
  bool soon_ = false;  // somebody has begun to wait since it was looked last
  boost::asio::posix::stream_descriptor locks_;
  boost::asio::steady_timer timer_;
  std::array<char, 4096> events_{};
};

// The absolute form of a directory that a caller names; empty: ours. An error: it is none.
Result<std::string> directory_of(const std::string& cwd);

}  // namespace jobward::desk
