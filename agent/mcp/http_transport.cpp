#include "agent/mcp/http_transport.h"

#include <fcntl.h>
#include <signal.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "agent/mcp/http_session.h"
#include "agent/mcp/run_on.h"
#include "common/log.h"
#include "common/text.h"

namespace jobward::mcp {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Asio opens sockets without O_CLOEXEC. There is one thread, so nothing is started in between.
void keep_from_children(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

class Listener {
 public:
  Listener(asio::io_context& context, const Service& service, const HttpOptions& options)
      : acceptor_(context), again_(context), service_(service), options_(options) {}

  Status listen() {
    boost::system::error_code failed;
    const auto address = asio::ip::make_address(options_.place.address, failed);
    if (failed) return error("listen on", printable(options_.place.address), "it is no address");
    const tcp::endpoint endpoint(address, options_.place.port);
    acceptor_.open(endpoint.protocol(), failed);
    if (!failed) keep_from_children(acceptor_.native_handle());
    if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed) acceptor_.bind(endpoint, failed);
    if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (failed)
      return errno_error("listen on",
                         options_.place.address + ":" + std::to_string(options_.place.port),
                         failed.value());
    return {};
  }

  [[nodiscard]] std::string url() const {
    const auto local = acceptor_.local_endpoint();
    const auto address = local.address().to_string();
    return "http://" + (local.address().is_v6() ? "[" + address + "]" : address) + ":" +
           std::to_string(local.port()) + kHttpPath;
  }

  void accept() {
    acceptor_.async_accept([this](const auto& failed, tcp::socket socket) {
      if (failed == asio::error::operation_aborted) return;
      if (failed) {
        // Out of descriptors, for one: others will be closed.
        log::warn("mcp: a connection could not be taken: " + failed.message());
        again_.expires_after(std::chrono::milliseconds(100));
        again_.async_wait([this](const auto& stopped) {
          if (!stopped) accept();
        });
        return;
      }
      if (*connections_ < kMostHttpConnections) {
        ++*connections_;
        keep_from_children(socket.native_handle());
        serve_http_client(std::move(socket), service_, options_,
                          [count = connections_] { --*count; });
      }
      accept();
    });
  }

 private:
  tcp::acceptor acceptor_;
  asio::steady_timer again_;
  const Service& service_;
  const HttpOptions& options_;
  // Some outlive the listener: as long as the context.
  std::shared_ptr<int> connections_ = std::make_shared<int>(0);
};

}  // namespace

Result<HttpPlace> parse_http_place(std::string_view text) {
  HttpPlace out;
  const auto bad = [&](const char* why) {
    return error("use", "the address " + printable(text), why);
  };
  auto port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    auto address = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (address.starts_with('[') && address.ends_with(']'))
      address = address.substr(1, address.size() - 2);
    else if (address.find(':') != std::string_view::npos)
      return bad("an IPv6 address stands in brackets: [::1]:8080");
    if (!address.empty()) out.address = address == "localhost" ? "127.0.0.1" : std::string(address);
  }
  const auto end = port.data() + port.size();
  const auto read = std::from_chars(port.data(), end, out.port);
  if (port.empty() || read.ec != std::errc() || read.ptr != end)
    return bad("it is PORT or ADDRESS:PORT, with a port of 0 (any that is free) to 65535");
  boost::system::error_code failed;
  static_cast<void>(asio::ip::make_address(out.address, failed));
  if (failed) return bad("there has to be an address in digits, or localhost");
  return out;
}

bool is_loopback(const HttpPlace& place) {
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(place.address, failed);
  return !failed && address.is_loopback();
}

Status serve_http(asio::io_context& context, const Service& service, const HttpOptions& options,
                  const std::function<void(const std::string& url)>& listening) {
  Listener listener(context, service, options);
  JOBWARD_RETURN_IF_ERROR(listener.listen());
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&context](const auto& failed, int) {
    if (!failed) context.stop();
  });
  listening(listener.url());
  listener.accept();
  run_on(context);
  return {};
}

}  // namespace jobward::mcp
