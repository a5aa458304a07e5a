#include "trust/envelope.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "trust/canonical.h"
#include "trust/encoding.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongest = 1U << 20U;
constexpr std::size_t kMostSignatures = 64;

tl::unexpected<Error> broken(const std::string& why) { return error("read", "the envelope", why); }

// Exactly these members, all of them texts but for those that `other` names.
bool has_exactly(const Json& value, std::initializer_list<const char*> names) {
  if (!value.is_object() || value.size() != names.size()) return false;
  return std::all_of(names.begin(), names.end(),
                     [&](const char* name) { return value.contains(name); });
}

Result<std::string> decoded(const Json& value, const char* name) {
  if (!value.is_string()) return broken(std::string(name) + " is no text");
  auto bytes = from_base64(value.get_ref<const std::string&>());
  if (!bytes) return broken(std::string(name) + " is no base64");
  return *std::move(bytes);
}

Result<Signature> read_signature(const Json& value) {
  if (!has_exactly(value, {"keyid", "sig"}) || !value["keyid"].is_string())
    return broken("a signature has keyid and sig, and nothing else");
  auto bytes = decoded(value["sig"], "sig");
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  return Signature{value["keyid"].get<std::string>(), std::move(*bytes)};
}

}  // namespace

Result<Envelope> read_envelope(std::string_view json) {
  if (json.size() > kLongest) return broken("it is longer than 1 MiB");
  const auto value = Json::parse(json, nullptr, false);
  if (value.is_discarded()) return broken("it is no JSON");
  if (!has_exactly(value, {"payload", "payloadType", "signatures"}))
    return broken("it has payload, payloadType and signatures, and nothing else");
  if (!value["payloadType"].is_string() || !value["signatures"].is_array())
    return broken("payloadType is a text and signatures an array");
  if (value["signatures"].size() > kMostSignatures) return broken("more than 64 signatures");
  Envelope out;
  out.payload_type = value["payloadType"].get<std::string>();
  auto payload = decoded(value["payload"], "payload");
  if (!payload) return tl::unexpected(std::move(payload).error());
  out.payload = std::move(*payload);
  for (const auto& item : value["signatures"]) {
    auto signature = read_signature(item);
    if (!signature) return tl::unexpected(std::move(signature).error());
    out.signatures.push_back(std::move(*signature));
  }
  return out;
}

std::string to_json(const Envelope& envelope) {
  Json signatures = Json::array();
  for (const auto& signature : envelope.signatures)
    signatures.push_back({{"keyid", json_text(signature.keyid)}, {"sig", base64(signature.bytes)}});
  return canonical({{"payload", base64(envelope.payload)},
                    {"payloadType", json_text(envelope.payload_type)},
                    {"signatures", std::move(signatures)}});
}

std::string pre_authentication(std::string_view type, std::string_view payload) {
  std::string out = "DSSEv1 " + std::to_string(type.size()) + " ";
  out.append(type).append(" ").append(std::to_string(payload.size())).append(" ");
  return out.append(payload);
}

Status add_signature(Envelope& envelope, const Signer& signer) {
  auto bytes = signer.sign(pre_authentication(envelope.payload_type, envelope.payload));
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  envelope.signatures.push_back({key_id(signer.key()), std::move(*bytes)});
  return {};
}

Result<Envelope> seal(std::string_view type, std::string payload, const Signer& signer) {
  Envelope envelope{std::move(payload), std::string(type), {}};
  JOBWARD_RETURN_IF_ERROR(add_signature(envelope, signer));
  return envelope;
}

std::vector<const TrustedKey*> signers(const Envelope& envelope, std::string_view type,
                                       const TrustedKeys& keys) {
  std::vector<const TrustedKey*> out;
  if (envelope.payload_type != type) return out;
  const std::string message = pre_authentication(type, envelope.payload);
  for (const auto& key : keys) {
    const bool counted = std::any_of(out.begin(), out.end(), [&](const TrustedKey* other) {
      return other->key.point == key.key.point;
    });
    if (counted) continue;
    const bool has_signed = std::any_of(
        envelope.signatures.begin(), envelope.signatures.end(),
        [&](const Signature& one) { return is_signed_by(key.key, message, one.bytes); });
    if (has_signed) out.push_back(&key);
  }
  return out;
}

Result<std::string> opened(const Envelope& envelope, std::string_view type, const TrustedKeys& keys,
                           int threshold) {
  if (envelope.payload_type != type)
    return error("accept", "the envelope",
                 "it is signed for \"" + printable(envelope.payload_type) + "\", not for \"" +
                     std::string(type) + "\"");
  const auto count = static_cast<int>(signers(envelope, type, keys).size());
  if (count < std::max(threshold, 1))
    return error("accept", "the envelope",
                 std::to_string(count) + " of the " + std::to_string(std::max(threshold, 1)) +
                     " signatures that are needed are by trusted keys");
  return envelope.payload;
}

}  // namespace jobward::trust
