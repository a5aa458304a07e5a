#include "cli/run_contracts.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/child_program.h"
#include "cli/contract_check.h"
#include "cli/render_json.h"
#include "cli/verify_options.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"
#include "verify/contract_reader.h"

namespace jobward::cli {
namespace {

Finding not_checked(const RunContracts::One& contract, const std::string& why) {
  Finding out;
  out.source = "verify";
  out.check = contract.contract.id;
  out.primitive = "contract";
  out.message = "contract " + printable(contract.contract.path) + " could not be checked: " + why;
  return out;
}

// No option, whatever it is called.
std::string as_argument(const std::string& path) { return path[0] == '-' ? "./" + path : path; }

// `jobward verify` prints its errors itself, and also has them in its JSON.
std::vector<Finding> check_apart(const RunContracts::One& contract, const std::string& run) {
  const auto end =
      ask_program_aloud({kOwnProgram, "verify", "--json", "--run", run, "--expect-sha256",
                         contract.contract.sha256, as_argument(contract.contract.path)});
  if (!end) return {not_checked(contract, end.error().message())};
  const auto json = nlohmann::ordered_json::parse(end->output, nullptr, false);
  if (!json.is_object())
    return {not_checked(
        contract,
        end->status > exit_code::kSignalBase
            ? "it was ended by signal " + std::to_string(end->status - exit_code::kSignalBase)
            : "it ended with exit status " + std::to_string(end->status) + " and no result")};
  auto found = findings_from_json(json.value("findings", nlohmann::ordered_json::array()));
  if (!found) return {not_checked(contract, found.error().message())};
  if (json.contains("error")) found->push_back(not_checked(contract, json["error"]));
  // Never more than it said itself.
  if (end->status != 0 && std::none_of(found->begin(), found->end(), halts))
    found->push_back(
        not_checked(contract, "it ended with exit status " + std::to_string(end->status)));
  return std::move(*found);
}

std::vector<Finding> check_in_order(const std::vector<RunContracts::One>& contracts,
                                    const std::string& run) {
  std::vector<Finding> out;
  for (const auto& contract : contracts) {
    auto found = check_apart(contract, run);
    std::move(found.begin(), found.end(), std::back_inserter(out));
    if (std::any_of(out.begin(), out.end(), halts)) break;
  }
  return out;
}

Result<std::vector<RunContracts::One>> read_all(const std::vector<std::string>& paths,
                                                const char* flag, const std::string& project,
                                                std::vector<std::string>& names) {
  std::vector<RunContracts::One> out;
  for (const auto& path : paths) {
    auto contract = verify::read_contract(path);
    if (!contract) return rethrow(std::move(contract).error(), flag);
    const auto& checks = contract->checks;
    if (std::any_of(checks.begin(), checks.end(), verify::needs_engine))
      if (auto engine = find_engine(); !engine) return rethrow(std::move(engine).error(), flag);
    const auto home = contract_project(*contract).identity;
    const std::string foreign = home == project ? "" : home;
    names.push_back(foreign.empty() ? contract->id : contract->id + " of " + foreign);
    out.push_back({std::move(*contract), foreign});
  }
  return out;
}

void require_now(const RunContracts& contracts, launcher::RunOrder& order) {
  order.findings = check_in_order(contracts.required, order.id);
  const auto halting = std::find_if(order.findings.begin(), order.findings.end(), halts);
  if (halting != order.findings.end())
    order.refusal = "required check " + halting->check + ": " + halting->message;
}

// Why the run is not to start; absent: nothing speaks against it.
Result<std::optional<std::string>> objection(const RunContracts::One& contract,
                                             const std::string& run, bool dry_run) {
  auto at = bring_contract(contract.contract, run);
  if (!at) return tl::unexpected(std::move(at).error());
  return dry_run ? foresee_refusal(*at) : refuse_if_loosened(*at);
}

}  // namespace

std::vector<std::string> RunContracts::remarks() const {
  std::vector<std::string> out;
  for (const auto& one : required)
    out.push_back("contract " + printable(one.contract.path) + " is checked before it starts");
  for (const auto& one : verified)
    out.push_back("contract " + printable(one.contract.path) +
                  " is checked after it has ended well");
  return out;
}

Result<RunContracts> read_run_contracts(const std::vector<std::string>& require,
                                        const std::vector<std::string>& verify,
                                        const std::string& cwd, trust::RunTerms& terms) {
  RunContracts out;
  if (require.empty() && verify.empty()) return out;
  const std::string project =
      profiles::find_project(real_path(cwd), profiles::RealFileProbe()).identity;
  auto required = read_all(require, "--require", project, terms.require);
  if (!required) return tl::unexpected(std::move(required).error());
  auto verified = read_all(verify, "--verify", project, terms.verify);
  if (!verified) return tl::unexpected(std::move(verified).error());
  out.required = std::move(*required);
  out.verified = std::move(*verified);
  return out;
}

Status require_contracts(const RunContracts& contracts, launcher::RunOrder& order, bool dry_run) {
  auto judged = contracts.verified;
  if (dry_run) judged.insert(judged.end(), contracts.required.begin(), contracts.required.end());
  for (const auto& one : judged) {
    auto why = objection(one, order.id, dry_run);
    if (!why) return tl::unexpected(std::move(why).error());
    if (!*why) continue;
    order.refusal = std::move(**why);
    return {};
  }
  if (!dry_run) require_now(contracts, order);
  return {};
}

std::optional<std::string> foreign_contract(const RunContracts& contracts,
                                            const trust::TrustPolicy& policy) {
  for (const auto* list : {&contracts.required, &contracts.verified})
    for (const auto& one : *list)
      if (!one.foreign.empty() && policy.requires_baseline(one.contract.id))
        return "contract " + printable(one.contract.path) + " lies in another project, " +
               printable(one.foreign) + ", and this one's policy requires baselines of its own";
  return std::nullopt;
}

std::optional<std::string> require_again(const RunContracts& contracts, launcher::RunOrder& order) {
  if (contracts.required.empty()) return std::nullopt;
  require_now(contracts, order);
  return order.refusal;
}

std::vector<Finding> verify_product(const RunContracts& contracts, const std::string& run) {
  return check_in_order(contracts.verified, run);
}

}  // namespace jobward::cli
