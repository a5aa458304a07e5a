// What an approval says: for this very action, here, once. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"

namespace jobward::trust {

struct Audience {
  std::string host;
  std::string project;
  bool operator==(const Audience& other) const = default;
};

// The payload of an override or a review.
struct Token {
  std::string decision_id;
  std::string action_sha256;  // hexadecimal
  std::string policy_sha256;  // of the policy's text
  Audience audience;
  std::string requester;  // a key's id, else "uid:N"
  UnixMillis not_before = 0;
  UnixMillis expires = 0;
  std::string nonce;
  // max_uses is always 1.
};

std::string canonical_text(const Token& token);
// Absent: it is none, or may be used more than once.
std::optional<Token> read_token(std::string_view payload);

// What the caller is about to do.
struct Occasion {
  std::string decision_id;
  std::string action_sha256;
  std::string policy_sha256;
  Audience audience;
  UnixMillis now = 0;
};
// Why the token does not cover it, in words; absent: it does. Whether it was used before is for the
// ledger to say.
std::optional<std::string> objection(const Token& token, const Occasion& occasion);

}  // namespace jobward::trust
