// The one form of everything signed: DSSE (github.com/secure-systems-lab/dsse, protocol v1) with
// Ed25519. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "trust/keys.h"

namespace jobward::trust {

// Distinct for each purpose, so that a signature for one is none for another.
namespace payload_type {
inline constexpr std::string_view kOverride = "application/vnd.jobward.override+json";
inline constexpr std::string_view kReview = "application/vnd.jobward.review+json";
inline constexpr std::string_view kRefusal = "application/vnd.jobward.refusal+json";
inline constexpr std::string_view kRequest = "application/vnd.jobward.request+json";
inline constexpr std::string_view kStamp = "application/vnd.jobward.stamp+json";
inline constexpr std::string_view kHead = "application/vnd.jobward.head+json";
}  // namespace payload_type

struct Signature {
  std::string keyid;  // only a hint
  std::string bytes;
};

struct Envelope {
  std::string payload;  // the bytes, not their base64
  std::string payload_type;
  std::vector<Signature> signatures;
};

// {"payload": BASE64, "payloadType": …, "signatures": [{"keyid": …, "sig": BASE64}]}. At most 1 MiB
// and 64 signatures; an unknown or missing member is an error.
Result<Envelope> read_envelope(std::string_view json);
// Canonical JSON, one line without its end.
std::string to_json(const Envelope& envelope);

// What is signed: "DSSEv1 LEN(type) type LEN(body) body".
std::string pre_authentication(std::string_view type, std::string_view payload);

Status add_signature(Envelope& envelope, const Signer& signer);
// A new envelope with one signature.
Result<Envelope> seal(std::string_view type, std::string payload, const Signer& signer);

// Which of the keys have signed it: each key once, however often it stands in `keys` or among the
// signatures. Empty for an envelope of another type.
std::vector<const TrustedKey*> signers(const Envelope& envelope, std::string_view type,
                                       const TrustedKeys& keys);

// The payload, which `threshold` of the keys (at least 1) have signed. Read that and nothing else:
// the envelope is not to be parsed again.
Result<std::string> opened(const Envelope& envelope, std::string_view type, const TrustedKeys& keys,
                           int threshold);

}  // namespace jobward::trust
