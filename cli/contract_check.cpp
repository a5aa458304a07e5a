#include "cli/contract_check.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/verify_options.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "profiles/paths.h"
#include "trust/canonical.h"
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

}  // namespace

int ContractVerdict::exit_status() const {
  if (!report) return exit_code::kVerifyFailed;
  const int status = report->exit_status();
  return status == 0 && !not_on_record.empty() ? exit_code::kUsage : status;
}

Result<ContractAtDesk> bring_contract(verify::Contract contract, const std::string& run) {
  ContractAtDesk out;
  auto desk = open_trust_desk_at(contract.directory);
  if (!desk) return rethrow(std::move(desk).error(), "the record of contracts");
  out.desk = std::move(*desk);
  out.use.terms = verify::terms_of(contract);
  for (const auto& dataset : contract.datasets)
    for (const auto& path : dataset.paths)
      out.use.datasets.push_back(profiles::absolute_path(contract.directory, path));
  auto cwd = working_directory();
  if (!cwd) return tl::unexpected(std::move(cwd).error());
  out.use.path = profiles::absolute_path(*cwd, contract.path);
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
  auto verdict = trust::judge_contract(*at.desk->ledger, *at.desk->decisions, at.use);
  if (!verdict) return tl::unexpected(std::move(verdict).error());
  if (verdict->finding) out.findings.push_back(*verdict->finding);
  if (!verdict->allowed) return out;
  auto report = verify_contract(at.contract, std::move(options));
  if (!report) return tl::unexpected(std::move(report).error());
  auto found = verify::findings(*report);
  if (auto kept = put_on_record(at, found); !kept) out.not_on_record = kept.error().message();
  // What could not be checked has not been accepted either.
  if (report->exit_status() == 0 && out.not_on_record.empty())
    if (auto kept =
            trust::accept_contract(*at.desk->ledger, *at.desk->decisions, at.use, *verdict);
        !kept)
      out.not_on_record = kept.error().message();
  std::move(found.begin(), found.end(), std::back_inserter(out.findings));
  out.report = std::move(*report);
  return out;
}

}  // namespace jobward::cli
