#include "cli/config.h"

#include <cerrno>
#include <map>

// The library asserts on some broken headers ("[!x") that it then reports; releases are built
// without asserts.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include "common/files.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using launcher::LimitSettings;

std::string at_line(const std::string& file, const toml::source_region& source) {
  return file + ":" + std::to_string(source.begin.line);
}

tl::unexpected<Error> bad(const std::string& where, const std::string& what) {
  return error("read configuration", where, what);
}

// A share: a number, or a text such as "50%".
Result<double> share(const toml::node& node) {
  if (const auto number = node.value<double>()) {
    if (*number >= 0 && *number <= 1) return *number;
    return error("read", "a share", "it must be between 0 and 1");
  }
  if (const auto text = node.value<std::string>()) return parse_fraction(*text);
  return error("read", "a share", "expected 0.5 or \"50%\"");
}

Result<std::string> text_of(const toml::node& node, const char* example) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  return error("read", "a value", std::string("expected a text such as \"") + example + "\"");
}

using Setter = std::function<Status(const toml::node&, LimitSettings&)>;

Status set_share(const toml::node& node, double& target) {
  auto value = share(node);
  if (!value) return tl::unexpected(std::move(value).error());
  target = *value;
  return {};
}

const std::map<std::string, Setter, std::less<>>& setters() {
  static const std::map<std::string, Setter, std::less<>> table{
      {"memory.guess_share",
       [](const toml::node& node, LimitSettings& out) -> Status {
         JOBWARD_RETURN_IF_ERROR(set_share(node, out.guess_share));
         if (out.guess_share <= 0)
           return error("use", "a share of 0", "no job can start with nothing");
         return {};
       }},
      {"memory.margin",
       [](const toml::node& node, LimitSettings& out) { return set_share(node, out.margin); }},
      {"memory.minimum",
       [](const toml::node& node, LimitSettings& out) -> Status {
         auto text = text_of(node, "64M");
         if (!text) return tl::unexpected(std::move(text).error());
         auto bytes = parse_bytes(*text);
         if (!bytes) return tl::unexpected(std::move(bytes).error());
         out.minimum_bytes = *bytes;
         return {};
       }},
      {"time.grace", [](const toml::node& node, LimitSettings& out) -> Status {
         auto text = text_of(node, "10s");
         if (!text) return tl::unexpected(std::move(text).error());
         auto seconds = parse_duration_seconds(*text);
         if (!seconds) return tl::unexpected(std::move(seconds).error());
         out.grace_seconds = *seconds;
         return {};
       }}};
  return table;
}

tl::unexpected<Error> unknown_key(const std::string& where, const std::string& key) {
  std::vector<std::string> known;
  for (const auto& [name, setter] : setters())
    known.push_back(name);
  std::string text = "unknown key " + printable(key);
  if (const auto nearest = nearest_word(key, known)) text += "; did you mean " + *nearest + "?";
  return bad(where, text);
}

bool is_section(const std::string& name) {
  for (const auto& [key, setter] : setters())
    if (key.compare(0, name.size() + 1, name + ".") == 0) return true;
  return false;
}

Status apply_table(const toml::table& table, const std::string& prefix, const std::string& file,
                   LimitSettings& out) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table(); inner != nullptr && prefix.empty()) {
      if (inner->empty() && !is_section(key)) return unknown_key(at_line(file, node.source()), key);
      JOBWARD_RETURN_IF_ERROR(apply_table(*inner, key + ".", file, out));
      continue;
    }
    const std::string where = at_line(file, node.source());
    const auto setter = setters().find(key);
    if (setter == setters().end()) return unknown_key(where, key);
    if (auto set = setter->second(node, out); !set)
      return bad(where, key + ": " + set.error().message());
  }
  return {};
}

}  // namespace

Result<LimitSettings> parse_config(std::string_view text, const std::string& file) {
  LimitSettings settings;
  try {
    const auto table = toml::parse(text, file);
    if (auto applied = apply_table(table, "", file, settings); !applied)
      return tl::unexpected(std::move(applied).error());
  } catch (const toml::parse_error& broken) {  // the library's only way to say so
    return bad(at_line(file, broken.source()), printable(broken.description()));
  }
  return settings;
}

Result<LimitSettings> load_config(
    unsigned uid, const std::function<std::optional<std::string>(const char*)>& environment) {
  std::string path;
  const auto named = environment("JOBWARD_CONFIG");
  if (named) {
    path = *named;
  } else if (uid == 0) {
    path = "/etc/jobward/config.toml";
  } else if (const auto xdg = environment("XDG_CONFIG_HOME")) {
    path = *xdg + "/jobward/config.toml";
  } else if (const auto home = environment("HOME")) {
    path = *home + "/.config/jobward/config.toml";
  } else {
    return LimitSettings{};
  }
  auto text = read_file(path, 1U << 20U);
  // Under su or from cron HOME may be another user's: what nobody named and nobody may read is not
  // ours.
  const bool absent = !text && (text.error().errnum == ENOENT || text.error().errnum == EACCES);
  if (absent && !named) return LimitSettings{};
  if (!text) return rethrow(std::move(text).error(), "configuration");
  return parse_config(*text, path);
}

}  // namespace jobward::cli
