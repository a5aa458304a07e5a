#include "agent/mcp/connection.h"

#include <exception>
#include <utility>

#include "agent/mcp/line_buffer.h"
#include "agent/mcp/methods.h"
#include "common/log.h"
#include "common/text.h"

namespace jobward::mcp {
namespace {

// "progressToken" is a text or a number; anything else is none.
Json progress_token(const Json& params) {
  const Json& token = member(member(params, "_meta"), "progressToken");
  return token.is_string() || token.is_number() ? token : Json(nullptr);
}

}  // namespace

Connection::Connection(const Service& service, std::function<void(const Json&)> send)
    : service_(service), send_(std::move(send)) {}

void Connection::receive(std::string_view text) {
  auto message = read_message(text);
  if (auto* request = std::get_if<Request>(&message)) {
    take(std::move(*request));
  } else if (const auto* notification = std::get_if<Notification>(&message)) {
    take(*notification);
  } else if (const auto* malformed = std::get_if<Malformed>(&message)) {
    send_(error_message(malformed->id, malformed->error));
  }
}

void Connection::refuse_too_long() {
  send_(error_message(
      nullptr, {rpc_code::kInvalidRequest, "a message may have " + std::to_string(kLongestMessage) +
                                               " bytes; this one was longer and is lost"}));
}

void Connection::take(Request request) {
  Asked asked;
  asked.id = request.id;
  if (auto problem = understand(request, asked)) {
    send_(error_message(request.id, *problem));
    return;
  }
  asked.method = std::move(request.method);
  asked.params = std::move(request.params);
  const std::string key = asked.id.dump();
  if (!going_on_.emplace(key, GoingOn()).second) {
    send_(error_message(
        asked.id, {rpc_code::kInvalidRequest, "a request with this id has not been answered yet"}));
    return;
  }
  const auto reply = way_back(asked);
  const auto* method = find_method(asked.method, asked.revision);
  if (method == nullptr) {
    reply.error(
        {rpc_code::kMethodNotFound, "there is no method \"" + printable(asked.method) + "\" here"});
    return;
  }
  try {
    method->function(*this, asked, reply);
  } catch (const std::exception& broken) {
    log::error(std::string("mcp: ") + asked.method + ": " + broken.what());
    if (going_on_.contains(key)) reply.error({rpc_code::kInternalError, broken.what()});
  }
}

void Connection::take(const Notification& notification) {
  if (notification.method != "notifications/cancelled") return;
  const Json& id = member(notification.params, "requestId");
  const auto found = going_on_.find(id.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (found == going_on_.end() || (!found->second.call && !found->second.let_go)) return;
  const auto request = found->second;
  going_on_.erase(found);
  request.cut(Call::Cut::cancelled);
}

std::optional<RpcError> Connection::understand(const Request& request, Asked& asked) const {
  const Json& meta = member(request.params, "_meta");
  const bool names_version = meta.is_object() && meta.contains(meta_key::kVersion);
  if (!names_version && request.method != "server/discover") {
    asked.revision = Revision::handshake;
    asked.client = client_;
    if (agreed_ || request.method == "initialize" || request.method == "ping") return std::nullopt;
    return RpcError{rpc_code::kInvalidParams,
                    "begin with initialize, or name the protocol version in params._meta"};
  }
  asked.revision = Revision::stateless;
  const Json& version = member(meta, meta_key::kVersion);
  const Json& capabilities = member(meta, meta_key::kCapabilities);
  if (!version.is_string() || !capabilities.is_object())
    return RpcError{rpc_code::kInvalidParams, std::string("params._meta needs ") +
                                                  meta_key::kVersion + " (a text) and " +
                                                  meta_key::kCapabilities + " (an object)"};
  if (version != kStatelessVersion) return unsupported_version(version.get<std::string>());
  asked.client = client_of(member(meta, meta_key::kClient));
  asked.knows_tasks = member(member(capabilities, "extensions"), meta_key::kTasks).is_object();
  return std::nullopt;
}

Reply Connection::way_back(const Asked& asked) {
  const std::string key = asked.id.dump();
  const std::weak_ptr<int> alive = alive_;
  const bool stateless = asked.revision == Revision::stateless;
  const auto finish = [this, alive, key](const Json& message) {
    if (alive.expired() || going_on_.erase(key) == 0) return;
    send_(message);
  };
  Reply reply;
  reply.result = [this, alive, finish, stateless, id = asked.id](Json result) {
    if (alive.expired()) return;
    if (stateless) {
      if (!result.contains("resultType")) result["resultType"] = "complete";
      result["_meta"][meta_key::kServer] = {{"name", service_.name}, {"version", service_.version}};
    }
    finish(result_message(id, std::move(result)));
  };
  reply.error = [finish, id = asked.id](const RpcError& error) {
    finish(error_message(id, error));
  };
  return reply;
}

void Connection::shake_hands(const Client& client) {
  agreed_ = true;
  client_ = client;
}

void Connection::start(const Asked& asked, const Tool& tool, Json arguments, bool as_task,
                       const Reply& reply) {
  Call::Origin origin;
  origin.executor = service_.executor;
  origin.client = asked.client;
  origin.arguments = std::move(arguments);
  origin.progress_token = progress_token(asked.params);
  origin.as_task = as_task;
  origin.answered = [reply](const ToolAnswer& answer) { reply.result(result_of(answer)); };
  origin.became_task = [reply, revision = asked.revision](const Task& task) {
    reply.result(created_task(revision, task));
  };
  origin.progressed = [this, alive = std::weak_ptr<int>(alive_)](Json params) {
    if (!alive.expired()) send_(notification_message("notifications/progress", std::move(params)));
  };
  const auto call = std::make_shared<Call>(std::move(origin));
  going_on_[asked.id.dump()].call = call;
  tool.handler(call);
}

void Connection::on_cut(const Asked& asked, std::function<void()> let_go) {
  const auto found = going_on_.find(asked.id.dump());
  if (found != going_on_.end()) found->second.let_go = std::move(let_go);
}

void Connection::GoingOn::cut(Call::Cut how) const {
  if (call) call->cut(how);
  if (let_go) let_go();
}

void Connection::cut(Call::Cut how) {
  const auto requests = going_on_;
  for (const auto& [key, request] : requests)
    request.cut(how);
  going_on_.clear();
}

}  // namespace jobward::mcp
