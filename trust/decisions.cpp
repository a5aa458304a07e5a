#include "trust/decisions.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/identity.h"
#include "common/text.h"
#include "trust/canonical.h"
#include "trust/encoding.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 5> kStandingNames{"pending", "approved", "refused", "stale",
                                                         "used"};
constexpr std::size_t kNonceBytes = 16;

bool is_key_id(const std::string& requester) { return requester.starts_with("SHA256:"); }

NewEntry approval_entry(const Decision& decision, const TrustedKey& key,
                        const profiles::Actor& actor) {
  NewEntry entry;
  entry.kind = EntryKind::approval;
  entry.actor = actor;
  entry.key_ids = {key.id()};
  entry.project = decision.project;
  entry.subject = decision.id;
  entry.details = to_json(decision.envelope);
  return entry;
}

// What is shown to those who sign is what they sign: the row must say what its digest and the token
// say.
std::optional<std::string> damage(const Decision& decision, const Token& token) {
  const Request& request = decision.request;
  if (sha256_hex(request.action) != decision.action_sha256)
    return "its record was changed: the action is not the one that its digest is of";
  if (token.requester != request.requester)
    return "its record was changed: another one has asked for it";
  if (request.kind != DecisionKind::review) return std::nullopt;
  const auto action = Json::parse(request.action, nullptr, false);
  if (!action.is_object() || text_list(action, "pools") != request.pools)
    return "its record was changed: other pools were to decide it";
  return std::nullopt;
}

std::string who(const TrustedKey& key) { return key.name + " (" + key.role + ")"; }

}  // namespace

std::string_view to_string(Standing::State state) {
  return kStandingNames[static_cast<std::size_t>(state)];
}

std::string_view payload_type_of(DecisionKind kind) {
  return kind == DecisionKind::review ? payload_type::kReview : payload_type::kOverride;
}

Result<Envelope> Decisions::mint(const std::string& id, const std::string& sha256_text,
                                 const Request& request) const {
  auto nonce = random_bytes(kNonceBytes);
  if (!nonce) return tl::unexpected(std::move(nonce).error());
  const UnixMillis now = ledger_.clock().wall_ms();
  const Token token{id,
                    sha256_text,
                    at_.policy_sha256,
                    at_.audience,
                    request.requester,
                    now,
                    now + static_cast<UnixMillis>(at_.policy.valid_seconds * 1000),
                    hex(*nonce)};
  return Envelope{canonical_text(token), std::string(payload_type_of(request.kind)), {}};
}

Result<Decision> Decisions::ask(const Request& request, NewEntry evidence) {
  const std::string digest = sha256_hex(request.action);
  auto batch = ledger_.begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  auto open = of_action(request.kind, digest);
  if (!open) return tl::unexpected(std::move(open).error());
  Decision decision;
  const auto usable = std::find_if(open->begin(), open->end(), [&](const Decision& one) {
    return standing(one).state == Standing::State::pending &&
           one.request.requester == request.requester && one.request.pools == request.pools;
  });
  if (usable != open->end()) {
    decision = std::move(*usable);
  } else {
    auto id = new_run_id();
    if (!id) return tl::unexpected(std::move(id).error());
    auto envelope = mint(*id, digest, request);
    if (!envelope) return tl::unexpected(std::move(envelope).error());
    decision = {*id,
                request,
                json_text(at_.audience.project),
                digest,
                ledger_.clock().wall_ms(),
                "open",
                std::move(*envelope),
                {}};
    JOBWARD_RETURN_IF_ERROR(write(decision));
  }
  evidence.project = decision.project;
  evidence.subject = decision.id;
  evidence.message += " (decision " + decision.id + ")";
  auto appended = batch->append(evidence);
  if (!appended) return tl::unexpected(std::move(appended).error());
  JOBWARD_RETURN_IF_ERROR(batch->commit());
  return decision;
}

// Who decides: for the guards' questions the policy of today says it, whatever the row does. A
// review's pools are part of what it is about.
std::vector<std::string> Decisions::pools_of(const Decision& decision) const {
  switch (decision.request.kind) {
    case DecisionKind::caps:
      return {at_.policy.caps_pool};
    case DecisionKind::downgrade:
    case DecisionKind::baseline:
      return {at_.policy.downgrade_pool};
    case DecisionKind::review:
      return decision.request.pools;
  }
  return {};
}

// Nobody approves what he has asked for; and where no key asked, nobody can tell that an agent's
// key is not the asker's.
TrustedKeys Decisions::members(const Decision& decision, const Pool& pool) const {
  TrustedKeys out;
  for (auto& key : at_.policy.members(pool)) {
    const bool own = key.id() == decision.request.requester;
    const bool unknowable = key.agent && !is_key_id(decision.request.requester);
    if (!own && !unknowable) out.push_back(std::move(key));
  }
  return out;
}

