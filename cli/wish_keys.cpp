#include "cli/wish_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/limit_options.h"

namespace jobward::cli {
namespace {

struct Target {
  WishLayer& layer;
  const std::string& source;
  bool insist;
};

template <class T>
Status put(Result<T> value, std::optional<T>& target) {
  if (!value) return tl::unexpected(std::move(value).error());
  target = *value;
  return {};
}

template <class Parser>
auto parsed(const TomlEntry& entry, BareNumber bare, std::string_view example, Parser parse) {
  return text_value(entry, bare, example).and_then(parse);
}

Status read_warnings(const TomlEntry& entry, Target target) {
  auto texts = list_value(entry, "USR1@90%");
  if (!texts) return tl::unexpected(std::move(texts).error());
  auto& warnings = target.layer.warnings.emplace();
  for (const auto& text : *texts) {
    auto signal = parse_warn_signal(text);
    if (!signal) return tl::unexpected(std::move(signal).error());
    warnings.push_back({*signal, text, target.source, target.insist});
  }
  return {};
}

Status read_elastic(const TomlEntry& entry, Target target) {
  auto wish = text_value(entry, BareNumber::no, "16G").and_then(parse_elastic);
  if (!wish) return tl::unexpected(std::move(wish).error());
  wish->how.source = target.source;
  wish->how.insist = target.insist;
  target.layer.elastic = std::move(*wish);
  return {};
}

struct Setting {
  std::string_view key;
  Status (*read)(const TomlEntry& entry, Target target);
};

constexpr std::array kSettings{
    Setting{"nice",
            [](const TomlEntry& entry, Target target) {
              return put(parsed(entry, BareNumber::yes, "10", parse_nice), target.layer.nice);
            }},
    Setting{"oom_score",
            [](const TomlEntry& entry, Target target) {
              return put(parsed(entry, BareNumber::yes, "500", parse_oom_score),
                         target.layer.oom_score);
            }},
    Setting{"oom_kill",
            [](const TomlEntry& entry, Target target) {
              return put(parsed(entry, BareNumber::no, "job", parse_oom_kill),
                         target.layer.oom_kills_job);
            }},
    Setting{"warn_signal", read_warnings},
    Setting{"retry_oom",
            [](const TomlEntry& entry, Target target) {
              return put(parsed(entry, BareNumber::yes, "2", parse_retries),
                         target.layer.retry_oom);
            }},
    Setting{"retry_time",
            [](const TomlEntry& entry, Target target) {
              return put(parsed(entry, BareNumber::yes, "1", parse_retries),
                         target.layer.retry_time);
            }},
    Setting{"elastic", read_elastic},
    Setting{"objective",
            [](const TomlEntry& entry, Target target) {
              return put(parsed(entry, BareNumber::no, "lean", parse_objective),
                         target.layer.objective);
            }},
    Setting{"confidence",
            [](const TomlEntry& entry, Target target) {
              return put(parsed(entry, BareNumber::yes, "99%", parse_confidence),
                         target.layer.confidence);
            }},
    Setting{"no_limit",
            [](const TomlEntry& entry, Target target) {
              return put(bool_value(entry), target.layer.no_memory_limit);
            }},
    Setting{"no_time",
            [](const TomlEntry& entry, Target target) {
              return put(bool_value(entry), target.layer.no_wall_limit);
            }},
};

}  // namespace

const std::vector<std::string>& wish_keys() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> out;
    for (const auto& option : limit_options())
      out.emplace_back(option.key);
    for (const auto& setting : kSettings)
      out.emplace_back(setting.key);
    return out;
  }();
  return keys;
}

Status read_wish(const TomlEntry& entry, const std::string& key, const std::string& source,
                 bool insist, WishLayer& layer) {
  if (const LimitOption* option = find_limit_option(key)) {
    auto text = text_value(entry, option->bare, option->example);
    if (!text) return tl::unexpected(std::move(text).error());
    return set_limit(layer, key, *text, source);
  }
  const auto* setting = std::find_if(kSettings.begin(), kSettings.end(),
                                     [&](const Setting& known) { return known.key == key; });
  if (setting == kSettings.end()) return error("set", key, "no such key");
  return setting->read(entry, {layer, source, insist});
}

}  // namespace jobward::cli
