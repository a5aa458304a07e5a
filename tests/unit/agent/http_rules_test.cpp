#include "agent/mcp/http_rules.h"

#include <catch2/catch.hpp>
#include <string>

#include "agent/mcp/revision.h"

using namespace jobward::mcp;

namespace {

const HttpOptions kOptions{{"127.0.0.1", 80}, "0123456789abcdef"};

HttpRequest good() {
  return {"POST",
          "/mcp",
          {{"host", "localhost:80"},
           {"authorization", "Bearer 0123456789abcdef"},
           {"content-type", "application/json; charset=utf-8"},
           {"accept", "application/json, text/event-stream"}},
          "{}"};
}
unsigned status(const HttpRequest& request) {
  const auto refusal = refuse_request(request, kOptions);
  return refusal ? refusal->status : 200;
}
unsigned with(const std::string& name, const std::string& value) {
  auto request = good();
  request.headers[name] = value;
  return status(request);
}

}  // namespace

TEST_CASE("http: A good request passes, also with the token in its target") {
  CHECK(status(good()) == 200);
  auto request = good();
  request.headers.erase("authorization");
  CHECK(status(request) == 401);
  request.target = "/mcp?token=0123456789abcdef";
  CHECK(status(request) == 200);
}

TEST_CASE("http: Who comes from elsewhere is refused before all else") {
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "", "10.0.0.1:80"})
    CHECK(with("host", host) == 403);
  for (const char* host : {"127.0.0.1:9", "[::1]:80", "LOCALHOST"})
    CHECK(with("host", host) == 200);
  CHECK(with("origin", "http://evil.example") == 403);
  CHECK(with("origin", "null") == 403);
  CHECK(with("origin", "http://localhost:3000") == 200);
}

TEST_CASE("http: The form of a request") {
  CHECK(with("authorization", "Bearer wrong") == 401);
  CHECK(with("authorization", "Basic 0123456789abcdef") == 401);
  CHECK(with("content-type", "text/plain") == 415);
  CHECK(with("accept", "application/json") == 406);
  CHECK(with("accept", "*/*") == 200);
  auto request = good();
  request.method = "GET";
  CHECK(status(request) == 405);
  request = good();
  request.target = "/other";
  CHECK(status(request) == 404);
}

TEST_CASE("http: What the headers of a stateless request say is what it says itself") {
  Request message{1, "tools/call", Json::parse(R"({"name":"a b","_meta":{
      "io.modelcontextprotocol/protocolVersion":"2026-07-28"}})")};
  auto request = good();
  CHECK(is_stateless(request, message));
  CHECK(compare_headers(request, message));
  request.headers["mcp-protocol-version"] = "2026-07-28";
  request.headers["mcp-method"] = "tools/call";
  request.headers["mcp-name"] = "=?base64?YSBi?=";
  CHECK_FALSE(compare_headers(request, message));
  request.headers["mcp-name"] = "other";
  CHECK(compare_headers(request, message)->code == rpc_code::kHeaderMismatch);
}

TEST_CASE("http: The status of an error follows the version") {
  CHECK(status_of(false, true, rpc_code::kMethodNotFound) == 200);
  CHECK(status_of(true, true, rpc_code::kMethodNotFound) == 404);
  CHECK(status_of(true, true, rpc_code::kInvalidParams) == 200);
  CHECK(status_of(true, false, rpc_code::kInvalidParams) == 400);
  CHECK(status_of(false, false, rpc_code::kParseError) == 400);
}

TEST_CASE("http: Places to listen on") {
  CHECK(parse_http_place("8080")->port == 8080);
  CHECK(parse_http_place("localhost:0")->address == "127.0.0.1");
  CHECK(parse_http_place("[::1]:80")->address == "::1");
  CHECK(is_loopback(*parse_http_place("127.9.9.9:1")));
  CHECK_FALSE(is_loopback(*parse_http_place("0.0.0.0:1")));
  for (const char* text : {"", ":", "x", "1:2:3", "host:80", "127.0.0.1:99999", "127.0.0.1:-1"})
    CHECK_FALSE(parse_http_place(text));
}
