#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "agent/mcp/connection.h"

using namespace jobward::mcp;

namespace {

const std::string kMeta = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                          R"("io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},)"
                          R"("io.modelcontextprotocol/clientCapabilities":{}})";

// A server with a tool that answers at once, one that never does, and one that throws.
class Fixture {
 public:
  Fixture() {
    service.name = "s";
    service.version = "1";
    service.executor = context.get_executor();
    service.tools.push_back({"quick",
                             "Q",
                             "d",
                             {{"text", Kind::text, "d"}},
                             {{"text", Kind::text, "d", true}},
                             {true, false, true, false},
                             false,
                             [](const std::shared_ptr<Call>& call) {
                               call->answer({{{"text", call->client().name}}, false});
                             }});
    service.tools.push_back(
        {"slow", "S", "d", {}, {}, {}, true, [this](const std::shared_ptr<Call>& call) {
           held.push_back(call);
           call->on_cut([this](Call::Cut how) { cuts.push_back(how); });
         }});
    service.tools.push_back(
        {"broken", "B", "d", {}, {}, {}, false, [](const std::shared_ptr<Call>&) {
           throw std::runtime_error("broken");
         }});
  }

  void send(const std::string& text) { connection.receive(text); }
  void initialize(const std::string& version = "2025-11-25") {
    send(R"({"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":")" +
         version + R"(","capabilities":{},"clientInfo":{"name":"c","version":"1"}}})");
  }
  void call(const std::string& id, const std::string& tool, const std::string& more = "") {
    send(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":")" + tool +
         "\"" + more + "}}");
  }
  Json last() {
    REQUIRE_FALSE(sent.empty());
    return sent.back();
  }
  int error() { return last()["error"]["code"].get<int>(); }

  boost::asio::io_context context;
  Service service;
  std::vector<Json> sent;
  std::vector<std::shared_ptr<Call>> held;
  std::vector<Call::Cut> cuts;
  Connection connection{service, [this](const Json& message) { sent.push_back(message); }};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "mcp: The handshake agrees on what the client asks for, or the newest") {
  for (const auto& [asked, agreed] : {std::pair("2025-11-25", "2025-11-25"),
                                      {"2025-06-18", "2025-06-18"},
                                      {"1900-01-01", "2025-11-25"},
                                      {"2026-07-28", "2025-11-25"}}) {
    initialize(asked);
    CHECK(last()["result"]["protocolVersion"] == agreed);
  }
}

TEST_CASE_METHOD(Fixture, "mcp: Before the handshake only ping is answered") {
  send(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})");
  CHECK(error() == rpc_code::kInvalidParams);
  send(R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
  CHECK(last()["result"] == Json::object());
}

TEST_CASE_METHOD(Fixture, "mcp: A stateless request names its version, and every result its type") {
  send(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{)" + kMeta + "}}");
  CHECK(last()["result"]["resultType"] == "complete");
  CHECK(last()["result"]["_meta"][meta_key::kServer]["name"] == "s");
  CHECK_FALSE(last()["result"]["tools"][0].contains("execution"));
  send(R"({"jsonrpc":"2.0","id":1,"method":"server/discover","params":{)" + kMeta + "}}");
  CHECK(last()["result"]["supportedVersions"][0] == "2026-07-28");
  send(R"({"jsonrpc":"2.0","id":1,"method":"server/discover"})");
  CHECK(error() == rpc_code::kInvalidParams);
  for (const char* gone : {"ping", "initialize", "tasks/list", "tasks/result"}) {
    send(R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(gone) + R"(","params":{)" + kMeta +
         "}}");
    CHECK(error() == rpc_code::kMethodNotFound);
  }
}

TEST_CASE_METHOD(Fixture, "mcp: A version that is not spoken is refused with those that are") {
  auto meta = kMeta;
  meta.replace(meta.find("2026-07-28"), 10, "2099-01-01");
  send(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{)" + meta + "}}");
  CHECK(error() == rpc_code::kUnsupportedVersion);
  CHECK(last()["error"]["data"]["requested"] == "2099-01-01");
}

TEST_CASE_METHOD(Fixture, "mcp: A tool answers with structured content and the same as text") {
  initialize();
  call("0", "quick", R"(,"arguments":{"text":"x"})");
  const auto result = last()["result"];
  CHECK(last()["id"] == 0);
  CHECK(result["structuredContent"]["text"] == "c");
  CHECK(Json::parse(result["content"][0]["text"].get<std::string>()) ==
        result["structuredContent"]);
}

TEST_CASE_METHOD(Fixture, "mcp: Wrong arguments are a failed call, a wrong tool a wrong request") {
  initialize();
  call("1", "quick", R"(,"arguments":{"txt":1})");
  CHECK(last()["result"]["isError"] == true);
  call("1", "quik");
  CHECK(error() == rpc_code::kInvalidParams);
  CHECK_THAT(last()["error"]["message"].get<std::string>(), Catch::Contains("mean quick?"));
  call("1", "broken");
  CHECK(error() == rpc_code::kInternalError);
}

TEST_CASE_METHOD(Fixture, "mcp: Calls are answered as they finish, and an id is one call's") {
  initialize();
  call("1", "slow");
  call("1", "quick");
  CHECK(error() == rpc_code::kInvalidRequest);
  call("\"1\"", "quick");
  CHECK(last()["id"] == "1");
  held.at(0)->answer({});
  CHECK(last()["id"] == 1);
  call("1", "quick");
  CHECK(last()["result"]["isError"] == false);
}

TEST_CASE_METHOD(Fixture, "mcp: A cancelled call is let go and gets no answer") {
  initialize();
  call("7", "slow");
  const auto before = sent.size();
  send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}})");
  send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[8]}})");
  CHECK(cuts == std::vector<Call::Cut>{Call::Cut::cancelled});
  held.at(0)->answer({});
  CHECK(sent.size() == before);
}

TEST_CASE_METHOD(Fixture, "mcp: Progress grows, and the answer keeps its distance from it") {
  initialize();
  call("1", "slow", R"(,"_meta":{"progressToken":0})");
  held.at(0)->progress(1, 4, "a");
  held.at(0)->progress(1, 4, "again");
  held.at(0)->progress(2, std::nullopt, "b");
  CHECK(last()["params"] == Json::parse(R"({"progressToken":0,"progress":2.0,"message":"b"})"));
  const auto before = sent.size();
  held.at(0)->answer({});
  CHECK(sent.size() == before);
  context.run();
  CHECK(last()["id"] == 1);
}

TEST_CASE_METHOD(Fixture,
                 "mcp: A client that is gone cuts its calls, and what was answered still goes") {
  initialize();
  call("1", "slow", R"(,"_meta":{"progressToken":"t"})");
  call("2", "slow");
  held.at(0)->progress(1, std::nullopt, "a");
  held.at(0)->answer({});
  connection.cut();
  CHECK(last()["id"] == 1);
  CHECK(cuts == std::vector<Call::Cut>{Call::Cut::gone});
}
