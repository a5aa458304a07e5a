// Settings in JSON. Only what is ours is written; every other byte stays.
#include <optional>
#include <utility>

#include "agent/setup/edit.h"
#include "agent/setup/json_text.h"
#include "common/json_depth.h"
#include "common/text.h"

namespace jobward::setup {
namespace {

std::string command_in(const Json& handler) {
  if (!handler.is_object()) return {};
  const auto found = handler.find("command");
  return found != handler.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Is the server of this name ours?
bool is_our_server(const Json& server) {
  const auto command = command_in(server);
  return command == "jobward" || command.ends_with("/jobward");
}

// A hook of ours in an event's list: an entry of it, or a handler in the group that the entry is.
struct Place {
  std::size_t entry = 0;
  std::optional<std::size_t> handler;
};

class Settings {
 public:
  Settings(std::string text, const Registration& wanted, Agent agent)
      : text_(std::move(text)), wanted_(wanted), agent_(agent) {}

  Status put_hook(const HookEntry& hook);
  Status put_server(const Json& server);
  Status take_hooks();
  Status take_server();
  std::string text() && { return std::move(text_); }

 private:
  [[nodiscard]] tl::unexpected<Error> left_alone(const std::string& why) const {
    return error("change", printable(wanted_.path), why + "; it was left alone");
  }
  // A member that is an object or an array, or absent.
  [[nodiscard]] Result<std::optional<Part>> find(std::size_t object, const std::string& name,
                                                 char bracket) const;
  // The same; where there is none it is made, empty. Its value's position.
  Result<std::size_t> open(std::size_t object, const std::string& name, char bracket);
  [[nodiscard]] std::optional<Part> handlers_of(const Part& entry) const;
  [[nodiscard]] std::vector<Place> ours_in(std::size_t list) const;
  [[nodiscard]] Part part_at(std::size_t list, const Place& place) const;
  void erase(std::size_t list, const Place& place);
  // The member of which this is the value, where nothing is in it.
  void erase_if_empty(std::size_t object, std::size_t value);
  void set(std::size_t object, const std::string& name, const Json& value);

  std::string text_;
  const Registration& wanted_;
  Agent agent_;
};

Result<std::optional<Part>> Settings::find(std::size_t object, const std::string& name,
                                           char bracket) const {
  std::optional<Part> out;
  for (auto& part : parts_of(text_, object)) {
    if (part.name != name) continue;
    if (out) return left_alone("\"" + printable(name) + "\" stands there twice");
    out = std::move(part);
  }
  if (out && text_[out->value] != bracket)
    return left_alone("\"" + printable(name) + "\" is no " + (bracket == '{' ? "object" : "array"));
  return out;
}

Result<std::size_t> Settings::open(std::size_t object, const std::string& name, char bracket) {
  const auto found = find(object, name, bracket);
  if (!found) return tl::unexpected(found.error());
  if (*found) return (*found)->value;
  append_part(text_, object, &name, bracket == '{' ? Json::object() : Json::array());
  return parts_of(text_, object).back().value;
}

std::optional<Part> Settings::handlers_of(const Part& entry) const {
  if (text_[entry.value] != '{') return std::nullopt;
  for (auto& part : parts_of(text_, entry.value))
    if (part.name == "hooks" && text_[part.value] == '[') return std::move(part);
  return std::nullopt;
}

std::vector<Place> Settings::ours_in(std::size_t list) const {
  std::vector<Place> out;
  const auto is_ours = [&](const Part& part) {
    return is_our_hook(command_in(value_of(text_, part)), agent_);
  };
  const auto entries = parts_of(text_, list);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (is_ours(entries[i])) {
      out.push_back({i, std::nullopt});
      continue;
    }
    const auto group = handlers_of(entries[i]);
    if (!group) continue;
    const auto handlers = parts_of(text_, group->value);
    for (std::size_t k = 0; k < handlers.size(); ++k)
      if (is_ours(handlers[k])) out.push_back({i, k});
  }
  return out;
}

Part Settings::part_at(std::size_t list, const Place& place) const {
  auto entry = parts_of(text_, list)[place.entry];
  if (!place.handler) return entry;
  return parts_of(text_, handlers_of(entry)->value)[*place.handler];
}

// A group that has nothing in it then goes with it.
void Settings::erase(std::size_t list, const Place& place) {
  const auto entry = parts_of(text_, list)[place.entry];
  const auto group = place.handler ? handlers_of(entry) : std::nullopt;
  if (group && parts_of(text_, group->value).size() > 1)
    erase_part(text_, group->value, *place.handler);
  else
    erase_part(text_, list, place.entry);
}

void Settings::erase_if_empty(std::size_t object, std::size_t value) {
  if (!parts_of(text_, value).empty()) return;
  const auto members = parts_of(text_, object);
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].value == value) erase_part(text_, object, i);
}

void Settings::set(std::size_t object, const std::string& name, const Json& value) {
  for (const auto& part : parts_of(text_, object)) {
    if (part.name != name) continue;
    if (value_of(text_, part) != value) replace_value(text_, part, value);
    return;
  }
  append_part(text_, object, &name, value);
}

