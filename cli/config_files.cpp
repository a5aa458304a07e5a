#include "cli/config_files.h"

#include <cerrno>
#include <utility>

#include "cli/trusted_file.h"
#include "common/files.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

constexpr std::size_t kLargest = 1U << 20U;

Result<Configuration> load_user_config(uid_t uid, const Environment& environment) {
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
    return Configuration{};
  }
  auto text = read_file(path, kLargest);
  // Under su or from cron HOME may be another user's: what nobody named and nobody may read is not
  // ours.
  const bool absent = !text && (text.error().errnum == ENOENT || text.error().errnum == EACCES);
  if (absent && !named) return Configuration{};
  if (!text) return rethrow(std::move(text).error(), "configuration");
  return parse_config(*text, path);
}

Configuration without(Configuration config, const std::string& path, const std::string& reason) {
  config.warnings.push_back("the project's configuration " + printable(path) +
                            " is ignored: " + reason);
  return config;
}

// A project may name more that is heavy. What is light, what happens where a hook fails and which
// models are good enough is not for those to say who are held to it.
void keep_hooks(const hooks::HookSettings& own, const std::string& path, Configuration& config) {
  auto& hooks = config.hooks;
  const bool changed =
      hooks.patterns.light != own.patterns.light || hooks.deny_on_error != own.deny_on_error ||
      hooks.slow_seconds != own.slow_seconds || hooks.tiers.order != own.tiers.order ||
      hooks.tiers.models != own.tiers.models;
  if (changed)
    config.warnings.push_back("of [hooks] and [models] in " + printable(path) +
                              " only `heavy` counts: set the others in your own configuration");
  auto heavy = std::move(hooks.patterns.heavy);
  hooks = own;
  hooks.patterns.heavy = std::move(heavy);
}

}  // namespace

Result<Configuration> load_config(uid_t uid, const Environment& environment,
                                  const std::string& project) {
  auto config = load_user_config(uid, environment);
  if (!config || project.empty()) return config;
  const std::string path = (project == "/" ? "" : project) + "/" + kProjectFile;
  auto opened = open_for_trust(path);
  if (!opened)
    return without(
        std::move(*config), path,
        opened.error().errnum == ELOOP ? "it is a symbolic link" : opened.error().message());
  if (!*opened) return config;
  if (const auto objection = project_objection(**opened, uid))
    return without(std::move(*config), path, *objection);
  auto text = read_fd((*opened)->fd.get(), path, kLargest);
  if (!text) return rethrow(std::move(text).error(), "configuration");
  // The cap on all jobs together is not one project's to set.
  // Nor are what all its runs are admitted by and told to; and what comes with a checkout must not
  // name a program that is run.
  const auto own = config->settings;
  const auto own_hooks = config->hooks;
  const auto& aggregate = own.aggregate;
  auto with_project = parse_config(*text, path, std::move(*config));
  if (!with_project) return with_project;
  const auto& set = with_project->settings.aggregate;
  const bool changed =
      set.has_value() != aggregate.has_value() || (set && set->source != aggregate->source);
  if (changed)
    with_project->warnings.push_back("[aggregate] in " + printable(path) +
                                     " is ignored: it concerns the jobs of all projects; set it in "
                                     "your own configuration");
  with_project->settings.aggregate = aggregate;
  with_project->settings.admission = own.admission;
  if (with_project->settings.on_end != own.on_end)
    with_project->warnings.push_back("[runs] on_end in " + printable(path) +
                                     " is ignored: a project does not say which programs are run; "
                                     "set it in your own configuration");
  with_project->settings.on_end = own.on_end;
  keep_hooks(own_hooks, path, *with_project);
  return with_project;
}

}  // namespace jobward::cli
