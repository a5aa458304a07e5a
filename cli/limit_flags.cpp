#include "cli/limit_flags.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "cli/arguments.h"
#include "cli/limit_options.h"

namespace jobward::cli {
namespace {

void add_text(CLI::App& app, const std::string& flag, std::optional<std::string>& target,
              std::string_view help, std::string_view type) {
  app.add_option_function<std::string>(
         flag, [&target](const std::string& text) { target = text; }, std::string(help))
      ->type_name(std::string(type));
}

// A flag's text through its parser into the layer; a flag that was not given changes nothing.
template <class T, class Parser>
Status read_into(std::optional<T>& target, const std::optional<std::string>& text, const char* flag,
                 Parser parse) {
  if (!text) return {};
  auto value = parse(*text);
  if (!value) return rethrow(std::move(value).error(), flag);
  target = *value;
  return {};
}

Status read_warnings(const std::vector<std::string>& texts, WishLayer& layer) {
  static constexpr const char* kFlag = "--warn-signal";
  if (!texts.empty()) layer.warnings.emplace();
  for (const auto& text : texts) {
    auto signal = parse_warn_signal(text);
    if (!signal) return rethrow(std::move(signal).error(), kFlag);
    layer.warnings->push_back({*signal, text, kFlag, true});
  }
  return {};
}

Status contradiction(const LimitFlags& flags, const WishLayer& layer) {
  static constexpr const char* kWhy = "they contradict each other";
  static constexpr const char* kAutomatic = "it is for an automatic memory limit";
  const bool no_choice = flags.no_limit || layer.limits.contains(Resource::memory);
  for (const auto& [flag, text] :
       {std::pair("--objective", &flags.objective), std::pair("--confidence", &flags.confidence)})
    if (*text && no_choice)
      return error(
          "use", std::string(flag) + " together with " + (flags.no_limit ? "--no-limit" : "--mem"),
          kAutomatic);
  if (flags.confidence && flags.objective == "lean")
    return error("use", "--confidence together with --objective lean",
                 "a lean size weighs costs, not chances");
  const bool memory =
      layer.limits.contains(Resource::memory) || layer.lifted.contains(Resource::memory);
  if (flags.no_limit && memory) return error("use", "--mem together with --no-limit", kWhy);
  if (flags.no_time && layer.limits.contains(Resource::wall))
    return error("use", "--time together with --no-time", kWhy);
  return {};
}

}  // namespace

void declare_sizing(CLI::App& app, LimitFlags& flags) {
  add_text(app, "--objective", flags.objective,
           "What an automatic memory limit is for: safe, few runs reach it; lean, least is spent "
           "when those that do are tried again (the default with --retry-oom)",
           "safe|lean");
  add_text(app, "--confidence", flags.confidence,
           "Of a safe one: the share of runs that stay below it (default 0.99)", "SHARE");
}

// In groups: for people, and because CLI11 compares each option with all others of its group, which
// took a tenth of a short run's instructions.
void declare(CLI::App& parent, LimitFlags& flags) {
  const auto& options = limit_options();
  CLI::App& limits = add_group(parent, "Limits");
  for (std::size_t i = 0; i < options.size(); ++i) {
    add_text(limits, std::string(options[i].flag), flags.limits[i], options[i].help,
             options[i].type);
    if (options[i].resource == Resource::memory)
      limits.add_flag(
          "--no-limit", flags.no_limit,
          "No memory limit, whatever the configuration says; the run is still measured");
    if (options[i].resource == Resource::wall)
      limits.add_flag("--no-time", flags.no_time, "No wall limit, whatever the configuration says");
  }
  CLI::App& app = add_group(parent, "What happens at a limit, and how it runs");
  add_text(app, "--nice", flags.nice, "Run it at this niceness", "-20..19");
  add_text(app, "--oom-score", flags.oom_score,
           "Its oom_score_adj: who dies first when the machine is out of memory", "-1000..1000");
  add_text(app, "--oom-kill", flags.oom_kill,
           "What dies at the memory limit: the whole job (the default), or one process of it",
           "job|process");
  app.add_option("--warn-signal", flags.warn_signals,
                 "A signal to the job's main process before a limit ends it: USR1@90% of the "
                 "memory limit, USR1@5m before the wall limit (repeatable)")
      ->type_name("SIGNAL@WHEN")
      ->allow_extra_args(false);
  add_text(app, "--retry-oom", flags.retry_oom,
           "Start it again with more memory, at most N times, if it ends at its memory limit", "N");
  add_text(app, "--retry-time", flags.retry_time, "The same at its wall limit", "N");
  app.add_option_function<std::string>(
         "--elastic", [&flags](const std::string& text) { flags.elastic = text; },
         "At its memory limit give it more, while there is room nobody has reserved, up to CAP")
      ->expected(0, 1)
      ->default_str("yes")
      ->type_name("[=CAP]");
  declare_sizing(limits, flags);
  add_text(limits, "--preset", flags.preset, "The limits of this preset in the configuration",
           "NAME");
}

Result<WishLayer> read_flags(const LimitFlags& flags) {
  WishLayer layer;
  const auto& options = limit_options();
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (!flags.limits[i]) continue;
    const std::string flag(options[i].flag);
    if (auto set = set_limit(layer, options[i].key, *flags.limits[i], flag); !set)
      return rethrow(std::move(set).error(), flag);
  }
  JOBWARD_RETURN_IF_ERROR(contradiction(flags, layer));
  if (flags.no_limit) layer.no_memory_limit = true;
  if (flags.no_time) layer.no_wall_limit = true;
  settle(layer);
  JOBWARD_RETURN_IF_ERROR(read_into(layer.nice, flags.nice, "--nice", parse_nice));
  JOBWARD_RETURN_IF_ERROR(
      read_into(layer.oom_score, flags.oom_score, "--oom-score", parse_oom_score));
  JOBWARD_RETURN_IF_ERROR(
      read_into(layer.oom_kills_job, flags.oom_kill, "--oom-kill", parse_oom_kill));
  JOBWARD_RETURN_IF_ERROR(read_warnings(flags.warn_signals, layer));
  JOBWARD_RETURN_IF_ERROR(
      read_into(layer.retry_oom, flags.retry_oom, "--retry-oom", parse_retries));
  JOBWARD_RETURN_IF_ERROR(
      read_into(layer.retry_time, flags.retry_time, "--retry-time", parse_retries));
  JOBWARD_RETURN_IF_ERROR(read_into(layer.elastic, flags.elastic, "--elastic", parse_elastic));
  JOBWARD_RETURN_IF_ERROR(
      read_into(layer.objective, flags.objective, "--objective", parse_objective));
  JOBWARD_RETURN_IF_ERROR(
      read_into(layer.confidence, flags.confidence, "--confidence", parse_confidence));
  if (layer.elastic) layer.elastic->how.source = "--elastic";
  return layer;
}

}  // namespace jobward::cli
