// jobward reap: closes runs whose supervisor is gone.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/run_reference.h"
#include "cli/watchdog_records.h"
#include "common/exit_codes.h"
#include "common/text.h"

namespace jobward::cli {

int reap_command(const Arguments& arguments) {
  CLI::App app(
      "Closes runs whose supervisor is gone, and kills what is left of them. Every other command "
      "does so, too.",
      "reap");
  set_usage(app, "jobward reap");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  RunDesk desk;
  desk.records = open_records(desk.clock);
  if (!desk.records.store) return failure("reap", desk.records.problem, exit_code::kUsage);
  if (auto tree = host::read_cgroup_tree(desk.roots)) desk.tree = std::move(*tree);
  desk.identity = host::read_machine_identity(desk.roots);
  const auto lines = launcher::reap_lost(desk.reaping());
  launcher::sweep_locks(desk.reaping());
  take_in_watchdog(desk.records, desk.clock);
  for (const auto& line : lines)
    std::printf("%s\n", printable(line).c_str());
  if (lines.empty()) std::printf("every open run has its supervisor\n");
  return 0;
}

}  // namespace jobward::cli
