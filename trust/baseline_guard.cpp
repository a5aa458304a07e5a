#include "trust/baseline_guard.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/identity.h"
#include "common/text.h"
#include "trust/baseline.h"
#include "trust/canonical.h"
#include "trust/terms_codec.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

constexpr const char* kRule = "threshold_downgrade";

std::string subject_of(const std::string& contract) { return "contract:" + json_text(contract); }

// A baseline as the ledger has it.
struct Kept {
  std::int64_t seq = 0;
  std::string project;
  ContractTerms terms;
  std::vector<std::string> datasets;
  std::string path;
  std::string approval;  // an envelope, or empty
};

std::optional<Kept> read_kept(const Entry& entry) {
  const auto details = Json::parse(entry.details, nullptr, false);
  if (!details.is_object()) return std::nullopt;
  auto terms = read_terms(text_member(details, "terms"));
  if (!terms) return std::nullopt;
  return Kept{entry.seq,
              entry.project,
              std::move(*terms),
              text_list(details, "datasets"),
              text_member(details, "path"),
              text_member(details, "approval")};
}

// Oldest first; those that cannot be read are left out, which is not to demand less: without a
// baseline the contract counts as new.
Result<std::vector<Kept>> kept_baselines(Ledger& ledger, const std::string& subject) {
  LedgerQuery query;
  query.kind = EntryKind::baseline;
  query.subject = subject;
  auto entries = ledger.query(query);
  if (!entries) return tl::unexpected(std::move(entries).error());
  std::vector<Kept> out;
  for (const auto& entry : *entries)
    if (auto kept = read_kept(entry)) out.push_back(std::move(*kept));
  return out;
}

std::string details_of(const ContractUse& use, const std::string& approval) {
  Json datasets = Json::array();
  for (const auto& path : use.datasets)
    datasets.push_back(json_text(path));
  Json out{{"terms", canonical_text(use.terms)},
           {"path", json_text(use.path)},
           {"datasets", std::move(datasets)}};
  if (!approval.empty()) out["approval"] = approval;
  return canonical(out);
}

std::string action_of(DecisionKind kind, const ContractTerms& terms, const ContractTerms* before) {
  Json out{{"kind", to_string(kind)},
           {"contract", json_text(terms.id)},
           {"to_sha256", sha256_hex(canonical_text(terms))}};
  if (before != nullptr) out["from_sha256"] = sha256_hex(canonical_text(*before));
  return canonical(out);
}

// Was it approved as a baseline, by keys that still count?
bool is_signed(const Kept& kept, const Circumstances& at) {
  if (kept.approval.empty()) return false;
  const auto envelope = read_envelope(kept.approval);
  const auto pool = at.policy.pools.find(at.policy.downgrade_pool);
  if (!envelope || pool == at.policy.pools.end()) return false;
  const auto payload = opened(*envelope, payload_type::kOverride, at.policy.members(pool->second),
                              pool->second.threshold);
  const auto token = payload ? read_token(*payload) : std::nullopt;
  return token && token->audience.project == json_text(at.audience.project) &&
         token->action_sha256 == sha256_hex(action_of(DecisionKind::baseline, kept.terms, nullptr));
}

class Judging {
 public:
  Judging(Ledger& ledger, Decisions& decisions, const ContractUse& use, Approvals approvals)
      : looks_only_(approvals == Approvals::look_only),
        ledger_(ledger),
        decisions_(decisions),
        use_(use),
        at_(decisions.circumstances()),
        project_(json_text(at_.audience.project)),
        required_(at_.policy.requires_baseline(use.terms.id)) {}

  Result<BaselineVerdict> run() {
    auto approved = take_approved_baseline();
    if (!approved) return tl::unexpected(std::move(approved).error());
    if (*approved && looks_only_) return allowed_by_approval();
    auto own = kept_baselines(ledger_, subject_of(use_.terms.id));
    if (!own) return tl::unexpected(std::move(own).error());
    const Kept* newest = nullptr;
    const Kept* sealed = nullptr;
    for (const auto& kept : *own) {
      if (kept.project != project_) continue;
      newest = &kept;
      if (is_signed(kept, at_)) sealed = &kept;
    }
    if (required_ && sealed == nullptr) return unsigned_baseline(newest);
    if (newest == nullptr) return new_contract();
    auto loosened = compare(newest->terms, use_.terms);
    // What an operator has signed binds, even if somebody wrote a later row.
    if (required_)
      for (auto& one : compare(sealed->terms, use_.terms))
        if (std::find(loosened.begin(), loosened.end(), one) == loosened.end())
          loosened.push_back(std::move(one));
    if (!loosened.empty())
      return refuse("contract " + shown() + " demands less than its baseline", std::move(loosened),
                    &newest->terms);
    BaselineVerdict out;
    out.allowed = true;
    out.becomes_baseline = !same(newest->terms, use_.terms);
    return out;
  }

