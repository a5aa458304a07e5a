#include "cli/watchdog_records.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/trust_desk.h"

namespace jobward::cli {
namespace {

Result<profiles::Intake> take_in(const std::string& state_directory, const Clock& clock,
                                 profiles::Haste haste) {
  const unsigned uid = ::geteuid();
  const auto journal = profiles::watchdog_directory(uid, environment_variable);
  if (!journal) return profiles::Intake();
  return profiles::take_in_journal({state_directory, *journal, uid}, clock, say, haste);
}

nlohmann::ordered_json line_json(const profiles::WatchdogEvent& event) {
  return nlohmann::ordered_json::parse(event.line, nullptr, false);
}

Result<WatchdogEntry> with_outcome(profiles::WatchdogStore& store, profiles::WatchdogEvent event) {
  WatchdogEntry entry{std::move(event), std::nullopt};
  if (entry.event.event != "kill") return entry;
  auto outcome = store.outcome_of(entry.event);
  if (!outcome) return tl::unexpected(std::move(outcome).error());
  entry.outcome = std::move(*outcome);
  return entry;
}

}  // namespace

void take_in_watchdog(const Records& records, const Clock& clock) {
  if (!records.store) return;
  const auto intake = take_in(records.directory.path, clock, profiles::Haste::none);
  if (!intake) return say("the watchdog's journal: " + intake.error().message());
  for (const auto& problem : intake->problems)
    say("the watchdog's journal: " + problem);
  for (const auto& line : intake->broken)
    say(line.message());
  if (const auto taken = take_kills_into_ledger(records, clock); !taken)
    say("the watchdog's kills are not in the ledger yet: " + taken.error().message());
}

void take_in_watchdog_quickly(const Clock& clock) {
  const auto state = profiles::choose_state_directory(::geteuid(), environment_variable);
  static_cast<void>(take_in(state.path, clock, profiles::Haste::at_once));
}

Result<std::unique_ptr<profiles::WatchdogStore>> open_watchdog_records(const Records& records,
                                                                       const Clock& clock) {
  return profiles::WatchdogStore::open(records.directory.path, clock, say);
}

Result<std::vector<WatchdogEntry>> watchdog_entries(profiles::WatchdogStore& store, int limit,
                                                    bool all) {
  auto events = store.events(limit, all);
  if (!events) return tl::unexpected(std::move(events).error());
  std::vector<WatchdogEntry> out;
  for (auto& event : *events) {
    auto entry = with_outcome(store, std::move(event));
    if (!entry) return tl::unexpected(std::move(entry).error());
    out.push_back(std::move(*entry));
  }
  return out;
}

Result<std::optional<WatchdogEntry>> watchdog_entry_of(const Records& records, const Clock& clock,
                                                       const profiles::RunRecord& run) {
  if (!run.ending || run.ending->outcome != Outcome::watchdog_killed) return std::nullopt;
  auto store = open_watchdog_records(records, clock);
  if (!store) return tl::unexpected(std::move(store).error());
  auto kill = (*store)->kill_of(run.request.id);
  if (!kill) return tl::unexpected(std::move(kill).error());
  if (!*kill) return std::nullopt;
  auto entry = with_outcome(**store, std::move(**kill));
  if (!entry) return tl::unexpected(std::move(entry).error());
  return std::move(*entry);
}

nlohmann::ordered_json to_json(const WatchdogEntry& entry) {
  auto out = line_json(entry.event);
  if (entry.outcome) out["outcome"] = line_json(*entry.outcome);
  return out;
}

}  // namespace jobward::cli
