#include <algorithm>
#include <utility>

#include "agent/setup/edit.h"
#include "common/json_depth.h"
#include "common/text.h"

namespace jobward::setup {
namespace {

// As the file is indented already.
int indent_of(std::string_view text, char& with) {
  with = ' ';
  const auto line = text.find('\n');
  if (line == std::string_view::npos) return 2;
  const auto begin = line + 1;
  if (begin < text.size() && text[begin] == '\t') {
    with = '\t';
    return 1;
  }
  const auto end = text.find_first_not_of(' ', begin);
  const auto width = end == std::string_view::npos ? 0 : end - begin;
  return width >= 1 && width <= 8 ? static_cast<int>(width) : 2;
}

std::string written(const Json& object, std::string_view like) {
  char with = ' ';
  const int indent = indent_of(like, with);
  return object.dump(indent, with, false, Json::error_handler_t::replace) + "\n";
}

Result<Json> read(std::string_view text, const Registration& wanted) {
  if (trim(text).empty()) return wanted.base.is_object() ? wanted.base : Json::object();
  auto object =
      is_nested_deeper(text, hooks::kDeepestJson) ? Json() : Json::parse(text, nullptr, false);
  if (!object.is_object())
    return error("change", printable(wanted.path),
                 "it is no plain JSON object (comments, perhaps); it was left alone");
  return object;
}

std::string command_in(const Json& handler) {
  if (!handler.is_object()) return {};
  const auto found = handler.find("command");
  return found != handler.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Takes our handlers out of an event's list: flat ones, and those in groups.
void remove_from(Json& list, Agent agent) {
  Json kept = Json::array();
  for (auto& entry : list) {
    if (is_our_hook(command_in(entry), agent)) continue;
    const bool group = entry.is_object() && entry.contains("hooks") && entry["hooks"].is_array();
    if (group) {
      auto& handlers = entry["hooks"];
      const auto before = handlers.size();
      Json others = Json::array();
      for (auto& handler : handlers)
        if (!is_our_hook(command_in(handler), agent)) others.push_back(std::move(handler));
      handlers = std::move(others);
      if (before > 0 && handlers.empty()) continue;
    }
    kept.push_back(std::move(entry));
  }
  list = std::move(kept);
}

Status check_shape(const Json& object, const Registration& wanted) {
  const auto wrong = [&](const std::string& what) {
    return error("change", printable(wanted.path), what + "; it was left alone");
  };
  if (object.contains("hooks") && !object["hooks"].is_object())
    return wrong("\"hooks\" is no object");
  if (object.contains("hooks"))
    for (const auto& [event, list] : object["hooks"].items())
      if (!list.is_array()) return wrong("\"hooks\"." + printable(event) + " is no array");
  if (object.contains("mcpServers") && !object["mcpServers"].is_object())
    return wrong("\"mcpServers\" is no object");
  return {};
}

bool has_entry(const Json& list, const Json& entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

void put_hooks(Json& object, const Registration& wanted, Agent agent) {
  for (const auto& hook : wanted.hooks) {
    auto& list = object["hooks"][hook.event];
    if (list.is_null()) list = Json::array();
    // Where it stands already it keeps its place: Codex knows a trusted hook by that.
    if (has_entry(list, hook.entry)) continue;
    remove_from(list, agent);
    list.push_back(hook.entry);
  }
}

// Is the server of this name ours?
bool is_our_server(const Json& server) {
  const auto command = command_in(server);
  return command == "jobward" || command.ends_with("/jobward");
}

}  // namespace

Result<std::string> with_ours(std::string_view text, const Registration& wanted, Agent agent) {
  if (wanted.kind == Registration::Kind::codex_toml) return toml_with_ours(text, wanted);
  auto object = read(text, wanted);
  if (!object) return tl::unexpected(std::move(object).error());
  JOBWARD_RETURN_IF_ERROR(check_shape(*object, wanted));
  const Json before = *object;
  put_hooks(*object, wanted, agent);
  if (wanted.server) {
    auto& servers = (*object)["mcpServers"];
    if (servers.is_object() && servers.contains(kServerName) &&
        !is_our_server(servers[kServerName]))
      return error(
          "change", printable(wanted.path),
          "it has an MCP server called jobward that is another program; it was left alone");
    // What a user has added to it (an environment, a time) stays.
    auto& server = servers[kServerName];
    for (const auto& [name, value] : wanted.server->items())
      server[name] = value;
  }
  if (*object == before && !trim(text).empty()) return std::string(text);
  return written(*object, text);
}

Result<std::string> without_ours(std::string_view text, const Registration& wanted, Agent agent) {
  if (trim(text).empty()) return std::string(text);
  if (wanted.kind == Registration::Kind::codex_toml) return toml_without_ours(text, wanted);
  auto object = read(text, wanted);
  if (!object) return tl::unexpected(std::move(object).error());
  JOBWARD_RETURN_IF_ERROR(check_shape(*object, wanted));
  const Json before = *object;
  if (object->contains("hooks")) {
    auto& events = (*object)["hooks"];
    std::vector<std::string> empty;
    for (auto& [event, list] : events.items()) {
      const bool had = !list.empty();
      remove_from(list, agent);
      if (had && list.empty()) empty.push_back(event);
    }
    for (const auto& event : empty)
      events.erase(event);
    if (!empty.empty() && events.empty()) object->erase("hooks");
  }
  if (object->contains("mcpServers")) {
    auto& servers = (*object)["mcpServers"];
    if (servers.contains(kServerName) && is_our_server(servers[kServerName])) {
      servers.erase(kServerName);
      if (servers.empty()) object->erase("mcpServers");
    }
  }
  if (*object == before) return std::string(text);
  return written(*object, text);
}

}  // namespace jobward::setup
