// Lines of JSON-RPC: whatever the bytes, the server answers in valid lines and goes on.
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string_view>

#include "agent/mcp/connection.h"
#include "agent/mcp/http_rules.h"
#include "agent/mcp/line_buffer.h"
#include "tests/fuzz/check.h"

using namespace jobward;
using namespace jobward::mcp;
using fuzz::require;

namespace {

struct Server {
  boost::asio::io_context context;
  Service service;

  Server() {
    service.name = "s";
    service.version = "1";
    service.executor = context.get_executor();
    service.tools.push_back({"echo",
                             "E",
                             "d",
                             {{"command", Kind::command, "d", true}, {"n", Kind::integer, "d"}},
                             {},
                             {},
                             true,
                             [](const std::shared_ptr<Call>& call) {
                               call->answer({call->arguments(), false});
                             }});
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static Server server;
  Connection connection(server.service, [&](const Json& message) {
    const auto line = to_line(message);
    require(line.find('\n') == std::string::npos, "a message is one line", text);
    require(Json::accept(line), "what is sent is JSON", text);
    require(message.contains("result") != message.contains("error"), "one of the two", text);
  });
  LineBuffer lines([&](std::string_view line) { connection.receive(line); },
                   [&] { connection.refuse_too_long(); }, 4096);
  lines.take(text);
  lines.finish();
  connection.receive(R"({"jsonrpc":"2.0","id":"last","method":"ping"})");
  HttpRequest request{
      "POST",
      std::string(text.substr(0, 200)),
      {{"host", std::string(text)}, {"origin", std::string(text)}, {"mcp-name", std::string(text)}},
      ""};
  static_cast<void>(refuse_request(request, {{}, "0123456789abcdef"}));
  static_cast<void>(compare_headers(request, {1, "tools/call", Json::object()}));
  return 0;
}
