#include "agent/mcp/http_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "agent/mcp/revision.h"
#include "common/text.h"

namespace jobward::mcp {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// "localhost:8080" without its port; "[::1]:80" is "[::1]".
std::string host_of(std::string_view text) {
  if (text.starts_with("[")) return lower(text.substr(0, text.find(']') + 1));
  return lower(text.substr(0, text.find(':')));
}

bool is_our_name(const std::string& host, const HttpOptions& options) {
  static constexpr std::array<std::string_view, 3> kLoopback{"localhost", "127.0.0.1", "[::1]"};
  if (std::find(kLoopback.begin(), kLoopback.end(), host) != kLoopback.end()) return true;
  const auto& own = options.place.address;
  if (is_loopback(options.place)) return host == own || host == "[" + own + "]";
  // Whoever listens beyond loopback is called by many names; the token is what counts then.
  return own == "0.0.0.0" || own == "::" || host == own || host == "[" + own + "]";
}

// A page of another site in a browser here must reach nothing (DNS rebinding).
bool comes_from_here(const HttpRequest& request, const HttpOptions& options) {
  if (!is_our_name(host_of(request.header("host")), options)) return false;
  const auto origin = request.header("origin");
  if (origin.empty()) return true;
  const auto slashes = origin.find("://");
  return slashes != std::string::npos && is_our_name(host_of(origin.substr(slashes + 3)), options);
}

std::string token_of(const HttpRequest& request) {
  const auto header = request.header("authorization");
  if (lower(header.substr(0, 7)) == "bearer ") return std::string(trim(header.substr(7)));
  const auto query = request.target.find('?');
  if (query == std::string::npos) return {};
  for (const auto part : split(std::string_view(request.target).substr(query + 1), '&'))
    if (part.starts_with("token=")) return std::string(part.substr(6));
  return {};
}

bool accepts(const HttpRequest& request, const std::string& type) {
  const auto header = lower(request.header("accept"));
  for (const auto part : split(header, ',')) {
    const auto one = trim(part.substr(0, part.find(';')));
    if (one == "*/*" || one == type || one == type.substr(0, type.find('/')) + "/*") return true;
  }
  return false;
}

std::optional<HttpRefusal> refuse_form(const HttpRequest& request) {
  if (request.method != "POST")
    return HttpRefusal{
        405, "a message is sent with POST; nothing is pushed from here", {{"Allow", "POST"}}};
  const auto type = lower(request.header("content-type"));
  if (trim(type.substr(0, type.find(';'))) != "application/json")
    return HttpRefusal{415, "Content-Type has to be application/json"};
  if (!accepts(request, "application/json") || !accepts(request, "text/event-stream"))
    return HttpRefusal{406, "Accept has to name application/json and text/event-stream"};
  return std::nullopt;
}

// "=?base64?…?=": a name that is not plain ASCII.
std::string decoded(const std::string& value) {
  constexpr std::string_view kBegin = "=?base64?";
  constexpr std::string_view kEnd = "?=";
  std::string text(trim(value));
  if (!text.starts_with(kBegin) || !text.ends_with(kEnd) ||
      text.size() < kBegin.size() + kEnd.size())
    return text;
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text.substr(kBegin.size(), text.size() - kBegin.size() - kEnd.size())) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    bits = (bits << 6U | static_cast<unsigned>(digit)) & 0xffffffU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU);
  }
  return out;
}

// What Mcp-Name has to be; absent: the method needs none.
std::optional<std::string> name_in(const Request& message) {
  if (message.method == "tools/call") return text_member(message.params, "name");
  if (message.method == "tasks/get" || message.method == "tasks/update" ||
      message.method == "tasks/cancel")
    return text_member(message.params, "taskId");
  return std::nullopt;
}

RpcError mismatch(const std::string& header) {
  return {rpc_code::kHeaderMismatch,
          "the header " + header + " is missing, or is not what the message says"};
}

}  // namespace

std::string HttpRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::optional<HttpRefusal> refuse_request(const HttpRequest& request, const HttpOptions& options) {
  if (!comes_from_here(request, options))
    return HttpRefusal{403, "Host and Origin have to name this machine's loopback address"};
  if (!are_equal_in_secret(token_of(request), options.token))
    return HttpRefusal{401, "the token is missing or wrong", {{"WWW-Authenticate", "Bearer"}}};
  if (request.target.substr(0, request.target.find('?')) != kHttpPath)
    return HttpRefusal{404, "there is nothing here but /mcp"};
  return refuse_form(request);
}

bool is_handshake_version(std::string_view version) {
  return std::find(kHandshakeVersions.begin(), kHandshakeVersions.end(), version) !=
         kHandshakeVersions.end();
}

bool is_stateless(const HttpRequest& request, const Request& message) {
  const Json& meta = member(message.params, "_meta");
  if (meta.is_object() && meta.contains(meta_key::kVersion)) return true;
  if (message.method == "server/discover") return true;
  const auto header = request.header("mcp-protocol-version");
  // ISO dates sort as texts.
  return !header.empty() && !is_handshake_version(header) && header > kHandshakeVersion;
}

std::optional<RpcError> compare_headers(const HttpRequest& request, const Request& message) {
  const Json& meta = member(message.params, "_meta");
  const auto version = text_member(meta, meta_key::kVersion);
  if (request.header("mcp-protocol-version") != version) return mismatch("MCP-Protocol-Version");
  if (request.header("mcp-method") != message.method) return mismatch("Mcp-Method");
  const auto name = name_in(message);
  if (name && decoded(request.header("mcp-name")) != *name) return mismatch("Mcp-Name");
  return std::nullopt;
}

unsigned status_of(bool stateless, bool understood, int code) {
  if (code == rpc_code::kParseError) return 400;
  if (code == rpc_code::kInvalidRequest) return stateless || !understood ? 400 : 200;
  if (!stateless) return 200;
  if (code == rpc_code::kMethodNotFound) return 404;
  if (!understood) return 400;
  return code == rpc_code::kMissingCapability ? 400 : 200;
}

bool are_equal_in_secret(std::string_view a, std::string_view b) {
  unsigned differences = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < b.size(); ++i)
    differences |= static_cast<unsigned>(static_cast<unsigned char>(i < a.size() ? a[i] : 0) ^
                                         static_cast<unsigned char>(b[i]));
  return differences == 0;
}

}  // namespace jobward::mcp
