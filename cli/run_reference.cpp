#include "cli/run_reference.h"

#include "cli/arguments.h"
#include "cli/watchdog_records.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "launcher/run_lock.h"

namespace jobward::cli {
namespace {

std::string candidates(const std::vector<profiles::RunRecord>& runs) {
  std::string text;
  for (const auto& run : runs)
    text += (text.empty() ? "" : ", ") + run.request.id;
  return text;
}

}  // namespace

launcher::Reaping RunDesk::reaping() const {
  return {records.store.get(), records.lock_directory, roots, tree, identity, clock};
}

bool RunDesk::is_alive(const std::string& run) const {
  return launcher::is_supervised(records.lock_directory, run);
}

Result<std::unique_ptr<RunDesk>> open_run_desk(
    const std::function<void(const std::string&)>& tell) {
  auto desk = std::make_unique<RunDesk>();
  desk->records = open_records(desk->clock);
  if (!desk->records.store) return error("open", "the records", desk->records.problem);
  if (auto tree = host::read_cgroup_tree(desk->roots)) desk->tree = std::move(*tree);
  desk->identity = host::read_machine_identity(desk->roots);
  for (const auto& line : launcher::reap_lost(desk->reaping()))
    tell(line);
  launcher::sweep_locks(desk->reaping());
  take_in_watchdog(desk->records, desk->clock);
  return desk;
}

std::unique_ptr<RunDesk> open_desk(const std::string& command) {
  auto desk = open_run_desk(say);
  if (desk) return std::move(*desk);
  failure(command, desk.error().detail, exit_code::kUsage);
  return nullptr;
}

Result<profiles::RunRecord> look_up_run(const RunDesk& desk, const std::string& reference) {
  auto runs = desk.records.store->find(reference);
  if (!runs) return tl::unexpected(std::move(runs).error());
  if (runs->empty())
    return error(
        "find", "run \"" + printable(reference) + "\"",
        "there is none in " + desk.records.directory.path + "; `jobward history` lists them");
  if (runs->size() > 1)
    return error("find", "run \"" + printable(reference) + "\"",
                 "it fits several: " + candidates(*runs));
  return std::move(runs->front());
}

profiles::RunRecord read_again(const RunDesk& desk, profiles::RunRecord run) {
  if (run.ending) return run;
  auto now = look_up_run(desk, run.request.id);
  return now ? std::move(*now) : std::move(run);
}

std::optional<profiles::RunRecord> find_run(const std::string& command, const RunDesk& desk,
                                            const std::string& reference) {
  auto runs = desk.records.store->find(reference);
  if (!runs) {
    failure(command, runs.error().message(), exit_code::kUsage);
  } else if (runs->empty()) {
    usage_error(command,
                "no run \"" + reference + "\" in " + desk.records.directory.path +
                    "; `jobward history` lists them",
                exit_code::kUsage);
  } else if (runs->size() > 1) {
    usage_error(command, "\"" + reference + "\" fits several runs: " + candidates(*runs),
                exit_code::kUsage);
  } else {
    return std::move(runs->front());
  }
  return std::nullopt;
}

}  // namespace jobward::cli