// Where it stands already it keeps its place (Codex knows a trusted hook by that), and what a user
// has changed in it: options, times, what it matches.
Status Settings::put_hook(const HookEntry& hook) {
  const auto hooks = open(root_of(text_), "hooks", '{');
  if (!hooks) return tl::unexpected(hooks.error());
  const auto list = open(*hooks, hook.event, '[');
  if (!list) return tl::unexpected(list.error());
  const auto ours = ours_in(*list);
  if (ours.empty()) {
    append_part(text_, *list, nullptr, hook.entry);
    return {};
  }
  for (std::size_t i = ours.size() - 1; i > 0; --i)
    erase(*list, ours[i]);
  const auto part = part_at(*list, ours.front());
  const auto before = value_of(text_, part);
  const auto& handler = hook.entry.contains("hooks") ? hook.entry["hooks"][0] : hook.entry;
  set(part.value, "command", moved_command(command_in(before), command_in(handler), agent_));
  // One that waits must not hold the turn up.
  if (handler.contains("asyncRewake") && !before.contains("asyncRewake"))
    for (const char* field : {"timeout", "asyncRewake"})
      set(part.value, field, handler[field]);
  return {};
}

Status Settings::put_server(const Json& server) {
  const auto servers = open(root_of(text_), "mcpServers", '{');
  if (!servers) return tl::unexpected(servers.error());
  const std::string name = kServerName;
  const auto found = find(*servers, name, '{');
  if (!found) return tl::unexpected(found.error());
  if (!*found) {
    append_part(text_, *servers, &name, server);
    return {};
  }
  if (!is_our_server(value_of(text_, **found)))
    return left_alone("it has an MCP server called jobward that is another program");
  // What a user has added to it (an environment, a time) stays.
  for (const auto& [field, value] : server.items())
    set((*found)->value, field, value);
  return {};
}

Status Settings::take_hooks() {
  const auto root = root_of(text_);
  const auto hooks = find(root, "hooks", '{');
  if (!hooks) return tl::unexpected(hooks.error());
  if (!*hooks) return {};
  const auto at = (*hooks)->value;
  bool emptied = false;
  for (std::size_t i = parts_of(text_, at).size(); i-- > 0;) {
    const auto list = parts_of(text_, at)[i].value;
    const auto ours = text_[list] == '[' ? ours_in(list) : std::vector<Place>();
    for (std::size_t k = ours.size(); k-- > 0;)
      erase(list, ours[k]);
    if (ours.empty() || !parts_of(text_, list).empty()) continue;
    erase_part(text_, at, i);
    emptied = true;
  }
  if (emptied) erase_if_empty(root, at);
  return {};
}

Status Settings::take_server() {
  const auto root = root_of(text_);
  const auto servers = find(root, "mcpServers", '{');
  if (!servers) return tl::unexpected(servers.error());
  if (!*servers) return {};
  const auto at = (*servers)->value;
  const auto all = parts_of(text_, at);
  for (std::size_t i = all.size(); i-- > 0;)
    if (all[i].name == kServerName && is_our_server(value_of(text_, all[i])))
      erase_part(text_, at, i);
  if (!all.empty()) erase_if_empty(root, at);
  return {};
}

Status check_object(std::string_view text, const Registration& wanted) {
  if (!is_nested_deeper(text, hooks::kDeepestJson) && Json::parse(text, nullptr, false).is_object())
    return {};
  return error("change", printable(wanted.path),
               "it is no plain JSON object (comments, perhaps); it was left alone");
}

}  // namespace

Result<std::string> with_ours(std::string_view text, const Registration& wanted, Agent agent) {
  if (wanted.kind == Registration::Kind::codex_toml) return toml_with_ours(text, wanted);
  std::string before(text);
  if (trim(text).empty())
    before = (wanted.base.is_object() ? wanted.base : Json::object()).dump(2) + "\n";
  JOBWARD_RETURN_IF_ERROR(check_object(before, wanted));
  Settings settings(std::move(before), wanted, agent);
  for (const auto& hook : wanted.hooks)
    JOBWARD_RETURN_IF_ERROR(settings.put_hook(hook));
  if (wanted.server) JOBWARD_RETURN_IF_ERROR(settings.put_server(*wanted.server));
  return std::move(settings).text();
}

Result<std::string> without_ours(std::string_view text, const Registration& wanted, Agent agent) {
  if (trim(text).empty()) return std::string(text);
  if (wanted.kind == Registration::Kind::codex_toml) return toml_without_ours(text, wanted);
  JOBWARD_RETURN_IF_ERROR(check_object(text, wanted));
  Settings settings(std::string(text), wanted, agent);
  JOBWARD_RETURN_IF_ERROR(settings.take_hooks());
  JOBWARD_RETURN_IF_ERROR(settings.take_server());
  return std::move(settings).text();
}

}  // namespace jobward::setup
