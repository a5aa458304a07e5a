// The protocol over HTTP (Streamable HTTP, 2025-11-25 and 2026-07-28), without sessions: each POST
// is one message, answered as JSON, or as an event stream where progress comes first.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mcp/connection.h"
#include "common/result.h"

namespace jobward::mcp {

struct HttpPlace {
  std::string address = "127.0.0.1";  // a literal one
  std::uint16_t port = 0;             // 0: any that is free
};
// "PORT", "ADDRESS:PORT", "[ADDRESS]:PORT". `localhost` is 127.0.0.1.
Result<HttpPlace> parse_http_place(std::string_view text);
bool is_loopback(const HttpPlace& place);

struct HttpOptions {
  HttpPlace place;
  std::string token;  // who has it may call; never empty
};

inline constexpr const char* kHttpPath = "/mcp";
inline constexpr int kMostHttpConnections = 256;

// Serves until a signal ends it (SIGINT, SIGTERM). `listening`: called once with the URL. Runs
// `context`, in the calling thread. An error: it cannot listen there.
Status serve_http(boost::asio::io_context& context, const Service& service,
                  const HttpOptions& options,
                  const std::function<void(const std::string& url)>& listening);

}  // namespace jobward::mcp
