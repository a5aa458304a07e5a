// jobward: predicts, admits, limits, measures and records heavy jobs.
#include <malloc.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "agent/desk/commands.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/version.h"
#include "common/exit_codes.h"
#include "common/log.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*function)(const Arguments&);
};

constexpr std::array kCommands{
    Command{"run", "run a command under a hard memory limit; measure and remember it", run_command},
    Command{"estimate", "tell beforehand what a command will need, and whether it fits",
            estimate_command},
    Command{"backtest", "replay a history and tell how good the estimates would have been",
            backtest_command},
    Command{"ps", "list the runs that wait or go on", ps_command},
    Command{"top", "the same as a live table", top_command},
    Command{"logs", "what a detached run wrote", logs_command},
    Command{"wait", "wait until runs have ended", wait_command},
    Command{"stop", "end runs", stop_command},
    Command{"history", "list past and running runs", history_command},
    Command{"show", "everything on record about one run", show_command},
    Command{"why", "in a few sentences, why a run ended as it did", why_command},
    Command{"reap", "close runs whose supervisor is gone", reap_command},
    Command{"import", "learn from runs that others have recorded", import_command},
    Command{"profiles", "take what was learned from one machine to another", profiles_command},
    Command{"scan", "find functions that say they do something and do not", scan_command},
    Command{"watchdog", "end the largest before memory runs out: once, install, uninstall, status",
            watchdog_command},
    Command{"verify", "check data against a contract: columns, keys, rows, nulls, ranges, ...",
            verify_command},
    Command{"ledger", "findings, kills, overrides, approvals: what is on record, and untouched",
            ledger_command},
    Command{"policy", "what nobody can loosen here, and who may allow an exception",
            policy_command},
    Command{"keys", "keys to approve with, and whose keys count", keys_command},
    Command{"stamp", "that an audit was run, on these very files, and what came of it",
            stamp_command},
    Command{"approve", "sign what a guard has refused, or a review", approve_command},
    Command{"review", "have others sign off whatever you describe", review_command},
    Command{"mcp", "the tools for a coding agent, by the Model Context Protocol",
            desk::mcp_command},
    Command{"hook", "answers the hook of a coding agent", desk::hook_command},
    Command{"install", "set up the hooks and the tools in a coding agent", desk::install_command},
    Command{"uninstall", "take them out again", desk::uninstall_command},
    Command{"doctor", "what this machine can enforce, and what stands in the way", doctor_command},
};

void print_help() {
  std::printf(
      "jobward: a launcher for heavy jobs. It predicts what a job needs from its past runs, holds "
      "it to a hard\n"
      "limit, measures it, and tells afterwards what happened.\n\n"
      "usage: jobward COMMAND [OPTIONS] [-- JOB...]\n\n");
  for (const auto& command : kCommands)
    std::printf("  %-10s %s\n", command.name, command.summary);
  std::printf(
      "\nTo begin: put `jobward run --` before a command; after a few runs, ask `jobward estimate "
      "--` about it.\n"
      "`jobward COMMAND --help` tells more. JOBWARD_LOG=debug shows what jobward itself is "
      "doing.\n");
}

int unknown(const std::string& word) {
  std::vector<std::string> names;
  for (const auto& command : kCommands)
    names.emplace_back(command.name);
  std::string text = "unknown command \"" + word + "\"";
  if (const auto nearest = nearest_word(word, names)) text += "; did you mean " + *nearest + "?";
  say(text + " (`jobward --help` lists the commands)");
  return exit_code::kUsage;
}

int dispatch(int argc, char** argv) {
  if (const auto wanted = environment_variable("JOBWARD_LOG")) {
    const auto level = log::parse_level(*wanted);
    if (!level) say("JOBWARD_LOG is ignored: " + level.error().message());
    log::init(level.value_or(log::Level::warn));
  } else {
    log::init(log::Level::warn);
  }
  if (argc < 2) {
    print_help();
    return exit_code::kUsage;
  }
  const std::string word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") {
    print_help();
    return 0;
  }
  if (word == "--version") {
    std::printf("jobward %s\n", kVersion);
    return 0;
  }
  for (const auto& command : kCommands)
    if (word == command.name) return command.function(split_arguments(argc - 2, argv + 2));
  return unknown(word);
}

// Output that did not arrive is a failure, whatever the command thought.
int flush_output(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  say(std::string("the output could not be written: ") + std::strerror(errno));
  return status != 0 ? status : exit_code::kLauncherFailed;
}

}  // namespace
}  // namespace jobward::cli

int main(int argc, char** argv) {
  // One growth of the heap instead of a dozen; untouched pages cost nothing.
  ::mallopt(M_TOP_PAD, 1 << 20);
  jobward::cli::reserve_standard_streams();
  try {
    const int status = jobward::cli::dispatch(argc, argv);
    return jobward::cli::flush_output(status);
  } catch (const std::exception& broken) {
    // Below here only programming errors and exhaustion throw.
    std::fprintf(stderr, "jobward: internal error: %s\n", broken.what());
    return jobward::exit_code::kLauncherFailed;
  }
}
