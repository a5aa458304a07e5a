#include "agent/mcp/stdio_transport.h"

#include <fcntl.h>
#include <signal.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "agent/mcp/line_buffer.h"
#include "agent/mcp/run_on.h"

namespace jobward::mcp {
namespace {

namespace asio = boost::asio;

// The flags of an open file are shared with whoever else has it, a terminal's with the shell.
class KeptFlags {
 public:
  explicit KeptFlags(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {}
  KeptFlags(const KeptFlags&) = delete;
  KeptFlags& operator=(const KeptFlags&) = delete;
  ~KeptFlags() {
    if (flags_ >= 0) ::fcntl(fd_, F_SETFL, flags_);
  }

 private:
  int fd_;
  int flags_;
};

bool is_progress(const Json& message) { return message.contains("method"); }

class StdioServer {
 public:
  StdioServer(asio::io_context& context, const Service& service, int in, int out)
      : context_(context),
        in_(context, in),
        out_(context, out),
        patience_(context),
        signals_(context, SIGINT, SIGTERM, SIGHUP),
        lines_([this](std::string_view line) { connection_.receive(line); },
               [this] { connection_.refuse_too_long(); }),
        connection_(service, [this](const Json& message) { send(message); }) {}
  StdioServer(const StdioServer&) = delete;
  StdioServer& operator=(const StdioServer&) = delete;
  ~StdioServer() {
    in_.release();
    out_.release();
  }

  Status run(const std::function<void()>& before_leaving) {
    signals_.async_wait([this](const auto& failed, int) {
      if (!failed) end();
    });
    read();
    run_on(context_);
    before_leaving();
    // What is still asked of the context holds this: it is told off, and has its last turn here.
    boost::system::error_code ignored;
    in_.cancel(ignored);
    out_.cancel(ignored);
    signals_.cancel(ignored);
    patience_.cancel();
    queue_.clear();
    deaf_ = true;
    context_.restart();
    context_.poll();
    return std::move(problem_);
  }

 private:
  void read() {
    if (ended_ || reading_ || unread_ >= kMostUnread) return;
    reading_ = true;
    in_.async_read_some(asio::buffer(buffer_), [this](const auto& failed, std::size_t got) {
      reading_ = false;
      if (got > 0) lines_.take({buffer_.data(), got});
      if (failed == asio::error::operation_aborted) return;
      if (failed) {
        if (failed != asio::error::eof)
          problem_ = errno_error("read", "the client's messages", failed.value());
        end();
        return;
      }
      read();
    });
  }

  void send(const Json& message) {
    if (deaf_ || (is_progress(message) && unread_ > kMostUnread / 2)) return;
    queue_.push_back(to_line(message) + "\n");
    unread_ += queue_.back().size();
    write();
  }

  void write() {
    if (writing_ || queue_.empty()) return;
    writing_ = true;
    asio::async_write(out_, asio::buffer(queue_.front()), [this](const auto& failed, std::size_t) {
      writing_ = false;
      if (failed == asio::error::operation_aborted) return;
      if (failed) {
        // Nobody reads: what is asked from now on cannot be answered either.
        deaf_ = true;
        queue_.clear();
        unread_ = 0;
        end();
        return;
      }
      unread_ -= queue_.front().size();
      queue_.pop_front();
      write();
      if (ended_ && queue_.empty()) context_.stop();
      read();
    });
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    if (!deaf_) lines_.finish();
    connection_.cut();
    if (queue_.empty()) {
      context_.stop();
      return;
    }
    patience_.expires_after(std::chrono::seconds(kLastWordsSeconds));
    patience_.async_wait([this](const auto& failed) {
      if (!failed) context_.stop();
    });
  }

  asio::io_context& context_;
  asio::posix::stream_descriptor in_;
  asio::posix::stream_descriptor out_;
  asio::steady_timer patience_;
  asio::signal_set signals_;
  LineBuffer lines_;
  std::array<char, 65536> buffer_{};
  std::deque<std::string> queue_;
  std::size_t unread_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool ended_ = false;
  bool deaf_ = false;  // the client has closed its end
  Status problem_;
  Connection connection_;
};

}  // namespace

Status serve_stdio(asio::io_context& context, const Service& service, int in, int out,
                   const std::function<void()>& before_leaving) {
  const KeptFlags kept_in(in);
  const KeptFlags kept_out(out);
  StdioServer server(context, service, in, out);
  return server.run(before_leaving);
}

}  // namespace jobward::mcp
