#include "trust/token.h"

#include <nlohmann/json.hpp>

#include "trust/canonical.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

// False: it is not there, or no text.
bool take(const Json& from, const char* name, std::string& out) {
  const auto found = from.find(name);
  if (found == from.end() || !found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

bool take(const Json& from, const char* name, std::int64_t& out) {
  const auto found = from.find(name);
  if (found == from.end() || !found->is_number_integer()) return false;
  out = found->get<std::int64_t>();
  return true;
}

}  // namespace

std::string canonical_text(const Token& token) {
  return canonical(
      {{"decision_id", token.decision_id},
       {"action_sha256", token.action_sha256},
       {"policy_sha256", token.policy_sha256},
       {"audience",
        {{"host", json_text(token.audience.host)}, {"project", json_text(token.audience.project)}}},
       {"requester", token.requester},
       {"not_before", token.not_before},
       {"expires", token.expires},
       {"nonce", token.nonce},
       {"max_uses", 1}});
}

std::optional<Token> read_token(std::string_view payload) {
  const auto value = Json::parse(payload, nullptr, false);
  if (!value.is_object() || value.size() != 9) return std::nullopt;
  Token out;
  std::int64_t uses = 0;
  const auto audience = value.find("audience");
  if (audience == value.end() || !audience->is_object() || audience->size() != 2 ||
      !take(*audience, "host", out.audience.host) ||
      !take(*audience, "project", out.audience.project))
    return std::nullopt;
  if (!take(value, "decision_id", out.decision_id) ||
      !take(value, "action_sha256", out.action_sha256) ||
      !take(value, "policy_sha256", out.policy_sha256) ||
      !take(value, "requester", out.requester) || !take(value, "nonce", out.nonce) ||
      !take(value, "not_before", out.not_before) || !take(value, "expires", out.expires) ||
      !take(value, "max_uses", uses) || uses != 1 || out.nonce.empty())
    return std::nullopt;
  return out;
}

std::optional<std::string> objection(const Token& token, const Occasion& occasion) {
  if (token.decision_id != occasion.decision_id) return "it is for another decision";
  if (token.action_sha256 != occasion.action_sha256) return "it is for another action";
  if (token.audience.host != json_text(occasion.audience.host)) return "it is for another host";
  if (token.audience.project != json_text(occasion.audience.project))
    return "it is for another project";
  if (token.policy_sha256 != occasion.policy_sha256) return "the policy has changed since";
  if (occasion.now < token.not_before) return "its time has not come";
  if (occasion.now >= token.expires) return "it has expired";
  return std::nullopt;
}

}  // namespace jobward::trust
