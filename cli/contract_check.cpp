#include "cli/contract_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/verify_options.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"
#include "profiles/paths.h"
#include "trust/canonical.h"
#include "verify/file_set.h"
#include "verify/terms.h"

namespace jobward::cli {
namespace {

// The ledger keeps for ever, and goes to other places: what was judged, not rows of the data.
std::string without_samples(const std::string& details) {
  auto json = nlohmann::ordered_json::parse(details, nullptr, false);
  if (!json.is_object() || json.erase("samples") == 0) return details;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Status put_on_record(ContractAtDesk& at, const std::vector<Finding>& found) {
  auto batch = at.desk->ledger->begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  for (const auto& finding : found) {
    auto entry = trust::entry_of(finding);
    entry.actor = at.use.actor;
    entry.run = at.use.run;
    entry.project = trust::json_text(at.desk->project.identity);
    entry.subject = "contract:" + trust::json_text(at.contract.id);
    entry.details = without_samples(finding.details);
    auto appended = batch->append(entry);
    if (!appended) return tl::unexpected(std::move(appended).error());
  }
  return batch->commit();
}

std::optional<std::string> objection(const trust::BaselineVerdict& verdict) {
  if (verdict.allowed) return std::nullopt;
  return verdict.finding ? verdict.finding->message : std::string("the contract is refused");
}

// By them a copy is known: what it names, and the files that this means now (the first thousand of
// a dataset are enough to be recognized by), links followed. One that is not there has no others.
std::vector<std::string> files_of(const verify::Contract& contract, const verify::Tick& tick) {
  constexpr std::size_t kEnough = 1000;
  std::set<std::string> out;
  const auto add = [&](const std::vector<std::string>& paths) {
    for (const auto& path : paths)
      out.insert(real_path(profiles::absolute_path(contract.directory, path)));
    const auto files = verify::find_files(contract.directory, paths, tick);
    for (std::size_t i = 0; files && i < std::min(kEnough, files->size()); ++i)
      out.insert(real_path((*files)[i].path));
  };
  for (const auto& dataset : contract.datasets)
    add(dataset.paths);
  for (const auto& check : contract.checks)
    if (const auto* stubs = std::get_if<verify::Stubs>(&check.demand)) add(stubs->paths);
  return {out.begin(), out.end()};
}

// The guard's word, recorded and paid for; false: it is refused, and `out` says so.
Result<bool> settle(ContractAtDesk& at, trust::BaselineVerdict& verdict, ContractVerdict& out) {
  auto settled = trust::judge_contract(*at.desk->ledger, *at.desk->decisions, at.use);
  if (!settled) return tl::unexpected(std::move(settled).error());
  verdict = std::move(*settled);
  if (verdict.finding) out.findings.push_back(*verdict.finding);
  return verdict.allowed;
}

}  // namespace

int ContractVerdict::exit_status() const {
  if (!report) return exit_code::kVerifyFailed;
  const int status = report->exit_status();
  return status == 0 && !not_on_record.empty() ? exit_code::kUsage : status;
}

profiles::Project contract_project(const verify::Contract& contract) {
  return profiles::find_project(real_path(contract.directory), profiles::RealFileProbe());
}

Result<ContractAtDesk> bring_contract(verify::Contract contract, const std::string& run,
                                      const verify::Tick& tick) {
  ContractAtDesk out;
  auto desk = open_trust_desk_at(contract.directory);
  if (!desk) return rethrow(std::move(desk).error(), "the record of contracts");
  out.desk = std::move(*desk);
  out.use.terms = verify::terms_of(contract);
  out.use.datasets = files_of(contract, tick);
  auto cwd = working_directory();
  if (!cwd) return tl::unexpected(std::move(cwd).error());
  out.use.path = real_path(profiles::absolute_path(*cwd, contract.path));
  out.use.run = run;
  out.use.actor = out.desk->actor;
  out.contract = std::move(contract);
  return out;
}

Result<std::optional<std::string>> foresee_refusal(ContractAtDesk& at) {
  auto verdict = trust::judge_contract(*at.desk->ledger, *at.desk->decisions, at.use,
                                       trust::Approvals::look_only);
  if (!verdict) return tl::unexpected(std::move(verdict).error());
  return objection(*verdict);
}

Result<std::optional<std::string>> refuse_if_loosened(ContractAtDesk& at) {
  auto foreseen = foresee_refusal(at);
  if (!foreseen || !*foreseen) return foreseen;
  auto verdict = trust::judge_contract(*at.desk->ledger, *at.desk->decisions, at.use);
  if (!verdict) return tl::unexpected(std::move(verdict).error());
  return objection(*verdict);
}

Result<ContractVerdict> check_contract(ContractAtDesk& at, verify::Options options) {
  ContractVerdict out;
  out.contract = at.contract.id;
  out.path = at.contract.path;
  auto verdict = trust::judge_contract(*at.desk->ledger, *at.desk->decisions, at.use,
                                       trust::Approvals::look_only);
  if (!verdict) return tl::unexpected(std::move(verdict).error());
  bool settled = false;
  if (!verdict->allowed) {
    auto allowed = settle(at, *verdict, out);
    if (!allowed || !*allowed)
      return allowed ? Result<ContractVerdict>(std::move(out))
                     : tl::unexpected(std::move(allowed).error());
    settled = true;
  }
  auto report = verify_contract(at.contract, at.desk->project.identity, std::move(options));
  if (!report) return tl::unexpected(std::move(report).error());
  // An approval is used up by a check that could be made, not by one that could not begin.
  if (verdict->overridden && !settled) {
    auto allowed = settle(at, *verdict, out);
    if (!allowed || !*allowed)
      return allowed ? Result<ContractVerdict>(std::move(out))
                     : tl::unexpected(std::move(allowed).error());
  }
  auto found = verify::findings(*report);
  if (auto kept = put_on_record(at, found); !kept) out.not_on_record = kept.error().message();
  // What could not be checked has not been accepted either.
  if (report->exit_status() == 0 && out.not_on_record.empty())
    if (auto kept = trust::accept_contract(*at.desk->ledger, *at.desk->decisions, at.use, *verdict);
        !kept)
      out.not_on_record = kept.error().message();
  // Later checks compare with them: only with what is on record.
  if (out.not_on_record.empty())
    if (auto kept = accept_counts(*report, at.desk->project.identity); !kept)
      out.not_on_record = kept.error().message();
  std::move(found.begin(), found.end(), std::back_inserter(out.findings));
  out.report = std::move(*report);
  return out;
}

}  // namespace jobward::cli
