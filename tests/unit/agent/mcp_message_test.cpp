#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "agent/mcp/fields.h"
#include "agent/mcp/line_buffer.h"
#include "agent/mcp/message.h"
#include "agent/mcp/tool.h"

using namespace jobward::mcp;

namespace {

int refused(const std::string& text) {
  const auto message = read_message(text);
  const auto* malformed = std::get_if<Malformed>(&message);
  return malformed == nullptr ? 0 : malformed->error.code;
}

std::string request(const std::string& id) {
  return R"({"jsonrpc":"2.0","method":"ping","id":)" + id + "}";
}

}  // namespace

TEST_CASE("mcp message: Requests, notifications and answers are told apart") {
  const auto asked = read_message(R"({"jsonrpc":"2.0","id":0,"method":"a","params":{"x":1}})");
  REQUIRE(std::holds_alternative<Request>(asked));
  CHECK(std::get<Request>(asked).id == 0);
  CHECK(std::get<Request>(asked).params["x"] == 1);
  CHECK(std::holds_alternative<Notification>(read_message(R"({"jsonrpc":"2.0","method":"a"})")));
  CHECK(std::holds_alternative<Answer>(read_message(R"({"jsonrpc":"2.0","id":1,"result":{}})")));
}

TEST_CASE("mcp message: Ids are texts or whole numbers") {
  for (const char* id : {"0", "-1", "18446744073709551615", "\"\"", "\"a\""})
    CHECK(refused(request(id)) == 0);
  for (const char* id : {"null", "1.5", "true", "[1]", "{}"})
    CHECK(refused(request(id)) == rpc_code::kInvalidRequest);
}

TEST_CASE("mcp message: What is no message says why") {
  for (const char* text : {"", "{", "nonsense", "{\"a\":\xff}", "\"\\ud800\""})
    CHECK(refused(text) == rpc_code::kParseError);
  for (const char* text :
       {"[]", "1", "{}", R"({"jsonrpc":"1.0","method":"a","id":1})", R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","id":1,"method":2})", R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])"})
    CHECK(refused(text) == rpc_code::kInvalidRequest);
  CHECK(refused(R"({"jsonrpc":"2.0","id":1,"method":"a","params":[]})") ==
        rpc_code::kInvalidParams);
  CHECK(refused(std::string(10000, '[')) == rpc_code::kParseError);
  CHECK(refused(request("\"" + std::string(5000, '[') + "\"")) == 0);
}

TEST_CASE("mcp message: An error without a known id has none") {
  CHECK_FALSE(error_message(nullptr, {1, "x"}).contains("id"));
  CHECK(error_message(0, {1, "x"})["id"] == 0);
}

TEST_CASE("mcp lines: Messages come whole, whatever the pieces") {
  std::vector<std::string> lines;
  int too_long = 0;
  LineBuffer buffer([&](std::string_view line) { lines.emplace_back(line); }, [&] { ++too_long; },
                    10);
  for (const char* piece : {"a", "b\nc", "d\n\n  \r\n", "0123456789\n", "01234567890", "x\nok", ""})
    buffer.take(piece);
  buffer.finish();
  CHECK(lines == std::vector<std::string>{"ab", "cd", "0123456789", "ok"});
  CHECK(too_long == 1);
  lines.clear();
  buffer.take(std::string(100, 'x') + "\nnext\n");
  CHECK(lines == std::vector<std::string>{"next"});
  CHECK(too_long == 2);
}

TEST_CASE("mcp fields: Arguments are checked by the table that the schema is made of") {
  const Fields fields{{"command", Kind::command, "d", true},
                      {"limit", Kind::integer, "d", false, {}, 1, 10},
                      {"which", Kind::text, "d", false, {"all", "open"}},
                      {"features", Kind::numbers, "d"}};
  const auto problem = [&](const char* text) { return objection(fields, Json::parse(text)); };
  CHECK(problem(R"({"command":"a","limit":10,"which":"open","features":{"n":1.5}})").empty());
  CHECK(problem(R"({"command":["a","b"]})").empty());
  CHECK_THAT(problem("{}"), Catch::StartsWith("command is missing"));
  CHECK_THAT(problem(R"({"command":[]})"), Catch::StartsWith("command has to be"));
  CHECK_THAT(problem(R"({"command":"a","limit":11})"), Catch::Contains("at most 10"));
  CHECK_THAT(problem(R"({"command":"a","limit":1.5})"), Catch::Contains("whole number"));
  CHECK_THAT(problem(R"({"command":"a","which":"none"})"), Catch::Contains("all, open"));
  CHECK_THAT(problem(R"({"command":"a","limitt":1})"), Catch::Contains("did you mean limit?"));
  CHECK_THAT(problem(R"({"command":"a","features":{"n":"x"}})"), Catch::Contains("numbers"));
  const auto schema = schema_of(fields, false);
  CHECK(schema["type"] == "object");
  CHECK(schema["required"] == Json::array({"command"}));
  CHECK(schema["additionalProperties"] == false);
}
