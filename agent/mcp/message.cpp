#include "agent/mcp/message.h"

#include <utility>

#include "common/json_depth.h"

namespace jobward::mcp {
namespace {

bool is_id(const Json& value) { return value.is_string() || value.is_number_integer(); }

Malformed invalid(std::string message, Json id = nullptr) {
  return {std::move(id), {rpc_code::kInvalidRequest, std::move(message)}};
}

Message classify(Json message) {
  if (message.is_array())
    return invalid("a batch: send one message at a time (batches are not part of MCP)");
  if (!message.is_object()) return invalid("a message is a JSON object");
  Json id = nullptr;
  const auto given = message.find("id");
  const bool has_id = given != message.end();
  if (has_id && is_id(*given)) id = *given;
  const auto version = message.find("jsonrpc");
  if (version == message.end() || *version != "2.0")
    return invalid(R"("jsonrpc" has to be "2.0")", std::move(id));
  const auto method = message.find("method");
  if (method == message.end()) {
    if (has_id && (message.contains("result") || message.contains("error"))) return Answer{};
    return invalid("there is no \"method\"", std::move(id));
  }
  if (!method->is_string()) return invalid("\"method\" has to be a text", std::move(id));
  if (has_id && id.is_null()) return invalid("\"id\" has to be a text or a whole number");
  // Nobody waits for an answer to a notification, whatever is wrong with it.
  if (!has_id && message.contains("params") && !message["params"].is_object())
    return Notification{method->get<std::string>(), Json::object()};
  Json params = Json::object();
  if (const auto part = message.find("params"); part != message.end()) {
    if (!part->is_object())
      return Malformed{std::move(id), {rpc_code::kInvalidParams, "\"params\" has to be an object"}};
    params = std::move(*part);
  }
  auto name = method->get<std::string>();
  if (!has_id) return Notification{std::move(name), std::move(params)};
  return Request{std::move(id), std::move(name), std::move(params)};
}

}  // namespace

Message read_message(std::string_view text) {
  if (is_nested_deeper(text, kDeepest))
    return Malformed{
        nullptr,
        {rpc_code::kParseError, "nested more than " + std::to_string(kDeepest) + " levels deep"}};
  auto message = Json::parse(text, nullptr, false);
  if (message.is_discarded())
    return Malformed{nullptr, {rpc_code::kParseError, "this is no JSON (in UTF-8)"}};
  return classify(std::move(message));
}

Json result_message(const Json& id, Json result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

Json error_message(const Json& id, const RpcError& error) {
  Json body{{"code", error.code}, {"message", error.message}};
  if (!error.data.is_null()) body["data"] = error.data;
  Json out{{"jsonrpc", "2.0"}};
  // Both npm clients refuse "id": null.
  if (!id.is_null()) out["id"] = id;
  out["error"] = std::move(body);
  return out;
}

Json notification_message(const std::string& method, Json params) {
  return {{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}};
}

std::string to_line(const Json& message) {
  return message.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace jobward::mcp