 private:
  [[nodiscard]] std::string shown() const { return "\"" + printable(use_.terms.id) + "\""; }

  static BaselineVerdict allowed_by_approval() {
    BaselineVerdict out;
    out.allowed = true;
    out.overridden = true;
    return out;
  }

  // An approved decision to make these terms the baseline is carried out at their first use. Is
  // there one?
  Result<bool> take_approved_baseline() {
    const std::string action = action_of(DecisionKind::baseline, use_.terms, nullptr);
    NewEntry entry;
    entry.kind = EntryKind::baseline;
    entry.actor = use_.actor;
    entry.run = use_.run;
    entry.subject = subject_of(use_.terms.id);
    entry.message = "baseline of contract " + shown() + ", approved";
    auto found = decisions_.approved(DecisionKind::baseline, action);
    if (!found) return tl::unexpected(std::move(found).error());
    if (!*found || looks_only_) return found->has_value();
    entry.details = details_of(use_, to_json((*found)->envelope));
    JOBWARD_RETURN_IF_ERROR(decisions_.consume(**found, action, std::move(entry)));
    return true;
  }

  Result<BaselineVerdict> unsigned_baseline(const Kept* newest) {
    const std::string what = newest == nullptr
                                 ? "contract " + shown() + " has no baseline on record"
                                 : "the baseline of contract " + shown() + " is not signed";
    std::vector<std::string> loosened;
    if (newest != nullptr) loosened = compare(newest->terms, use_.terms);
    return refuse(what + ", and the policy requires a signed one", std::move(loosened), nullptr);
  }

  // A first use, unless it is another contract's under a new name.
  Result<BaselineVerdict> new_contract() {
    auto all = kept_baselines(ledger_, "");
    if (!all) return tl::unexpected(std::move(all).error());
    std::map<std::pair<std::string, std::string>, const Kept*> newest;
    for (const auto& kept : *all)
      newest[{kept.project, kept.terms.id}] = &kept;
    for (const auto& [key, kept] : newest) {
      const bool here = kept->project == project_;
      const bool renamed = here && !use_.path.empty() && kept->path == json_text(use_.path);
      const bool same_data = shares_dataset(*kept);
      const bool copied = (here || same_data) && is_copy(kept->terms, use_.terms, same_data);
      if (!renamed && !copied) continue;
      auto loosened = compare(kept->terms, use_.terms);
      if (loosened.empty()) continue;
      return refuse("contract " + shown() + " has no baseline; " +
                        (renamed ? "its file was contract \"" : "it is a copy of contract \"") +
                        printable(kept->terms.id) + "\", and demands less",
                    std::move(loosened), &kept->terms);
    }
    BaselineVerdict out;
    out.allowed = true;
    out.becomes_baseline = true;
    return out;
  }

  [[nodiscard]] bool shares_dataset(const Kept& kept) const {
    return std::any_of(use_.datasets.begin(), use_.datasets.end(), [&](const std::string& path) {
      return std::find(kept.datasets.begin(), kept.datasets.end(), json_text(path)) !=
             kept.datasets.end();
    });
  }

  [[nodiscard]] Finding finding(bool passed, std::string message,
                                const std::vector<std::string>& loosened) const {
    Finding out;
    out.source = "guard";
    out.check = kRule;
    out.primitive = kRule;
    out.declared = passed ? Severity::warn : Severity::hard_fail;
    out.effective = out.declared;
    out.passed = passed;
    out.message = std::move(message);
    Json list = Json::array();
    for (const auto& one : loosened)
      list.push_back(json_text(one));
    out.details =
        canonical({{"contract", json_text(use_.terms.id)}, {"loosened", std::move(list)}});
    return out;
  }

