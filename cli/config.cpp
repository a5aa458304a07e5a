#include "cli/config.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "cli/block_keys.h"
#include "cli/hook_keys.h"
#include "cli/toml_reader.h"
#include "cli/wish_keys.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using launcher::LimitSettings;

constexpr const char* kDefaults = "defaults";
constexpr const char* kPresets = "presets";

Status set_share(const TomlEntry& entry, double& target) {
  auto value = share_value(entry);
  if (!value) return tl::unexpected(std::move(value).error());
  target = *value;
  return {};
}

Status set_guess_share(const TomlEntry& entry, LimitSettings& out) {
  JOBWARD_RETURN_IF_ERROR(set_share(entry, out.guess_share));
  if (out.guess_share <= 0) return error("use", "a share of 0", "no job can start with nothing");
  return {};
}

Status set_minimum(const TomlEntry& entry, LimitSettings& out) {
  auto bytes = text_value(entry, BareNumber::no, "64M").and_then(parse_bytes);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  out.minimum_bytes = *bytes;
  return {};
}

Status set_grace(const TomlEntry& entry, LimitSettings& out) {
  auto seconds = text_value(entry, BareNumber::no, "10s").and_then(parse_duration_seconds);
  if (!seconds) return tl::unexpected(std::move(seconds).error());
  out.grace_seconds = *seconds;
  return {};
}

Status set_aggregate(const TomlEntry& entry, LimitSettings& out) {
  auto cap = aggregate_value(entry);
  if (!cap) return tl::unexpected(std::move(cap).error());
  out.aggregate = *cap;
  return {};
}

Status set_reserve(const TomlEntry& entry, LimitSettings& out) {
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text == nullptr || (!text->empty() && text->back() == '%')) {
    out.admission.reserve_bytes.reset();
    return set_share(entry, out.admission.reserve_share);
  }
  auto bytes = parse_bytes(*text);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  out.admission.reserve_bytes = static_cast<double>(*bytes);
  return {};
}

Status set_wait(const TomlEntry& entry, LimitSettings& out) {
  out.admission.wait_seconds.reset();
  if (const auto* flag = std::get_if<bool>(&entry.value)) {
    out.admission.wait = *flag;
    return {};
  }
  auto seconds = text_value(entry, BareNumber::no, "10m").and_then(parse_duration_seconds);
  if (!seconds) return tl::unexpected(std::move(seconds).error());
  out.admission.wait = *seconds > 0;
  out.admission.wait_seconds = *seconds;
  return {};
}

Status set_request_ids(const TomlEntry& entry, LimitSettings& out) {
  auto seconds = text_value(entry, BareNumber::no, "30d").and_then(parse_duration_seconds);
  if (!seconds) return tl::unexpected(std::move(seconds).error());
  out.admission.request_ids_seconds = *seconds;
  return {};
}

Status set_log_bytes(const TomlEntry& entry, LimitSettings& out) {
  auto bytes = text_value(entry, BareNumber::no, "16M").and_then(parse_bytes);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  if (*bytes < 64U << 10U) return error("keep", "so little of a log", "64K at least");
  out.log_bytes = *bytes;
  return {};
}

Status set_on_end(const TomlEntry& entry, LimitSettings& out) {
  auto words = list_value(entry, "notify-me");
  if (!words) return tl::unexpected(std::move(words).error());
  out.on_end = std::move(*words);
  return {};
}

struct SettingKey {
  std::string_view section;
  std::string_view key;
  Status (*read)(const TomlEntry& entry, LimitSettings& out);
};

constexpr std::array kSettingKeys{
    SettingKey{"memory", "guess_share", set_guess_share},
    SettingKey{
        "memory", "margin",
        [](const TomlEntry& entry, LimitSettings& out) { return set_share(entry, out.margin); }},
    SettingKey{"memory", "minimum", set_minimum},
    SettingKey{"time", "grace", set_grace},
    SettingKey{"aggregate", "memory", set_aggregate},
    SettingKey{"admission", "reserve", set_reserve},
    SettingKey{"admission", "wait", set_wait},
    SettingKey{"admission", "request_ids", set_request_ids},
    SettingKey{"logs", "keep", set_log_bytes},
    SettingKey{"runs", "on_end", set_on_end},
};

// All keys that could stand where this one stands.
std::vector<std::string> known_names(const TomlEntry& entry) {
  std::vector<std::string> names;
  for (const auto& known : kSettingKeys)
    names.push_back(std::string(known.section) + "." + std::string(known.key));
  const auto hooks = hook_names();
  names.insert(names.end(), hooks.begin(), hooks.end());
  const auto blocks = block_names();
  names.insert(names.end(), blocks.begin(), blocks.end());
  for (const auto& key : wish_keys()) {
    names.push_back(std::string(kDefaults) + "." + key);
    if (entry.path.size() == 3)
      names.push_back(std::string(kPresets) + "." + printable(entry.path[1]) + "." + key);
  }
  return names;
}

bool is_section(const std::vector<std::string>& path) {
  if (path.size() == 2) return path[0] == kPresets;
  const bool known = path[0] == kDefaults || path[0] == kPresets || path[0] == kBlocks ||
                     path[0] == kHooks || path[0] == kModels;
  return path.size() == 1 &&
         (known || std::any_of(kSettingKeys.begin(), kSettingKeys.end(),
                               [&](const SettingKey& key) { return key.section == path[0]; }));
}

