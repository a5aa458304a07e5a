// jobward doctor: what this machine offers, what is used of it, and what stands in the way of more.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/render_support.h"
#include "cli/session.h"
#include "cli/trust_tier.h"
#include "cli/watchdog_records.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "launcher/gatehouse.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

void describe_memory(const host::HostSnapshot& snapshot, Json& out) {
  out["memory_total_bytes"] = snapshot.memory.total;
  out["memory_available_bytes"] = snapshot.memory.available;
  out["swap_total_bytes"] = snapshot.memory.swap_total;
  out["cpus"] = snapshot.cpus;
  if (snapshot.memory_pressure)
    out["pressure_memory_some_avg10_percent"] = snapshot.memory_pressure->some.avg10;
  if (snapshot.enclosing)
    out["enclosing_limit"] = {{"directory", snapshot.enclosing->directory},
                              {"limit_bytes", snapshot.enclosing->limit},
                              {"room_bytes", snapshot.enclosing->room()}};
}

std::vector<std::string> preset_names(const Configuration& config) {
  std::vector<std::string> names;
  for (const auto& [name, preset] : config.presets)
    names.push_back(name);
  return names;
}

Json describe(const Session& session) {
  const auto& backend = *session.choice.backend;
  Json out{{"schema_version", kSchemaVersion},
           {"cgroups", to_string(session.tree.mode)},
           {"backend", backend.name()},
           {"backend_reason", session.choice.reason},
           {"parent", backend.parent()},
           {"enforcement", enforcement_json(backend.support())},
           {"gaps", gaps_json(backend.support())},
           {"obstacles", session.choice.obstacles}};
  out["aggregate_cap"] = aggregate_json(session.config.settings.aggregate);
  out["admission_cannot_see"] = launcher::blind_spots(session.records.store.get(), session.tree);
  out["policy"] = policy_json(session.policy, session.policy_problem);
  const auto tier = trust_tier(session.policy, session.records.directory.path);
  out["trust"] = {
      {"tier", tier.words.substr(0, 2)}, {"words", tier.words}, {"reasons", tier.reasons}};
  out["configuration"] = session.config.files;
  out["presets"] = preset_names(session.config);
  describe_memory(session.snapshot, out);
  out["state_directory"] = session.records.directory.path;
  out["records"] = session.records.store ? "ok" : session.records.problem;
  return out;
}
std::string memory_lines(const host::HostSnapshot& snapshot) {
  std::string text = "memory     " + format_bytes(static_cast<double>(snapshot.memory.available)) +
                     " available of " + format_bytes(static_cast<double>(snapshot.memory.total)) +
                     ", swap " + format_bytes(static_cast<double>(snapshot.memory.swap_total)) +
                     ", " + std::to_string(snapshot.cpus) + " CPUs\n";
  if (snapshot.enclosing)
    text += "enclosed   by " + printable(snapshot.enclosing->directory) + ": " +
            format_bytes(static_cast<double>(snapshot.enclosing->room())) + " room of " +
            format_bytes(static_cast<double>(snapshot.enclosing->limit)) + "\n";
  return text + "pressure   " +
         (snapshot.memory_pressure ? "PSI is there"
                                   : "PSI is absent or switched off (psi=1 at boot)") +
         "\n";
}

std::string text_of(const Session& session) {
  const auto& backend = *session.choice.backend;
  std::string text = "cgroups    " + std::string(to_string(session.tree.mode)) + "\n";
  text += "backend    " + std::string(backend.name()) + ": " + session.choice.reason + "\n";
  if (!backend.parent().empty()) text += "parent     " + printable(backend.parent()) + "\n";
  text += "limits\n" + support_table(backend.support());
  for (const auto& obstacle : session.choice.obstacles)
    text += "obstacle   " + printable(obstacle) + "\n";
  text += "all jobs   " + aggregate_words(session.config.settings.aggregate) + "\n";
  for (const auto& spot : launcher::blind_spots(session.records.store.get(), session.tree))
    text += "unseen     " + spot + "\n";
  text += "policy     " + policy_words(session.policy, session.policy_problem) + "\n";
  const auto tier = trust_tier(session.policy, session.records.directory.path);
  text += "trust      " + tier.words + "\n";
  for (const auto& reason : tier.reasons)
    text += "           " + reason + "\n";
  text += "config     " + list_words(session.config.files) + "\n";
  if (!session.config.presets.empty())
    text += "presets    " + list_words(preset_names(session.config)) + "\n";
  text += memory_lines(session.snapshot);
  text += "state      " + printable(session.records.directory.path) + ": " +
          (session.records.store ? "ok" : printable(session.records.problem)) + "\n";
  return text;
}

}  // namespace

int doctor_command(const Arguments& arguments) {
  bool json = false;
  CLI::App app(
      "Tells what this machine offers: the cgroup backend, who enforces each limit, what stands in "
      "the way.",
      "doctor");
  set_usage(app, "jobward doctor [OPTIONS]");
  app.add_flag("--json", json, "One JSON object instead of text");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  if (arguments.command)
    return usage_error("doctor", "no command is expected here", exit_code::kUsage);
  auto session = open_session();
  if (!session) return failure("doctor", session.error().message(), exit_code::kUsage);
  (*session)->records = open_records((*session)->clock);
  take_in_watchdog((*session)->records, (*session)->clock);
  std::fputs(json ? dump(describe(**session), true).c_str() : text_of(**session).c_str(), stdout);
  return (*session)->records.store && (*session)->policy_problem.empty() ? 0 : 1;
}

}  // namespace jobward::cli
