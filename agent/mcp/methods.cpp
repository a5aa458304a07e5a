#include "agent/mcp/methods.h"

#include <algorithm>
#include <array>

#include "common/text.h"

namespace jobward::mcp {
namespace {

// What a client may keep of what never changes while a server runs.
constexpr int kKeepMs = 3600 * 1000;

std::string_view agreed_version(const std::string& requested) {
  const auto found = std::find(kHandshakeVersions.begin(), kHandshakeVersions.end(), requested);
  return found == kHandshakeVersions.end() ? kHandshakeVersion : *found;
}

void initialize(Connection& connection, const Asked& asked, const Reply& reply) {
  const Json& version = member(asked.params, "protocolVersion");
  if (!version.is_string()) {
    reply.error({rpc_code::kInvalidParams, "protocolVersion is missing, or no text"});
    return;
  }
  connection.shake_hands(client_of(member(asked.params, "clientInfo")));
  const auto& service = connection.service();
  Json capabilities{{"tools", Json::object()}};
  if (service.tasks != nullptr)
    capabilities["tasks"] = {{"list", Json::object()},
                             {"cancel", Json::object()},
                             {"requests", {{"tools", {{"call", Json::object()}}}}}};
  reply.result({{"protocolVersion", agreed_version(version.get<std::string>())},
                {"capabilities", std::move(capabilities)},
                {"serverInfo",
                 {{"name", service.name}, {"title", service.title}, {"version", service.version}}},
                {"instructions", service.instructions}});
}

void ping(Connection& /*connection*/, const Asked& /*asked*/, const Reply& reply) {
  reply.result(Json::object());
}

void discover(Connection& connection, const Asked& /*asked*/, const Reply& reply) {
  const auto& service = connection.service();
  Json capabilities{{"tools", Json::object()}};
  if (service.tasks != nullptr) capabilities["extensions"] = {{meta_key::kTasks, Json::object()}};
  reply.result({{"supportedVersions", supported_versions()},
                {"capabilities", std::move(capabilities)},
                {"instructions", service.instructions},
                {"ttlMs", kKeepMs},
                {"cacheScope", "private"}});
}

void tools_list(Connection& connection, const Asked& asked, const Reply& reply) {
  // All of them at once: both npm clients forget the schemas of other pages.
  if (asked.params.contains("cursor")) {
    reply.error({rpc_code::kInvalidParams, "there is one page only, and no cursor"});
    return;
  }
  const bool handshake = asked.revision == Revision::handshake;
  Json tools = Json::array();
  for (const auto& tool : connection.service().tools)
    tools.push_back(description_of(tool, handshake));
  Json out{{"tools", std::move(tools)}};
  if (!handshake) {
    out["ttlMs"] = kKeepMs;
    out["cacheScope"] = "private";
  }
  reply.result(std::move(out));
}

void tools_call(Connection& connection, const Asked& asked, const Reply& reply) {
  const Json& name = member(asked.params, "name");
  if (!name.is_string()) {
    reply.error({rpc_code::kInvalidParams, "name is missing, or no text"});
    return;
  }
  const auto& tools = connection.service().tools;
  const auto* tool = find_tool(tools, name.get<std::string>());
  if (tool == nullptr) {
    std::vector<std::string> names;
    for (const auto& known : tools)
      names.push_back(known.name);
    std::string text = "Unknown tool: " + printable(name.get<std::string>());
    if (const auto nearest = nearest_word(name.get<std::string>(), names))
      text += "; did you mean " + *nearest + "?";
    reply.error({rpc_code::kInvalidParams, std::move(text)});
    return;
  }
  const bool handshake = asked.revision == Revision::handshake;
  const bool wants_task = handshake ? member(asked.params, "task").is_object() : asked.knows_tasks;
  if (handshake && wants_task && !tool->may_be_task) {
    reply.error({rpc_code::kMethodNotFound, tool->name + " is short: it is no task"});
    return;
  }
  const Json& given = member(asked.params, "arguments");
  Json arguments = given.is_null() ? Json::object() : given;
  if (auto problem = objection(tool->takes, arguments); !problem.empty()) {
    reply.result(result_of(tool_error(std::move(problem), "nothing was done; call it again")));
    return;
  }
  connection.start(asked, *tool, std::move(arguments), wants_task && tool->may_be_task, reply);
}

constexpr auto kMethods = std::to_array<Method>({
    {"initialize", true, false, initialize},
    {"ping", true, false, ping},
    {"server/discover", false, true, discover},
    {"tools/list", true, true, tools_list},
    {"tools/call", true, true, tools_call},
    {"tasks/get", true, true, tasks_get},
    {"tasks/result", true, false, tasks_result},
    {"tasks/list", true, false, tasks_list},
    {"tasks/cancel", true, true, tasks_cancel},
    {"tasks/update", false, true, tasks_update},
});

}  // namespace

const Method* find_method(const std::string& name, Revision revision) {
  const auto found = std::find_if(kMethods.begin(), kMethods.end(), [&](const Method& method) {
    const bool there = revision == Revision::handshake ? method.in_handshake : method.in_stateless;
    return there && name == method.name;
  });
  return found == kMethods.end() ? nullptr : &*found;
}

}  // namespace jobward::mcp
