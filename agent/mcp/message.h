// One message of JSON-RPC 2.0, as the Model Context Protocol uses it: no batches, ids are texts or
// whole numbers.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "agent/mcp/json.h"

namespace jobward::mcp {

// https://www.jsonrpc.org/specification#error_object, and those of MCP.
namespace rpc_code {
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
// MCP 2026-07-28.
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;
}  // namespace rpc_code

struct RpcError {
  int code = rpc_code::kInternalError;
  std::string message;
  Json data = nullptr;  // null: none
};

struct Request {
  Json id;  // a text or a whole number
  std::string method;
  Json params = Json::object();
};
struct Notification {
  std::string method;
  Json params = Json::object();
};
// An answer to a request of ours. We make none.
struct Answer {};
struct Malformed {
  Json id = nullptr;  // where it could be read
  RpcError error;
};
using Message = std::variant<Request, Notification, Answer, Malformed>;

// Deeper JSON is refused: writing it out again would take a call a level.
inline constexpr std::size_t kDeepest = 100;

// Never fails: what is no message is Malformed.
Message read_message(std::string_view text);

Json result_message(const Json& id, Json result);
// `id` null: it is not known, and is left out.
Json error_message(const Json& id, const RpcError& error);
Json notification_message(const std::string& method, Json params);

// One line without its end; always valid UTF-8 (other bytes become U+FFFD).
std::string to_line(const Json& message);

}  // namespace jobward::mcp
