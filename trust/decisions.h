// Decisions: what was refused or asked for, who approved it, and that an approval is used once.
//
// A decision holds an envelope (DSSE) whose payload is a Token; each approver signs that payload.
// It is consumed in the transaction that appends the override to the ledger: the entry's `ref` is
// the nonce, and no two entries have the same.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "trust/envelope.h"
#include "trust/ledger.h"
#include "trust/policy.h"
#include "trust/token.h"

namespace jobward::trust {

// A closed list.
//  caps       a run that a guard has refused passes once
//  downgrade  a contract that demands less than its baseline passes once
//  baseline   what a contract demands becomes its baseline
//  review     anything, in words, bound to files
enum class DecisionKind { caps, downgrade, baseline, review };
std::string_view to_string(DecisionKind kind);

struct Request {
  DecisionKind kind = DecisionKind::review;
  std::string action;              // canonical JSON, for people and for the digest
  std::string describe;            // one sentence
  std::vector<std::string> pools;  // each of them has to reach its threshold
  std::string requester;           // a key's id, else "uid:N"
  bool requester_proved = false;   // it has signed with that key
};

struct Decision {
  std::string id;
  Request request;
  std::string project;
  std::string action_sha256;
  UnixMillis created = 0;
  std::string state;  // "open", "refused", "used"
  Envelope envelope;
  std::string refusal;  // by whom, and why
};

// Where a decision stands, now and here.
struct Standing {
  enum class State { pending, approved, refused, stale, used };
  State state = State::pending;
  std::string why;                   // in words
  std::vector<std::string> signers;  // names
};
std::string_view to_string(Standing::State state);

// What decisions are made under.
struct Circumstances {
  const TrustPolicy& policy;
  std::string policy_sha256;
  Audience audience;
};

// Borrows ledger and circumstances. Not thread-safe.
class Decisions {
 public:
  Decisions(Ledger& ledger, const Circumstances& circumstances)
      : ledger_(ledger), at_(circumstances) {}

  // The open decision on this very action, or a new one. `evidence` (what was refused, or asked
  // for) goes into the ledger with its id as subject, and " (decision ID)" behind its message.
  Result<Decision> ask(const Request& request, NewEntry evidence);

  // By its id or the beginning of it, if that is unique.
  Result<Decision> find(const std::string& id);
  // Newest first. `open`: only those.
  Result<std::vector<Decision>> list(bool open);
  Standing standing(const Decision& decision) const;
  // May this key approve it? The objection in words; absent: it may.
  std::optional<std::string> objection_to(const Decision& decision, const TrustedKey& key) const;

  // The payload as it has to be signed now; made anew where nobody has signed and it would be
  // stale. An error where it is another project's, or stale with signatures on it.
  Result<Envelope> to_sign(const Decision& decision);
  // Takes a signature of to_sign()'s payload. The decision as it stands then.
  Result<Decision> approve(const Decision& decision, const TrustedKey& key, std::string signature,
                           const profiles::Actor& actor);
  // Closes it. `signature`: over refusal_text(), as a payload of type kRefusal.
  Result<Decision> refuse(const Decision& decision, const TrustedKey& key, std::string signature,
                          const std::string& reason, const profiles::Actor& actor);
  static std::string refusal_text(const Decision& decision, const std::string& reason);

  // An approved decision on this action; absent: there is none.
  Result<std::optional<Decision>> approved(DecisionKind kind, const std::string& action);
  // The newest open one on this action that was signed and does not hold any more; absent: none.
  Result<std::optional<Decision>> stale(DecisionKind kind, const std::string& action);
  // An approved decision on this action: it is used up now, and `entry` (kind override or baseline)
  // appended, in one transaction. Absent: there is none.
  Result<std::optional<Decision>> consume(DecisionKind kind, const std::string& action,
                                          NewEntry entry);
  // The same for one decision by its id; an error says why it does not cover the action.
  Status consume(const Decision& decision, const std::string& action, NewEntry entry);

  [[nodiscard]] const Circumstances& circumstances() const { return at_; }

 private:
  Result<std::vector<Decision>> of_action(DecisionKind kind, const std::string& sha256);
  Result<Envelope> mint(const std::string& id, const std::string& sha256,
                        const Request& request) const;
  Result<std::vector<Decision>> read_all(profiles::sqlite::Statement& statement);
  Status write(const Decision& decision);
  std::vector<std::string> pools_of(const Decision& decision) const;
  TrustedKeys members(const Decision& decision, const Pool& pool) const;
  // An error where it is another project's.
  std::optional<Error> not_here(const Decision& decision, const char* what) const;

  Ledger& ledger_;
  const Circumstances& at_;
};

std::string_view payload_type_of(DecisionKind kind);

}  // namespace jobward::trust
