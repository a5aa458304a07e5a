#include "agent/mcp/http_session.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "agent/mcp/line_buffer.h"
#include "agent/mcp/stdio_transport.h"

namespace jobward::mcp {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

// So long a client may take to send a request, or to begin one on a kept connection.
constexpr std::chrono::seconds kPatience{60};
// Until it has shown its token.
constexpr std::chrono::seconds kFirstPatience{10};
// What a refused client is still sending is thrown away, so long and so much, for it to read why.
constexpr std::chrono::seconds kLinger{30};
constexpr std::chrono::seconds kLingerSilent{2};
constexpr std::size_t kMostThrownAway = std::size_t{64} << 20U;
// So much may wait for a client that does not read; progress is left out then.
constexpr std::size_t kMostWaiting = std::size_t{1} << 20U;
// How often it is looked whether a client that has sent more is still there.
constexpr std::chrono::seconds kLook{1};

HttpRequest plain(const http::request<http::string_body>& request) {
  HttpRequest out;
  out.method = std::string(request.method_string());
  out.target = std::string(request.target());
  for (const auto& field : request) {
    std::string name(field.name_string());
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    out.headers[name] = std::string(field.value());
  }
  out.body = request.body();
  return out;
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::ip::tcp::socket socket, const Service& service, const HttpOptions& options,
          std::function<void()> ended)
      : stream_(std::move(socket)),
        look_(stream_.get_executor()),
        service_(service),
        options_(options),
        ended_(std::move(ended)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { ended_(); }

  void read() {
    parser_.emplace();
    parser_->body_limit(kLongestMessage);
    stream_.expires_after(first_ ? kFirstPatience : kPatience);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](const auto& failed, std::size_t) { self->got_header(failed); });
  }

 private:
  // Who may not call has no body read for him.
  void got_header(const boost::system::error_code& failed) {
    stateless_ = understood_ = false;
    if (!is_read(failed)) return;
    keep_ = parser_->get().keep_alive();
    http_version_ = parser_->get().version();
    if (auto refusal = refuse_request(plain(parser_->get()), options_)) {
      keep_ = false;
      refuse(*refusal);
      return;
    }
    first_ = false;
    stream_.expires_after(kPatience);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const auto& failure, std::size_t) {
                       if (self->is_read(failure)) self->take(plain(self->parser_->release()));
                     });
  }

  // What could not be read is answered where that makes sense.
  bool is_read(const boost::system::error_code& failed) {
    if (!failed) return true;
    const bool http =
        failed.category() == http::make_error_code(http::error::bad_method).category();
    keep_ = false;
    if (failed == http::error::body_limit)
      refuse({413, "a message may have " + std::to_string(kLongestMessage) + " bytes"});
    else if (http && failed != http::error::end_of_stream)
      refuse({400, "this is no HTTP request: " + failed.message()});
    return false;
  }

  void take(const HttpRequest& request) {
    auto message = read_message(request.body);
    if (const auto* malformed = std::get_if<Malformed>(&message)) {
      answer(error_message(malformed->id, malformed->error));
    } else if (auto* asked = std::get_if<Request>(&message)) {
      take(request, *asked);
    } else {
      // Without sessions nobody knows whose call a notification is about.
      refuse({202, ""});
    }
  }

  void take(const HttpRequest& request, const Request& asked) {
    stateless_ = is_stateless(request, asked);
    const auto version = request.header("mcp-protocol-version");
    if (!stateless_ && !version.empty() && !is_handshake_version(version)) {
      refuse({400, "MCP-Protocol-Version names one that is not spoken here"});
      return;
    }
    const Json& meta = member(asked.params, "_meta");
    understood_ = !stateless_ || (member(meta, meta_key::kVersion).is_string() &&
                                  member(meta, meta_key::kCapabilities).is_object());
    if (stateless_ && understood_)
      if (auto problem = compare_headers(request, asked)) {
        understood_ = false;
        answer(error_message(asked.id, *problem));
        return;
      }
    if (stateless_ && understood_ && member(meta, meta_key::kVersion) != kStatelessVersion)
      understood_ = false;  // what comes of it is an error
    stream_.expires_never();
    connection_ =
        std::make_unique<Connection>(service_, [self = weak_from_this()](const Json& message) {
          if (const auto alive = self.lock()) alive->answer(message);
        });
    if (stateless_ && !member(meta, meta_key::kVersion).is_string()) {
      answer(error_message(asked.id, {rpc_code::kInvalidParams,
                                      "params._meta has to name the protocol version and the "
                                      "client's capabilities"}));
      return;
    }
    if (!stateless_) connection_->take_as_agreed();
    watch_for_end();
    connection_->receive(request.body);
  }

  // A client that goes away ends its call where the protocol says so (2026-07-28); before, it goes
  // on, and its answer is lost.
  void watch_for_end() {
    stream_.socket().async_wait(
        asio::ip::tcp::socket::wait_read,
        [self = shared_from_this(), connection = connection_.get()](const auto& failed) {
          if (failed || self->connection_.get() != connection || !connection->is_busy()) return;
          boost::system::error_code ignored;
          if (self->stream_.socket().available(ignored) > 0)
            self->look_again();  // its next request; the end of it can still come
          else
            self->leave();
        });
  }

  void look_again() {
    look_.expires_after(kLook);
    look_.async_wait(
        [self = shared_from_this(), connection = connection_.get()](const auto& failed) {
          if (failed || self->connection_.get() != connection || !connection->is_busy()) return;
          pollfd peer{self->stream_.socket().native_handle(), POLLRDHUP, 0};
          if (::poll(&peer, 1, 0) == 1)
            self->leave();
          else
            self->look_again();
        });
  }

  void leave() {
    keep_ = false;
    lose();
  }

  // ---- Answers

  void refuse(const HttpRefusal& refusal) {
    auto response = head(refusal.status, "text/plain; charset=utf-8");
    for (const auto& [name, value] : refusal.headers)
      response.set(name, value);
    response.body() = refusal.text.empty() ? "" : refusal.text + "\n";
    send(std::move(response));
  }

  void answer(const Json& message) {
    const bool last = !message.contains("method");
    if (!streaming_ && last) {
      const bool failed = message.contains("error");
      const unsigned status =
          failed ? status_of(stateless_, understood_, message["error"]["code"].get<int>()) : 200;
      auto response = head(status, "application/json");
      response.body() = to_line(message);
      send(std::move(response));
      return;
    }
    if (!last && waiting_ > kMostWaiting) return;
    if (!streaming_) begin_stream();
    events_.push_back("event: message\ndata: " + to_line(message) + "\n\n");
    waiting_ += events_.back().size();
    if (last) closing_ = true;
    write_event();
  }

  http::response<http::string_body> head(unsigned status, const char* type) const {
    http::response<http::string_body> response{static_cast<http::status>(status), http_version_};
    response.set(http::field::content_type, type);
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(keep_);
    return response;
  }

  void send(http::response<http::string_body> response) {
    response.prepare_payload();
    stream_.expires_after(kPatience);
    auto kept = std::make_shared<http::response<http::string_body>>(std::move(response));
    http::async_write(
        stream_, *kept,
        [self = shared_from_this(), kept](const auto& failed, std::size_t) { self->done(failed); });
  }

  void done(const boost::system::error_code& failed) {
    connection_.reset();
    look_.cancel();
    if (failed) {
      close();
    } else if (keep_) {
      read();
    } else {
      boost::system::error_code ignored;
      stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      linger_until_ = std::chrono::steady_clock::now() + kLinger;
      throw_away(0);
    }
  }

  // Closed at once, with bytes unread, the answer would be lost to a reset.
  void throw_away(std::size_t so_far) {
    buffer_.clear();
    stream_.expires_at(std::min(linger_until_, std::chrono::steady_clock::now() + kLingerSilent));
    stream_.async_read_some(buffer_.prepare(65536),
                            [self = shared_from_this(), so_far](const auto& failed, auto got) {
                              if (failed || so_far + got > kMostThrownAway)
                                self->close();
                              else
                                self->throw_away(so_far + got);
                            });
  }

  // ---- An event stream

  void begin_stream() {
    streaming_ = writing_ = true;
    auto kept = std::make_shared<http::response<http::empty_body>>(http::status::ok, http_version_);
    kept->set(http::field::content_type, "text/event-stream");
    kept->set(http::field::cache_control, "no-cache");
    kept->set("X-Accel-Buffering", "no");
    kept->keep_alive(keep_);
    kept->chunked(true);
    auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*kept);
    stream_.expires_after(kPatience);
    http::async_write_header(
        stream_, *serializer,
        [self = shared_from_this(), kept, serializer](const auto& failed, std::size_t) {
          self->writing_ = false;
          if (failed)
            self->lose();
          else
            self->write_event();
        });
  }

  void write_event() {
    if (writing_) return;
    if (events_.empty()) {
      stream_.expires_never();
      if (closing_) end_stream();
      return;
    }
    writing_ = true;
    stream_.expires_after(kPatience);
    asio::async_write(stream_, http::make_chunk(asio::buffer(events_.front())),
                      [self = shared_from_this()](const auto& failed, std::size_t) {
                        self->writing_ = false;
                        self->waiting_ -= self->events_.front().size();
                        self->events_.pop_front();
                        if (failed)
                          self->lose();
                        else
                          self->write_event();
                      });
  }

  void end_stream() {
    writing_ = true;
    stream_.expires_after(kPatience);
    asio::async_write(stream_, http::make_chunk_last(),
                      [self = shared_from_this()](const auto& failed, std::size_t) {
                        self->writing_ = self->streaming_ = self->closing_ = false;
                        self->done(failed);
                      });
  }

  void lose() {
    if (connection_) connection_->cut(stateless_ ? Call::Cut::cancelled : Call::Cut::lost);
    close();
  }

  void close() {
    look_.cancel();
    boost::system::error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

  beast::tcp_stream stream_;
  asio::steady_timer look_;
  beast::flat_buffer buffer_{kLongestMessage + 65536};
  std::optional<http::request_parser<http::string_body>> parser_;
  const Service& service_;
  const HttpOptions& options_;
  std::function<void()> ended_;
  std::unique_ptr<Connection> connection_;
  std::deque<std::string> events_;
  std::size_t waiting_ = 0;  // bytes of them
  std::chrono::steady_clock::time_point linger_until_;
  unsigned http_version_ = 11;
  bool keep_ = false;
  bool first_ = true;
  bool stateless_ = false;
  bool understood_ = false;
  bool streaming_ = false;
  bool writing_ = false;
  bool closing_ = false;
};

}  // namespace

void serve_http_client(asio::ip::tcp::socket socket, const Service& service,
                       const HttpOptions& options, std::function<void()> ended) {
  std::make_shared<Session>(std::move(socket), service, options, std::move(ended))->read();
}

}  // namespace jobward::mcp