Standing Decisions::standing(const Decision& decision) const {
  using State = Standing::State;
  if (decision.state == "used") return {State::used, "it has been used", {}};
  if (decision.state == "refused") return {State::refused, decision.refusal, {}};
  const auto token = read_token(decision.envelope.payload);
  if (!token) return {State::stale, "what was signed cannot be read", {}};
  if (const auto why = damage(decision, *token)) return {State::stale, *why, {}};
  const Occasion occasion{decision.id, decision.action_sha256, at_.policy_sha256, at_.audience,
                          ledger_.clock().wall_ms()};
  Standing out;
  const auto type = payload_type_of(decision.request.kind);
  for (const auto& name : pools_of(decision)) {
    const auto pool = at_.policy.pools.find(name);
    if (pool == at_.policy.pools.end())
      return {State::stale, "the policy has no pool \"" + printable(name) + "\" any more", {}};
    const auto keys = members(decision, pool->second);
    const auto found = signers(decision.envelope, type, keys);
    for (const auto* key : found)
      if (std::find(out.signers.begin(), out.signers.end(), key->name) == out.signers.end())
        out.signers.push_back(key->name);
    const auto needed = static_cast<std::size_t>(pool->second.threshold);
    if (found.size() < needed)
      out.why += (out.why.empty() ? "" : "; ") + std::to_string(found.size()) + " of " +
                 std::to_string(needed) + " by " + printable(name);
  }
  const auto problem = objection(*token, occasion);
  // Nobody has signed it: it is made anew when somebody wants to.
  if (problem && !decision.envelope.signatures.empty())
    return {State::stale, *problem, out.signers};
  if (out.why.empty() && !pools_of(decision).empty() && !problem) {
    out.state = State::approved;
    out.why = "approved, not used yet";
  }
  return out;
}

std::optional<std::string> Decisions::objection_to(const Decision& decision,
                                                   const TrustedKey& key) const {
  const std::string id = key.id();
  if (at_.policy.revoked.count(id) > 0) return "the key is revoked";
  if (id == decision.request.requester)
    return "the key is the requester's own, and nobody approves what he has asked for";
  bool in_pool = false;
  for (const auto& name : pools_of(decision)) {
    const auto pool = at_.policy.pools.find(name);
    if (pool == at_.policy.pools.end()) continue;
    for (const auto& member : members(decision, pool->second))
      in_pool = in_pool || member.key.point == key.key.point;
  }
  if (in_pool) return std::nullopt;
  if (key.agent && !is_key_id(decision.request.requester))
    return "an agent's key counts only where the policy lets agents review and the requester has "
           "named a key of its own (--key)";
  if (key.agent) return "the policy does not let agents decide this";
  return "its role \"" + key.role + "\" may not decide this";
}

std::optional<Error> Decisions::not_here(const Decision& decision, const char* what) const {
  if (decision.project == json_text(at_.audience.project)) return std::nullopt;
  return error(what, "decision " + decision.id,
               "it is of the project " + printable(decision.project) + ": do that there (cd)")
      .value();
}

Result<Envelope> Decisions::to_sign(const Decision& shown) {
  auto batch = ledger_.begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  auto decision = find(shown.id);  // under the lock: another may have signed meanwhile
  if (!decision) return tl::unexpected(std::move(decision).error());
  if (const auto elsewhere = not_here(*decision, "sign")) return tl::unexpected(*elsewhere);
  const std::string object = "decision " + decision->id;
  const auto token = read_token(decision->envelope.payload);
  if (token)
    if (const auto why = damage(*decision, *token)) return error("sign", object, *why);
  const Occasion occasion{decision->id, decision->action_sha256, at_.policy_sha256, at_.audience,
                          ledger_.clock().wall_ms()};
  const auto problem = token ? objection(*token, occasion) : std::optional<std::string>("?");
  if (!problem) return decision->envelope;
  // Signatures are nothing to be dropped in silence.
  if (!decision->envelope.signatures.empty())
    return error("sign", object,
                 *problem + ", and others have signed it already: it has to be asked for again");
  auto fresh = mint(decision->id, decision->action_sha256, decision->request);
  if (!fresh) return fresh;
  decision->envelope = *fresh;
  JOBWARD_RETURN_IF_ERROR(write(*decision));
  JOBWARD_RETURN_IF_ERROR(batch->commit());
  return fresh;
}

Result<Decision> Decisions::approve(const Decision& shown, const TrustedKey& key,
                                    std::string signature, const profiles::Actor& actor) {
  auto batch = ledger_.begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  auto decision = find(shown.id);  // under the lock: another may have signed meanwhile
  if (!decision) return decision;
  const std::string object = "decision " + decision->id;
  if (const auto elsewhere = not_here(*decision, "approve")) return tl::unexpected(*elsewhere);
  if (decision->state != "open") return error("approve", object, "it is " + decision->state);
  if (const auto why = objection_to(*decision, key)) return error("approve", object, *why);
  if (!is_signed_by(key.key,
                    pre_authentication(decision->envelope.payload_type, decision->envelope.payload),
                    signature))
    return error("approve", object, "the signature is not of this decision by " + who(key));
  const auto token = read_token(decision->envelope.payload);
  const Occasion occasion{decision->id, decision->action_sha256, at_.policy_sha256, at_.audience,
                          ledger_.clock().wall_ms()};
  if (const auto why = token ? objection(*token, occasion) : std::optional<std::string>("?"))
    return error("approve", object, *why + "; ask for it again");
  decision->envelope.signatures.push_back({key.id(), std::move(signature)});
  auto entry = approval_entry(*decision, key, actor);
  const auto now = standing(*decision);
  entry.message = who(key) + " approves: " + decision->request.describe +
                  (now.state == Standing::State::approved ? "" : " (" + now.why + ")");
  JOBWARD_RETURN_IF_ERROR(write(*decision));
  auto appended = batch->append(entry);
  if (!appended) return tl::unexpected(std::move(appended).error());
  JOBWARD_RETURN_IF_ERROR(batch->commit());
  return decision;
}

