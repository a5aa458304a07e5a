// jobward stamp: an audit that was really run, on these very files, not long ago.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/stamp_audit.h"
#include "cli/stamp_desk.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "profiles/secrets.h"

namespace jobward::cli {
namespace {

constexpr int kDoesNotHold = 1;

struct Options {
  std::string name;
  std::vector<std::string> inputs;
  std::string max_age;
  bool json = false;
};

void declare_make(CLI::App& command, Options& options) {
  command.add_option("NAME", options.name, "What it is called in this project")->required();
  command
      .add_option("--inputs", options.inputs,
                  "Files that the audit depends on (repeatable): a change of one ends the stamp")
      ->type_name("FILE…");
}

void declare_check(CLI::App& command, Options& options) {
  command.add_option("NAME", options.name, "Which stamp")->required();
  command.add_option("--max-age", options.max_age, "How long ago the audit may have ended")
      ->type_name("DURATION");
  command.add_flag("--json", options.json, "One JSON object instead of text");
}

int refuse_usage(const Error& why) {
  return usage_error("stamp", why.message(), exit_code::kUsage);
}
int fail(const Error& why) { return failure("stamp", why.message(), exit_code::kUsage); }

Status check_name(const std::string& name) {
  if (trust::is_stamp_name(name)) return {};
  return error("use", "the name " + printable(name),
               "it has to be 1 to 100 letters, digits, '.', '_' or '-'");
}

trust::Stamp stamp_of(const Options& options, const TrustDesk& desk, const std::string& directory,
                      const std::vector<std::string>& argv, AuditFiles files, AuditEnd end) {
  trust::Stamp out;
  out.name = options.name;
  out.project = desk.project.identity;
  out.host = desk.ledger->setup().host;
  out.run = std::move(end.run);
  out.argv = profiles::mask_secrets(argv);
  out.argv_sha256 = trust::argv_digest(argv);
  out.directory = trust::path_from_root(directory, desk.project.root);
  out.script = std::move(files.script);
  out.programs = std::move(files.programs);
  out.inputs = std::move(files.inputs);
  out.stdout_sha256 = std::move(end.stdout_sha256);
  out.outcome = std::move(end.outcome);
  out.exit_code = end.exit_code;
  out.started = end.started_ms;
  out.ended = end.ended_ms;
  return out;
}

Result<trust::Stamp> make_stamp(const Options& options, const std::vector<std::string>& argv,
                                TrustDesk& desk) {
  const auto directory = working_directory();
  if (!directory) return tl::unexpected(directory.error());
  auto before = audit_files(argv, *directory, options.inputs, desk.project);
  if (!before) return tl::unexpected(std::move(before).error());
  auto end = run_audit("stamp-" + options.name, argv);
  if (!end) return tl::unexpected(std::move(end).error());
  if (!end->started || !end->recorded)
    return error("stamp", options.name,
                 "the audit was not run, or its run is not on record: " + printable(end->cause));
  const auto after = audit_files(argv, *directory, options.inputs, desk.project);
  if (!after) return rethrow(after.error(), "there is no stamp");
  if (*after != *before)
    return error("stamp", options.name,
                 "an input, the script or a program changed while the audit ran; run it again");
  auto stamp = stamp_of(options, desk, *directory, argv, *std::move(before), *std::move(end));
  const auto put = put_stamp(desk, stamp);
  if (!put) return rethrow(put.error(), "there is no stamp");
  return stamp;
}

int make(const Options& options, const Arguments& arguments) {
  if (!arguments.command || arguments.command->empty())
    return usage_error("stamp", "no audit: put its command after \"--\"", exit_code::kUsage);
  auto desk = open_trust_desk();
  if (!desk) return fail(desk.error());
  const auto stamp = make_stamp(options, *arguments.command, **desk);
  if (!stamp) return fail(stamp.error());
  if (stamp->passed()) {
    say("stamped " + options.name + ": run " + stamp->run + " passed");
    return 0;
  }
  say("the audit " + options.name + " did not pass (run " + stamp->run + ": " + stamp->outcome +
      ", exit status " + std::to_string(stamp->exit_code) + "); that is on record");
  return kDoesNotHold;
}

nlohmann::ordered_json check_json(const Options& options, const FoundStamp& found) {
  nlohmann::ordered_json out{{"schema_version", kSchemaVersion},
                             {"stamp", options.name},
                             {"holds", found.objections.empty()},
                             {"objections", found.objections}};
  if (found.stamp) {
    out["run"] = found.stamp->run;
    out["ended_ms"] = found.stamp->ended;
    out["statement"] = nlohmann::ordered_json::parse(trust::statement_of(*found.stamp));
  }
  return out;
}

int check(const Options& options, const Arguments& arguments) {
  StampDemand demand;
  demand.name = options.name;
  demand.argv = arguments.command;
  if (!options.max_age.empty()) {
    const auto seconds = parse_duration_seconds(options.max_age);
    if (!seconds) return refuse_usage(Error(seconds.error()).with_context("--max-age"));
    demand.max_age_seconds = *seconds;
  }
  auto desk = open_trust_desk();
  if (!desk) return fail(desk.error());
  const auto found = check_stamp(**desk, demand);
  if (!found) return fail(found.error());
  if (options.json) {
    std::fputs(dump(check_json(options, *found), true).c_str(), stdout);
  } else if (found->objections.empty()) {
    std::printf("%s holds: run %s\n", options.name.c_str(), found->stamp->run.c_str());
  } else {
    for (const auto& objection : found->objections)
      std::printf("%s does not hold: %s\n", options.name.c_str(), objection.c_str());
  }
  return found->objections.empty() ? 0 : kDoesNotHold;
}

}  // namespace

int stamp_command(const Arguments& arguments) {
  Options options;
  CLI::App app("A signed record that an audit was run on certain files.", "stamp");
  set_usage(app,
            "jobward stamp make NAME [--inputs FILE…] -- AUDIT…\n"
            "       jobward stamp check NAME [--max-age DURATION] [--json] [-- AUDIT…]");
  app.require_subcommand(1);
  auto& maker = *app.add_subcommand("make", "Run the audit as a run, and sign what came of it");
  declare_make(maker, options);
  auto& checker = *app.add_subcommand(
      "check", "Does it hold: the same files, not too old, signed here, passed?");
  declare_check(checker, options);
  app.footer(
      "Exit status: 0 it passed, it holds; 1 it does not; 2 usage, or it could not be run or "
      "checked.\ndocs/stamps.md tells what a stamp is worth.");
  if (const auto done = parse_options(app, arguments.options, exit_code::kUsage)) return *done;
  if (const auto good = check_name(options.name); !good) return refuse_usage(good.error());
  return maker.parsed() ? make(options, arguments) : check(options, arguments);
}

}  // namespace jobward::cli
