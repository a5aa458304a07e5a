// Codex's config.toml, as text: a table of ours at its end, between two comments.
#include <algorithm>

#include "agent/setup/edit.h"
#include "common/text.h"
#include "common/toml.h"

namespace jobward::setup {
namespace {

constexpr std::string_view kBegin = "# jobward: begin (jobward install codex)\n";
constexpr std::string_view kEnd = "# jobward: end\n";

// Its own lines; absent: none. An error: only one of the two comments is there.
struct Block {
  std::size_t begin = std::string_view::npos;
  std::size_t end = 0;
  [[nodiscard]] bool is_there() const { return begin != std::string_view::npos; }
};

Result<Block> find_block(std::string_view text, const std::string& path) {
  Block out;
  out.begin = text.find(kBegin);
  const auto end = text.find(kEnd);
  if (!out.is_there() && end == std::string_view::npos) return out;
  if (!out.is_there() || end == std::string_view::npos || end < out.begin)
    return error("change", printable(path),
                 "of the two comments around jobward's lines one is missing; it was left alone");
  out.end = end + kEnd.size();
  return out;
}

// A basic string of TOML. Escapes as in JSON, which it is a superset of here.
std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string block(const Json& server) {
  std::string out(kBegin);
  out += std::string("[mcp_servers.") + kServerName + "]\n";
  for (const auto& [name, value] : server.items()) {
    out += name + " = ";
    if (value.is_string()) {
      out += quoted(value.get<std::string>());
    } else if (value.is_array()) {
      std::string list;
      for (const auto& one : value)
        list += (list.empty() ? "" : ", ") + quoted(one.get<std::string>());
      out += "[" + list + "]";
    } else {
      out += value.dump();
    }
    out += "\n";
  }
  return out + std::string(kEnd);
}

// Does it have a server of this name that is not ours to change?
Result<bool> has_other(std::string_view text, const std::string& path) {
  const auto entries = read_toml(text, path, "settings");
  if (!entries) return tl::unexpected(entries.error());
  return std::any_of(entries->begin(), entries->end(), [](const TomlEntry& entry) {
    return entry.path.size() >= 2 && entry.path[0] == "mcp_servers" && entry.path[1] == kServerName;
  });
}

std::string without(std::string_view text, const Block& block) {
  std::string out(text.substr(0, block.begin));
  // The blank line that was put before it.
  if (out.ends_with("\n\n")) out.pop_back();
  return out + std::string(text.substr(block.end));
}

}  // namespace

Result<std::string> toml_with_ours(std::string_view text, const Registration& wanted) {
  const auto old = find_block(text, wanted.path);
  if (!old) return tl::unexpected(old.error());
  const auto ours = block(*wanted.server);
  if (old->is_there() && text.substr(old->begin, old->end - old->begin) == ours)
    return std::string(text);
  std::string rest = old->is_there() ? without(text, *old) : std::string(text);
  const auto other = has_other(rest, wanted.path);
  if (!other) return tl::unexpected(other.error());
  if (*other)
    return error("change", printable(wanted.path),
                 "it has [mcp_servers.jobward] already, not written by `jobward install`; it was "
                 "left alone");
  if (!rest.empty() && !rest.ends_with('\n')) rest += "\n";
  if (!rest.empty()) rest += "\n";
  std::string out = rest + ours;
  // Where it cannot be read with ours (an inline table of servers), nothing is changed.
  if (const auto whole = read_toml(out, wanted.path, "settings"); !whole)
    return rethrow(whole.error(), "with jobward's lines it could not be read; it was left alone");
  return out;
}

Result<std::string> toml_without_ours(std::string_view text, const Registration& wanted) {
  const auto old = find_block(text, wanted.path);
  if (!old) return tl::unexpected(old.error());
  return old->is_there() ? without(text, *old) : std::string(text);
}

}  // namespace jobward::setup
