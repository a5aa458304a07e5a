// What a request over HTTP has to be like before its message is looked at. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/mcp/http_transport.h"
#include "agent/mcp/message.h"

namespace jobward::mcp {

// Of a request, as far as it matters; names in small letters.
struct HttpRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;
  std::string body;

  [[nodiscard]] std::string header(const std::string& name) const;
};

// An answer without a message of the protocol.
struct HttpRefusal {
  unsigned status = 400;
  std::string text;
  std::map<std::string, std::string> headers = {};
};
// Where it comes from, who it is, and what it is: in this order.
std::optional<HttpRefusal> refuse_request(const HttpRequest& request, const HttpOptions& options);

bool is_handshake_version(std::string_view version);

// Is it spoken as of 2026-07-28? By the version in the message or in the header.
bool is_stateless(const HttpRequest& request, const Request& message);

// What the headers say must be what the message says (2026-07-28).
std::optional<RpcError> compare_headers(const HttpRequest& request, const Request& message);

// The status of an answer with this error. `understood`: the message had all that one needs.
unsigned status_of(bool stateless, bool understood, int code);

// Does it take as long whatever the texts are?
bool are_equal_in_secret(std::string_view a, std::string_view b);

}  // namespace jobward::mcp
