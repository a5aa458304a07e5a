// jobward doctor: what this machine offers, what is used of it, and what stands in the way of more.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

Json describe(const Session& session) {
  const auto& backend = *session.choice.backend;
  Json enforcement = Json::object();
  backend.enforcement().for_each([&](Resource resource, Enforcement how) {
    enforcement[std::string(info(resource).name)] = to_string(how);
  });
  Json out{{"schema_version", kSchemaVersion},
           {"cgroups", to_string(session.tree.mode)},
           {"backend", backend.name()},
           {"backend_reason", session.choice.reason},
           {"parent", backend.parent()},
           {"enforcement", std::move(enforcement)},
           {"obstacles", session.choice.obstacles}};
  const auto& snapshot = session.snapshot;
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
  out["state_directory"] = session.records.directory.path;
  out["records"] = session.records.store ? "ok" : session.records.problem;
  return out;
}

std::string text_of(const Session& session) {
  const auto& backend = *session.choice.backend;
  const auto& snapshot = session.snapshot;
  std::string text = "cgroups    " + std::string(to_string(session.tree.mode)) + "\n";
  text += "backend    " + std::string(backend.name()) + ": " + session.choice.reason + "\n";
  if (!backend.parent().empty()) text += "parent     " + backend.parent() + "\n";
  text += "limits    ";
  backend.enforcement().for_each([&](Resource resource, Enforcement how) {
    text += " " + std::string(info(resource).name) + " " + std::string(to_string(how)) + ";";
  });
  text.back() = '\n';
  for (const auto& obstacle : session.choice.obstacles)
    text += "obstacle   " + printable(obstacle) + "\n";
  text += "memory     " + format_bytes(static_cast<double>(snapshot.memory.available)) +
          " available of " + format_bytes(static_cast<double>(snapshot.memory.total)) + ", swap " +
          format_bytes(static_cast<double>(snapshot.memory.swap_total)) + ", " +
          std::to_string(snapshot.cpus) + " CPUs\n";
  if (snapshot.enclosing)
    text += "enclosed   by " + snapshot.enclosing->directory + ": " +
            format_bytes(static_cast<double>(snapshot.enclosing->room())) + " room of " +
            format_bytes(static_cast<double>(snapshot.enclosing->limit)) + "\n";
  text += std::string("pressure   ") +
          (snapshot.memory_pressure ? "PSI is there"
                                    : "PSI is absent or switched off (psi=1 at boot)") +
          "\n";
  text += "state      " + session.records.directory.path + ": " +
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
  std::fputs(json ? dump(describe(**session), true).c_str() : text_of(**session).c_str(), stdout);
  return (*session)->records.store ? 0 : 1;
}

}  // namespace jobward::cli
