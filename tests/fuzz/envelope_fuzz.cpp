// Envelopes, SSH signatures, public keys, tokens and ledger entries: whatever the bytes, they are
// read or refused; what is read comes back the same; and nothing unsigned passes.
#include <cstdint>
#include <string_view>

#include "tests/fuzz/check.h"
#include "trust/envelope.h"
#include "trust/ledger_entry.h"
#include "trust/sshsig.h"
#include "trust/terms_codec.h"
#include "trust/token.h"

using namespace jobward;
using namespace jobward::trust;
using fuzz::require;

namespace {

const TrustedKey& trusted() {
  static const TrustedKey key{SecretKey::generate().key(), "anna", "operator", false, ""};
  return key;
}

void check_envelope(std::string_view text) {
  const auto envelope = read_envelope(text);
  if (!envelope) return;
  const auto again = read_envelope(to_json(*envelope));
  require(again && again->payload == envelope->payload, "an envelope reads back as it was", text);
  require(!opened(*envelope, envelope->payload_type, {trusted()}, 1),
          "what the key has not signed does not open", text);
}

void check_ssh(std::string_view text) {
  if (const auto signature = read_sshsig(text)) {
    require(signature->signature.size() == 64, "an SSH signature has 64 bytes", text);
    require(!is_sshsig_by(trusted().key, "message", text), "nor does an SSH signature pass", text);
  }
  if (const auto key = read_ssh_blob(text))
    require(ssh_blob(*key) == text, "a key's blob reads back as it was", text);
  if (const auto key = read_key_line(text)) {
    const auto again = read_key_line(key_line(*key));
    require(again && *again == *key, "a key's line reads back as it was", text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_envelope(text);
  check_ssh(text);
  if (const auto token = read_token(text)) {
    const auto again = read_token(canonical_text(*token));
    require(again && canonical_text(*again) == canonical_text(*token), "a token reads back", text);
  }
  static_cast<void>(read_head(text));
  static_cast<void>(read_entry(text));
  static_cast<void>(read_terms(text));
  return 0;
}
