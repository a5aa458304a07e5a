#include "watchdog/options.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/text.h"
#include "watchdog/settings.h"
#include "watchdog/words.h"

namespace jobward::watchdog {
namespace {

// What is not a key of the configuration.
struct Option {
  std::string_view name;
  std::string_view argument;  // empty: it takes none
  std::string_view help;
  std::optional<Mode> mode;
  bool Options::*flag = nullptr;
  std::string Options::*text = nullptr;
};

constexpr std::array kOptions{
    Option{"--once", "", "check, act if needed, end: 0 nothing to do, 1 acted, 2 cannot check",
           Mode::once},
    Option{"--ensure", "", "start in the background unless it runs already", Mode::ensure},
    Option{"--check-config", "", "read the configuration, print what holds, end",
           Mode::check_config},
    Option{"--dry-run", "", "decide and record, but send no signal", {}, &Options::dry_run},
    Option{"--prefer-over-estimate",
           "",
           "of sizes within 10 % a job beyond its own estimate goes first",
           {},
           &Options::prefer_over_estimate},
    Option{"--json", "", "machine-readable output", {}, &Options::json},
    Option{"--within",
           "CGROUP",
           "only this cgroup: its limit, its processes",
           {},
           nullptr,
           &Options::within},
    Option{"--config", "FILE", "the configuration file", {}, nullptr, &Options::config_file},
    Option{"--version", "", "print the version", Mode::version},
    Option{"--help", "", "print this", Mode::help},
};

const Option* find_option(std::string_view name) {
  const auto* const found = std::find_if(kOptions.begin(), kOptions.end(),
                                         [&](const Option& option) { return option.name == name; });
  return found == kOptions.end() ? nullptr : found;
}

const Setting* find_setting(std::string_view name) {
  for (const auto& setting : settings())
    if (!setting.option.empty() && setting.option == name) return &setting;
  return nullptr;
}

tl::unexpected<Error> unknown_option(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& option : kOptions)
    known.emplace_back(option.name);
  for (const auto& setting : settings())
    if (!setting.option.empty()) known.emplace_back(setting.option);
  const auto nearest = nearest_word(name.substr(0, 64), known);
  const std::string kind = name.starts_with('-') ? "the option " : "the argument ";
  return error("use", kind + quoted(name),
               nearest ? "there is none; did you mean " + *nearest + "?"
                       : "there is none; --help lists the options");
}

std::string mode_name(Mode mode) {
  for (const auto& option : kOptions)
    if (option.mode == mode) return std::string(option.name);
  return "";
}

class Parser {
 public:
  explicit Parser(std::span<const char* const> arguments) : arguments_(arguments) {}

  Result<Options> parse() {
    while (!arguments_.empty())
      JOBWARD_RETURN_IF_ERROR(take());
    return std::move(options_);
  }

 private:
  Status take() {
    const std::string_view word = arguments_.front();
    arguments_ = arguments_.subspan(1);
    const auto equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const auto name = word.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = word.substr(equals + 1);
    if (const auto* option = find_option(name)) return take_option(*option, value);
    if (const auto* setting = find_setting(name)) return take_setting(*setting, value);
    return unknown_option(name);
  }

  Status take_option(const Option& option, std::optional<std::string_view> value) {
    const std::string name(option.name);
    if (option.argument.empty() && value)
      return error("use", quoted(*value), name + " takes no value");
    if (option.flag != nullptr) options_.*option.flag = true;
    if (option.mode) return set_mode(*option.mode);
    if (option.text == nullptr) return {};
    auto text = value_for(name, option.argument, value);
    if (!text) return tl::unexpected(std::move(text).error());
    if (!(options_.*option.text).empty()) return error("use", name, "given twice");
    options_.*option.text = std::move(*text);
    return {};
  }

  Status set_mode(Mode mode) {
    const auto is_information = [](Mode m) { return m == Mode::help || m == Mode::version; };
    const Mode before = options_.mode;
    if (is_information(before)) return {};
    if (!is_information(mode) && before != Mode::daemon && before != mode)
      return error("use", mode_name(mode), "not together with " + mode_name(before));
    options_.mode = mode;
    return {};
  }

  Status take_setting(const Setting& setting, std::optional<std::string_view> given) {
    const std::string name(setting.option);
    auto value = value_for(name, setting.argument, given);
    if (!value) return tl::unexpected(std::move(value).error());
    for (const auto& earlier : options_.overrides)
      if (earlier.option == name) return error("use", name, "given twice");
    Config scratch;
    auto valid = apply_setting(setting.key, *value, {}, scratch);
    if (!valid) return rethrow(std::move(valid).error(), name);
    options_.overrides.push_back({std::string(setting.key), std::move(*value), name});
    return {};
  }

  // What follows the option. A word that begins with "--" is the next option, not its value.
  Result<std::string> value_for(const std::string& name, std::string_view argument,
                                std::optional<std::string_view> given) {
    if (!given && !arguments_.empty() && !std::string_view(arguments_.front()).starts_with("--")) {
      given = arguments_.front();
      arguments_ = arguments_.subspan(1);
    }
    if (!given || trim(*given).empty())
      return error("use", name, "a value is missing: " + name + " " + std::string(argument));
    return std::string(trim(*given));
  }

  std::span<const char* const> arguments_;
  Options options_;
};

void add_line(std::string& out, std::string_view name, std::string_view argument,
              std::string_view help) {
  constexpr std::size_t kColumn = 26;
  std::string line =
      "  " + std::string(name) + (argument.empty() ? "" : " ") + std::string(argument);
  line.resize(std::max(line.size() + 2, kColumn), ' ');
  out += line + std::string(help) + "\n";
}

}  // namespace

Result<Options> parse_arguments(std::span<const char* const> arguments) {
  return Parser(arguments).parse();
}

Status apply_overrides(const Options& options, Config& config) {
  if (options.prefer_over_estimate) config.prefer_over_estimate = true;
  for (const auto& [key, value, option] : options.overrides) {
    auto done = apply_setting(key, value, {}, config);
    if (!done) return rethrow(std::move(done).error(), option);
  }
  return {};
}

std::string usage() {
  std::string out =
      "Usage: jobward-watchdog [--once | --ensure | --check-config] [OPTION]...\n"
      "Ends the largest unprotected job or process before memory runs out. Without --once or\n"
      "--ensure it stays in the foreground.\n\n";
  for (const auto& option : kOptions)
    add_line(out, option.name, option.argument, option.help);
  out += "\nOver the configuration file:\n";
  for (const auto& setting : settings())
    if (!setting.option.empty()) add_line(out, setting.option, setting.argument, setting.help);
  return out;
}

}  // namespace jobward::watchdog
