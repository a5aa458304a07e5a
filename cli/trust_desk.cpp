#include "cli/trust_desk.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/watchdog_records.h"
#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"
#include "host/observe/host_snapshot.h"
#include "trust/canonical.h"

namespace jobward::cli {
namespace {

constexpr const char* kAbsent = "absent";

std::string policy_subject(const std::string& file) { return "policy:" + trust::json_text(file); }

Status note_file(TrustDesk& desk, const std::string& file, const std::string& now) {
  trust::LedgerQuery query;
  query.kind = trust::EntryKind::policy_change;
  query.subject = policy_subject(file);
  auto last = desk.ledger->newest(query);
  if (!last) return tl::unexpected(std::move(last).error());
  const auto details =
      nlohmann::json::parse(*last ? (*last)->details : std::string("{}"), nullptr, false);
  const std::string before = *last ? trust::text_member(details, "sha256") : kAbsent;
  if (before == now) return {};
  trust::NewEntry entry;
  entry.kind = trust::EntryKind::policy_change;
  entry.actor = desk.actor;
  entry.project = trust::json_text(desk.project.identity);
  entry.subject = query.subject;
  entry.severity = before == kAbsent ? Severity::info : Severity::warn;
  entry.message = "the policy " + printable(file) +
                  (now == kAbsent      ? " is gone"
                   : before == kAbsent ? " is in force"
                                       : " has changed");
  entry.details = trust::canonical({{"before_sha256", before}, {"sha256", now}});
  auto appended = desk.ledger->append(entry);
  if (!appended) return tl::unexpected(std::move(appended).error());
  return {};
}

Result<std::unique_ptr<TrustDesk>> furnish(std::unique_ptr<TrustDesk> desk) {
  auto directory = ready_state_directory();
  if (!directory) return tl::unexpected(std::move(directory).error());
  desk->state_directory = directory->path;
  desk->actor = current_actor();
  const std::string host = host::read_machine_identity(host::KernelRoots()).machine_id;
  const trust::Audience audience{host, desk->project.identity};
  // An aggregate with a reference: make_unique cannot make one in C++20 as GCC 12 has it.
  // NOLINTNEXTLINE(modernize-make-unique)
  desk->circumstances.reset(
      new trust::Circumstances{desk->policy.trust, desk->policy.sha256, audience});
  auto ledger = trust::Ledger::open({desk->state_directory, host, desk->policy.trust.anchors},
                                    desk->clock, say);
  if (!ledger) return tl::unexpected(std::move(ledger).error());
  desk->ledger = std::move(*ledger);
  desk->decisions = std::make_unique<trust::Decisions>(*desk->ledger, *desk->circumstances);
  JOBWARD_RETURN_IF_ERROR(note_policy(*desk));
  JOBWARD_RETURN_IF_ERROR(desk->ledger->anchor_if_due());
  return desk;
}

trust::NewEntry kill_entry(const profiles::WatchdogEvent& kill, const std::string& ref) {
  trust::NewEntry entry;
  entry.kind = trust::EntryKind::kill;
  entry.actor.uid = ::geteuid();
  entry.source = "watchdog";
  entry.check = "memory";
  entry.primitive = "watchdog";
  entry.run = kill.run;
  entry.ref = ref;
  entry.severity = Severity::hard_fail;
  entry.passed = false;
  entry.message = "the watchdog has ended " +
                  (kill.run.empty() ? std::string("a process") : "run " + printable(kill.run));
  entry.details = kill.line;
  return entry;
}

}  // namespace

Status note_policy(TrustDesk& desk) {
  const std::string& file = desk.policy.file;
  if (!file.empty()) JOBWARD_RETURN_IF_ERROR(note_file(desk, file, desk.policy.sha256));
  if (!desk.policy_problem.empty()) return {};  // it is there, and stops everything
  for (const std::string& other :
       {std::string(kSystemPolicy), desk.project.root + "/" + kProjectPolicy}) {
    // One that was in force and is not any more.
    if (other == file || (!file.empty() && !desk.policy.from_project)) continue;
    JOBWARD_RETURN_IF_ERROR(note_file(desk, other, kAbsent));
  }
  return {};
}

Result<std::unique_ptr<TrustDesk>> open_trust_desk(Tolerance tolerance) {
  auto cwd = working_directory();
  if (!cwd) return tl::unexpected(std::move(cwd).error());
  return open_trust_desk_at(*cwd, tolerance);
}

Result<std::unique_ptr<TrustDesk>> open_trust_desk_at(const std::string& directory,
                                                      Tolerance tolerance) {
  auto desk = std::make_unique<TrustDesk>();
  desk->project = profiles::find_project(real_path(directory), profiles::RealFileProbe());
  auto policy = load_policy(environment_variable, {kSystemPolicy, desk->project.root, ::geteuid()});
  if (!policy && tolerance == Tolerance::strict) return tl::unexpected(std::move(policy).error());
  if (policy)
    desk->policy = std::move(*policy);
  else
    desk->policy_problem = policy.error().message();
  if (!desk->policy.warning.empty()) say(desk->policy.warning);
  return furnish(std::move(desk));
}

Result<std::unique_ptr<TrustDesk>> open_trust_desk(const LoadedPolicy& policy,
                                                   const profiles::Project& project) {
  auto desk = std::make_unique<TrustDesk>();
  desk->policy = policy;
  desk->project = project;
  return furnish(std::move(desk));
}

Status take_kills_into_ledger(const Records& records, const Clock& clock) {
  auto store = open_watchdog_records(records, clock);
  if (!store) return tl::unexpected(std::move(store).error());
  auto kills = (*store)->kills_beyond_ledger();
  if (!kills) return tl::unexpected(std::move(kills).error());
  if (kills->empty()) return {};
  const auto desk = open_trust_desk(Tolerance::tolerant);
  if (!desk) return tl::unexpected(desk.error());
  trust::Ledger& ledger = *(*desk)->ledger;
  for (const auto& kill : *kills) {
    const std::string ref = profiles::ledger_ref(kill);
    auto batch = ledger.begin();
    if (!batch) return tl::unexpected(std::move(batch).error());
    auto known = ledger.has_ref(ref);  // under the lock: another process may have been faster
    if (!known) return tl::unexpected(std::move(known).error());
    if (*known) continue;
    auto appended = batch->append(kill_entry(kill, ref));
    if (!appended) return tl::unexpected(std::move(appended).error());
    JOBWARD_RETURN_IF_ERROR(batch->commit());
  }
  return {};
}

Status take_findings_into_ledger(const LoadedPolicy& policy, const profiles::RunRequest& request,
                                 const std::vector<Finding>& findings) {
  // What a contract's check has found it has put there itself, unless it could not be made at all.
  const auto is_own = [](const Finding& one) {
    return !one.passed &&
           (one.source == "launcher" || one.source == "watchdog" || one.source == "stamp" ||
            one.primitive == "contract" || one.primitive == "review");
  };
  if (std::none_of(findings.begin(), findings.end(), is_own)) return {};
  const auto desk =
      open_trust_desk(policy, profiles::find_project(request.cwd, profiles::RealFileProbe()));
  if (!desk) return tl::unexpected(desk.error());
  auto batch = (*desk)->ledger->begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  for (const auto& finding : findings) {
    if (!is_own(finding)) continue;
    auto entry = trust::entry_of(finding);
    entry.actor = request.actor;
    entry.run = request.id;
    entry.project = trust::json_text((*desk)->project.identity);
    auto appended = batch->append(entry);
    if (!appended) return tl::unexpected(std::move(appended).error());
  }
  return batch->commit();
}

}  // namespace jobward::cli
