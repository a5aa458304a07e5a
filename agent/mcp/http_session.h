// One connection of a client over HTTP. Private to mcp/.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>

#include "agent/mcp/http_rules.h"

namespace jobward::mcp {

// Serves it until it is closed; owns itself meanwhile. `ended` is called once, at the end.
void serve_http_client(boost::asio::ip::tcp::socket socket, const Service& service,
                       const HttpOptions& options, std::function<void()> ended);

}  // namespace jobward::mcp
