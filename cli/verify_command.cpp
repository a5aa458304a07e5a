// jobward verify CONTRACT...: checks data against contracts.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/child_program.h"
#include "cli/commands.h"
#include "cli/contract_check.h"
#include "cli/own_process.h"
#include "cli/render_json.h"
#include "cli/render_verify.h"
#include "cli/session.h"
#include "cli/verify_options.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "verify/contract_reader.h"
#include "verify/report_json.h"
#include "verify/verify.h"

namespace jobward::cli {
namespace {

struct VerifyFlags {
  std::vector<std::string> contracts;
  VerifyLimits limits;
  std::string run;
  std::string expected;  // digest of the contract
  bool json = false;
  bool verbose = false;
  bool dry_run = false;
};

void declare(CLI::App& app, VerifyFlags& flags) {
  set_usage(app, "jobward verify CONTRACT... [OPTIONS]");
  app.add_option("CONTRACT", flags.contracts, "A contract (TOML, or JSON where it ends in .json)")
      ->required();
  app.add_option("--memory", flags.limits.memory, "What all of it may use (half of what is free)")
      ->type_name("SIZE");
  app.add_option("--spill", flags.limits.spill,
                 "What may go to disk where that is too little (half of what is free there)")
      ->type_name("SIZE");
  app.add_option("--threads", flags.limits.threads, "How many (the CPUs that may be used)")
      ->check(CLI::Range(1, 256));
  app.add_option("--samples", flags.limits.samples, "Offending rows or keys shown of a check (5)")
      ->check(CLI::Range(0, 1000));
  app.add_option("--run", flags.run, "The run that it is part of, for the ledger ($JOBWARD_RUN_ID)")
      ->type_name("ID");
  app.add_option("--expect-sha256", flags.expected, "Refuse a contract with another content")
      ->type_name("DIGEST");
  app.add_flag("--json", flags.json, "One JSON object instead of text");
  app.add_flag("--verbose", flags.verbose, "Rows, seconds and digests, too");
  app.add_flag("--dry-run", flags.dry_run, "Only read the contracts; look at no data");
  app.footer(
      "Of several contracts those after a HARD_FAIL are not checked. A contract that demands less\n"
      "than it did is a HARD_FAIL. What was found is in the ledger (jobward ledger).\n"
      "Exit status: 0 no HARD_FAIL, 1 HARD_FAIL, 2 a contract or data cannot be read.");
}

// What is printed at the end.
struct Printed {
  std::string dry_run;  // what was read, in words
  std::vector<ContractVerdict> verdicts;
  std::vector<std::string> not_run;
  std::string problem;
  int status = 0;
};

void print_text(const Printed& what, bool verbose) {
  std::fputs(what.dry_run.c_str(), stdout);
  for (const auto& verdict : what.verdicts)
    std::fputs(verify_text(verdict, verbose).c_str(), stdout);
  for (const auto& path : what.not_run)
    std::printf("%s: not checked, because of the above\n", printable(path).c_str());
}

nlohmann::ordered_json printed_json(const Printed& what) {
  nlohmann::ordered_json out{{"schema_version", kSchemaVersion}, {"exit_code", what.status}};
  out["verdict"] = what.status == 0 ? "ok" : what.status == 1 ? "HARD_FAIL" : "error";
  if (!what.problem.empty()) out["error"] = what.problem;
  out["reports"] = nlohmann::ordered_json::array();
  out["refused"] = nlohmann::ordered_json::array();
  std::vector<Finding> found;
  for (const auto& verdict : what.verdicts) {
    found.insert(found.end(), verdict.findings.begin(), verdict.findings.end());
    if (verdict.report)
      out["reports"].push_back(verify::to_json(*verdict.report));
    else
      out["refused"].push_back({{"contract", verdict.contract}, {"contract_path", verdict.path}});
  }
  out["findings"] = findings_json(found);
  out["not_run"] = what.not_run;
  return out;
}

int print(const Printed& what, const VerifyFlags& flags) {
  if (!what.problem.empty())
    std::fprintf(stderr, "jobward: verify: %s\n", printable(what.problem).c_str());
  if (flags.json)
    std::fputs(dump(printed_json(what), true).c_str(), stdout);
  else
    print_text(what, flags.verbose);
  return what.status;
}

// Absent: nothing was to be checked.
Result<std::optional<ContractVerdict>> check_one(const std::string& path, const VerifyFlags& flags,
                                                 VerifyWatch& watch, Printed& out) {
  auto contract = verify::read_contract(path);
  if (!contract) return tl::unexpected(std::move(contract).error());
  if (!flags.expected.empty() && contract->sha256 != flags.expected)
    return error("use", printable(path),
                 "its content is not the expected one: SHA-256 " + contract->sha256 + ", not " +
                     printable(flags.expected));
  if (flags.dry_run) {
    out.dry_run += printable(path) + ": contract " + contract->id + ", " +
                   std::to_string(contract->checks.size()) + " checks on " +
                   std::to_string(contract->datasets.size()) + " datasets; nothing was looked at\n";
    return std::nullopt;
  }
  auto options = verify_options(flags.limits);
  if (!options) return tl::unexpected(std::move(options).error());
  options->progress = [&](const std::string& what, std::optional<double> percent) {
    return watch.tick(what, percent);
  };
  auto at = bring_contract(std::move(*contract), flags.run, [&](std::optional<double> percent) {
    return watch.tick("files", percent);
  });
  if (!at) return tl::unexpected(std::move(at).error());
  return check_contract(*at, std::move(*options));
}

Printed check_all(const VerifyFlags& flags, VerifyWatch& watch) {
  Printed out;
  for (const auto& path : flags.contracts) {
    if (out.status != 0) {
      out.not_run.push_back(path);
      continue;
    }
    auto verdict = check_one(path, flags, watch, out);
    watch.clear();
    if (!verdict) {
      out.problem = verdict.error().message();
      out.status = exit_code::kUsage;
    } else if (*verdict) {
      out.status = (*verdict)->exit_status();
      if (!(*verdict)->not_on_record.empty())
        out.problem = "what was found is NOT on record: " + (*verdict)->not_on_record;
      out.verdicts.push_back(std::move(**verdict));
    }
  }
  return out;
}

Printed check_all_apart(const VerifyFlags& flags, VerifyWatch& watch) {
  const StdoutAside aside;
  return check_all(flags, watch);
}

}  // namespace

int verify_command(const Arguments& arguments) {
  VerifyFlags flags;
  CLI::App app("Checks data against a contract; docs/contracts.md tells how to write one.",
               "verify");
  declare(app, flags);
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  if (arguments.command)
    return usage_error("verify", "no command is expected here", exit_code::kUsage);
  if (flags.limits.memory)
    if (const auto memory = verify_memory(*flags.limits.memory); !memory)
      return usage_error("verify", "--memory: " + memory.error().message(), exit_code::kUsage);
  if (flags.run.empty()) flags.run = environment_variable("JOBWARD_RUN_ID").value_or("");
  flags.limits.run = flags.run;
  if (flags.limits.spill)
    if (const auto spill = parse_bytes(*flags.limits.spill); !spill)
      return usage_error("verify", "--spill: " + spill.error().message(), exit_code::kUsage);
  tell_of_breakdown();
  VerifyWatch watch;
  const auto printed = check_all_apart(flags, watch);
  if (watch.signal() != 0) {
    say("verify: interrupted: nothing was checked to its end");
    die_of(watch.signal());
  }
  return print(printed, flags);
}

}  // namespace jobward::cli