bool is_wish_key(const std::string& key) {
  const auto& keys = wish_keys();
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// One file while it is read.
struct Reading {
  LimitSettings settings;
  hooks::HookSettings hooks;
  WishLayer defaults;
  std::string defaults_at;
  std::map<std::string, Preset> presets;
};

Status read_table(const TomlEntry& entry, bool empty, Reading& out) {
  const bool known = is_section(entry.path);
  if (!known && empty) return unknown_key(entry, known_names(entry));
  if (known && entry.path.size() == 2) out.presets[entry.path[1]].where = entry.where;
  if (known && entry.path[0] == kDefaults) out.defaults_at = entry.where;
  return {};
}

// Absent: there is no such key. A table in a value's place is a value of the wrong type.
std::optional<Status> read_value(const TomlEntry& entry, Reading& out) {
  const auto& path = entry.path;
  if (path.size() == 2 && path[0] == kDefaults && is_wish_key(path[1]))
    return read_wish(entry, path[1], entry.where, false, out.defaults);
  if (path.size() == 3 && path[0] == kPresets && is_wish_key(path[2])) {
    const std::string source = "preset " + printable(path[1]) + " (" + entry.where + ")";
    return read_wish(entry, path[2], source, true, out.presets[path[1]].wishes);
  }
  for (const auto& known : kSettingKeys)
    if (path.size() == 2 && path[0] == known.section && path[1] == known.key)
      return known.read(entry, out.settings);
  if (auto read = read_hook_key(entry, out.hooks)) return read;
  // On top of what the files below block: none takes away another's.
  return read_block(entry, LimitOrigin::asked, out.settings.blocks);
}

Status read_entry(const TomlEntry& entry, Reading& out) {
  if (const auto read = read_value(entry, out)) {
    if (!*read) return value_error(entry, read->error());
    return {};
  }
  if (const auto* table = std::get_if<TomlEntry::Table>(&entry.value))
    return read_table(entry, table->empty, out);
  return unknown_key(entry, known_names(entry));
}

Status settle_section(WishLayer& layer, const std::string& where, const std::string& name) {
  if (const auto contradiction = settle(layer))
    return config_error(where, "[" + name + "] asks for " + *contradiction);
  return {};
}

}  // namespace

Result<std::optional<launcher::AggregateCap>> aggregate_value(const TomlEntry& entry) {
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text != nullptr && *text == "none") return std::nullopt;
  launcher::AggregateCap cap;
  cap.source = entry.where;
  if (text == nullptr || (!text->empty() && text->back() == '%')) {
    JOBWARD_RETURN_IF_ERROR(set_share(entry, cap.share));
  } else {
    auto bytes = parse_bytes(*text);
    if (!bytes) return tl::unexpected(std::move(bytes).error());
    cap.bytes = static_cast<double>(*bytes);
  }
  if (cap.bytes.value_or(cap.share) <= 0)
    return error("use", "a cap of 0", "no job can start with nothing; \"none\" sets no cap");
  return cap;
}

Result<Configuration> parse_config(std::string_view text, const std::string& file,
                                   Configuration below) {
  auto entries = read_toml(text, file);
  if (!entries) return tl::unexpected(std::move(entries).error());
  Reading reading;
  reading.settings = below.settings;
  reading.hooks = below.hooks;
  for (const auto& entry : *entries)
    JOBWARD_RETURN_IF_ERROR(read_entry(entry, reading));
  JOBWARD_RETURN_IF_ERROR(settle_section(reading.defaults, reading.defaults_at, kDefaults));
  for (auto& [name, preset] : reading.presets)
    JOBWARD_RETURN_IF_ERROR(
        settle_section(preset.wishes, preset.where, "presets." + printable(name)));
  JOBWARD_RETURN_IF_ERROR(settle_models(reading.hooks.tiers, file));
  below.settings = reading.settings;
  below.hooks = std::move(reading.hooks);
  below.defaults = over(std::move(reading.defaults), below.defaults);
  for (auto& [name, preset] : reading.presets)
    below.presets.insert_or_assign(name, std::move(preset));
  below.files.push_back(file);
  return below;
}

Result<WishLayer> find_preset(const Configuration& config, const std::string& name) {
  if (const auto found = config.presets.find(name); found != config.presets.end())
    return found->second.wishes;
  std::vector<std::string> known;
  std::string list;
  for (const auto& [key, preset] : config.presets) {
    known.push_back(key);
    list += (list.empty() ? "" : ", ") + printable(key) + " (" + preset.where + ")";
  }
  std::string detail = "there is no such preset";
  if (const auto nearest = nearest_word(name, known))
    detail += "; did you mean " + printable(*nearest) + "?";
  if (!list.empty()) return error("use", "preset " + printable(name), detail + "; known: " + list);
  std::string files;
  for (const auto& file : config.files)
    files += (files.empty() ? "" : ", ") + printable(file);
  return error(
      "use", "preset " + printable(name),
      detail + ", and no other: " +
          (files.empty() ? std::string("there is no configuration file") : "none in " + files));
}

}  // namespace jobward::cli
