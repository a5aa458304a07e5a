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
#include "cli/render_json.h"
#include "cli/render_verify.h"
#include "cli/session.h"
#include "cli/verify_options.h"
#include "common/exit_codes.h"
#include "common/text.h"
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
  bool dry_run = false;
};

void declare(CLI::App& app, VerifyFlags& flags) {
  set_usage(app, "jobward verify CONTRACT... [OPTIONS]");
  app.add_option("CONTRACT", flags.contracts, "A contract (TOML, or JSON where it ends in .json)")
      ->required();
  app.add_option("--memory", flags.limits.memory, "What all of it may use (half of what is free)")
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
  app.add_flag("--dry-run", flags.dry_run, "Only read the contracts; look at no data");
  app.footer(
      "Of several contracts those after a HARD_FAIL are not checked. A contract that demands less\n"
      "than it did is a HARD_FAIL. What was found is in the ledger (jobward ledger).\n"
      "Exit status: 0 no HARD_FAIL, 1 HARD_FAIL, 2 a contract or data cannot be read.");
}

// What is printed at the end.
struct Printed {
  std::vector<ContractVerdict> verdicts;
  std::vector<std::string> not_run;
  std::string problem;
  int status = 0;
};

void print_text(const Printed& what) {
  for (const auto& verdict : what.verdicts)
    std::fputs(verify_text(verdict).c_str(), stdout);
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

int print(const Printed& what, bool json) {
  if (!what.problem.empty())
    std::fprintf(stderr, "jobward: verify: %s\n", printable(what.problem).c_str());
  if (json)
    std::fputs(dump(printed_json(what), true).c_str(), stdout);
  else
    print_text(what);
  return what.status;
}

// Absent: nothing was to be checked.
Result<std::optional<ContractVerdict>> check_one(const std::string& path, const VerifyFlags& flags,
                                                 VerifyWatch& watch) {
  auto contract = verify::read_contract(path);
  if (!contract) return tl::unexpected(std::move(contract).error());
  if (!flags.expected.empty() && contract->sha256 != flags.expected)
    return error("use", printable(path), "its content is not the expected one: SHA-256 " +
                                             contract->sha256 + ", not " +
                                             printable(flags.expected));
  if (flags.dry_run) {
    if (!flags.json)
      std::printf("%s: contract %s, %zu checks on %zu datasets; nothing was looked at\n",
                  printable(path).c_str(), contract->id.c_str(), contract->checks.size(),
                  contract->datasets.size());
    return std::nullopt;
  }
  auto options = verify_options(flags.limits);
  if (!options) return tl::unexpected(std::move(options).error());
  options->progress = [&](const std::string& what, std::optional<double> percent) {
    return watch.tick(what, percent);
  };
  auto at = bring_contract(std::move(*contract), flags.run);
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
    auto verdict = check_one(path, flags, watch);
    watch.clear();
    if (!verdict) {
      out.problem = verdict.error().message();
      out.status = exit_code::kUsage;
    } else if (*verdict) {
      out.status = (*verdict)->exit_status();
      if (!(*verdict)->not_on_record.empty())
        out.problem = "what was found is NOT in the ledger: " + (*verdict)->not_on_record;
      out.verdicts.push_back(std::move(**verdict));
    }
  }
  return out;
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
  VerifyWatch watch;
  const auto printed = check_all(flags, watch);
  if (watch.signal() != 0) {
    say("verify: interrupted: nothing was checked to its end");
    die_of(watch.signal());
  }
  return print(printed, flags.json);
}

}  // namespace jobward::cli