  [[nodiscard]] NewEntry evidence(const Finding& found) const {
    NewEntry entry = entry_of(found);
    entry.actor = use_.actor;
    entry.run = use_.run;
    return entry;
  }

  // `before`: what it steps down from; null: nothing that counts, so that it cannot pass once.
  Result<BaselineVerdict> refuse(const std::string& what, std::vector<std::string> loosened,
                                 const ContractTerms* before) {
    BaselineVerdict out;
    out.loosened = std::move(loosened);
    std::string list;
    for (const auto& one : out.loosened)
      list += (list.empty() ? ": " : "; ") + one;
    if (before != nullptr) {
      auto passed = pass_once(what + list, *before, out);
      if (!passed) return tl::unexpected(std::move(passed).error());
      if (*passed) return out;
    }
    if (looks_only_) {
      out.finding = finding(false, what + list, out.loosened);
      return out;
    }
    return ask(what + list, before, std::move(out));
  }

  Result<bool> pass_once(const std::string& what, const ContractTerms& before,
                         BaselineVerdict& out) {
    const std::string action = action_of(DecisionKind::downgrade, use_.terms, &before);
    if (looks_only_) {
      auto approved = decisions_.approved(DecisionKind::downgrade, action);
      if (!approved) return tl::unexpected(std::move(approved).error());
      if (*approved) out = allowed_by_approval();
      return approved->has_value();
    }
    const auto found = finding(true, what + "; it passes this once, as approved", out.loosened);
    auto entry = evidence(found);
    entry.kind = EntryKind::override_;
    entry.details.clear();
    auto used = decisions_.consume(DecisionKind::downgrade, action, std::move(entry));
    if (!used) return tl::unexpected(std::move(used).error());
    if (!*used) return false;
    out.allowed = true;
    out.overridden = true;
    out.finding = found;
    return true;
  }

  Result<BaselineVerdict> ask(const std::string& what, const ContractTerms* before,
                              BaselineVerdict out) {
    auto found = finding(false, what, out.loosened);
    const std::string requester = "uid:" + std::to_string(use_.actor.uid);
    const std::vector<std::string> pools{at_.policy.downgrade_pool};
    std::string hint;
    if (before != nullptr) {
      auto once = decisions_.ask(
          {DecisionKind::downgrade, action_of(DecisionKind::downgrade, use_.terms, before), what,
           pools, requester, false},
          evidence(found));
      if (!once) return tl::unexpected(std::move(once).error());
      hint = "`jobward approve " + once->id + "` lets it pass once, ";
    }
    auto lasting = decisions_.ask(
        {DecisionKind::baseline, action_of(DecisionKind::baseline, use_.terms, nullptr),
         "these terms become the baseline of contract " + shown() + " (" + what + ")", pools,
         requester, false},
        evidence(found));
    if (!lasting) return tl::unexpected(std::move(lasting).error());
    hint += "`jobward approve " + lasting->id + "` makes it the baseline";
    found.message += ". An operator can allow it: " + hint;
    out.finding = std::move(found);
    return out;
  }

  bool looks_only_;
  Ledger& ledger_;
  Decisions& decisions_;
  const ContractUse& use_;
  const Circumstances& at_;
  std::string project_;
  bool required_;
};

}  // namespace

Result<BaselineVerdict> judge_contract(Ledger& ledger, Decisions& decisions, const ContractUse& use,
                                       Approvals approvals) {
  return Judging(ledger, decisions, use, approvals).run();
}

Status accept_contract(Ledger& ledger, const Decisions& decisions, const ContractUse& use,
                       const BaselineVerdict& verdict) {
  if (!verdict.allowed || !verdict.becomes_baseline || verdict.overridden) return {};
  NewEntry entry;
  entry.kind = EntryKind::baseline;
  entry.actor = use.actor;
  entry.run = use.run;
  entry.project = json_text(decisions.circumstances().audience.project);
  entry.subject = subject_of(use.terms.id);
  entry.message = "baseline of contract \"" + printable(use.terms.id) + "\"";
  entry.details = details_of(use, "");
  auto appended = ledger.append(entry);
  if (!appended) return tl::unexpected(std::move(appended).error());
  return {};
}

}  // namespace jobward::trust