std::string Decisions::refusal_text(const Decision& decision, const std::string& reason) {
  return canonical({{"decision_id", decision.id},
                    {"action_sha256", decision.action_sha256},
                    {"reason", json_text(reason)}});
}

Result<Decision> Decisions::refuse(const Decision& shown, const TrustedKey& key,
                                   std::string signature, const std::string& reason,
                                   const profiles::Actor& actor) {
  auto batch = ledger_.begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  auto decision = find(shown.id);
  if (!decision) return decision;
  const std::string object = "decision " + decision->id;
  if (const auto elsewhere = not_here(*decision, "refuse")) return tl::unexpected(*elsewhere);
  if (decision->state != "open") return error("refuse", object, "it is " + decision->state);
  if (const auto why = objection_to(*decision, key)) return error("refuse", object, *why);
  const std::string payload = refusal_text(*decision, reason);
  if (!is_signed_by(key.key, pre_authentication(payload_type::kRefusal, payload), signature))
    return error("refuse", object, "the signature is not of this refusal by " + who(key));
  decision->state = "refused";
  decision->refusal = "refused by " + who(key) + (reason.empty() ? "" : ": " + json_text(reason));
  auto entry = approval_entry(*decision, key, actor);
  entry.kind = EntryKind::review;
  entry.passed = false;
  entry.message = decision->refusal + ": " + decision->request.describe;
  entry.details = to_json(
      Envelope{payload, std::string(payload_type::kRefusal), {{key.id(), std::move(signature)}}});
  JOBWARD_RETURN_IF_ERROR(write(*decision));
  auto appended = batch->append(entry);
  if (!appended) return tl::unexpected(std::move(appended).error());
  JOBWARD_RETURN_IF_ERROR(batch->commit());
  return decision;
}

Status Decisions::consume(const Decision& shown, const std::string& action, NewEntry entry) {
  auto batch = ledger_.begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  auto decision = find(shown.id);
  if (!decision) return tl::unexpected(std::move(decision).error());
  const std::string object = "the approval of decision " + decision->id;
  if (decision->action_sha256 != sha256_hex(action))
    return error("use", object, "it is for another action");
  const auto now = standing(*decision);
  if (now.state != Standing::State::approved)
    return error("use", object, std::string(to_string(now.state)) + ": " + now.why);
  const auto token = read_token(decision->envelope.payload);
  if (!token) return error("use", object, "it cannot be read");
  entry.ref = "nonce:" + token->nonce;
  auto used = ledger_.has_ref(entry.ref);
  if (!used) return tl::unexpected(std::move(used).error());
  if (*used) return error("use", object, "it was used before");
  entry.project = decision->project;
  if (entry.subject.empty()) entry.subject = decision->id;
  for (const auto& signature : decision->envelope.signatures)
    entry.key_ids.push_back(signature.keyid);
  if (entry.details.empty()) entry.details = to_json(decision->envelope);
  decision->state = "used";
  JOBWARD_RETURN_IF_ERROR(write(*decision));
  auto appended = batch->append(entry);
  if (!appended) return tl::unexpected(std::move(appended).error());
  return batch->commit();
}

Result<std::optional<Decision>> Decisions::approved(DecisionKind kind, const std::string& action) {
  auto open = of_action(kind, sha256_hex(action));
  if (!open) return tl::unexpected(std::move(open).error());
  for (auto& decision : *open)
    if (standing(decision).state == Standing::State::approved)
      return std::optional(std::move(decision));
  return std::nullopt;
}

Result<std::optional<Decision>> Decisions::stale(DecisionKind kind, const std::string& action) {
  auto open = of_action(kind, sha256_hex(action));
  if (!open) return tl::unexpected(std::move(open).error());
  for (auto& decision : *open)
    if (standing(decision).state == Standing::State::stale)
      return std::optional(std::move(decision));
  return std::nullopt;
}

Result<std::optional<Decision>> Decisions::consume(DecisionKind kind, const std::string& action,
                                                   NewEntry entry) {
  auto found = approved(kind, action);
  if (!found || !*found) return found;
  JOBWARD_RETURN_IF_ERROR(consume(**found, action, std::move(entry)));
  return found;
}

}  // namespace jobward::trust
