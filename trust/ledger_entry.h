// One entry of the ledger, and its canonical text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/finding.h"
#include "profiles/run_record.h"

namespace jobward::trust {

// A closed list.
enum class EntryKind {
  finding,
  kill,
  override_,
  approval,
  review,
  stamp,
  policy_change,
  baseline,
  head
};
inline constexpr std::array<std::string_view, 9> kEntryKindNames{
    "finding", "kill",          "override", "approval", "review",
    "stamp",   "policy_change", "baseline", "head"};
constexpr std::string_view to_string(EntryKind kind) {
  return kEntryKindNames[static_cast<std::size_t>(kind)];
}
constexpr std::optional<EntryKind> entry_kind_from(std::string_view name) {
  for (std::size_t i = 0; i < kEntryKindNames.size(); ++i)
    if (kEntryKindNames[i] == name) return static_cast<EntryKind>(i);
  return std::nullopt;
}

// Empty or absent: nothing to say.
struct NewEntry {
  EntryKind kind = EntryKind::finding;
  profiles::Actor actor;             // the uid is verified, what it claims is only claimed
  std::vector<std::string> key_ids;  // of signatures that were checked: verified
  std::string run;
  std::string project;
  std::string source;  // of a finding: "verify", "guard", …
  std::string check;   // its check's id
  std::string primitive;
  std::string subject;  // what a baseline, a decision or a stamp is of
  std::string ref;      // what it was taken from; no two entries have the same
  std::optional<Severity> severity;
  std::optional<bool> passed;
  std::string message;
  std::string details;  // JSON, kept byte for byte as one text
};

struct Entry : NewEntry {
  std::int64_t seq = 0;  // from 1, without gaps
  UnixMillis time = 0;
};

NewEntry entry_of(const Finding& finding);

// Does the head have to be signed and exported with it?
bool is_anchored_at_once(const NewEntry& entry);

// The canonical text (canonical.h) that the chain hashes.
std::string canonical_text(const Entry& entry);
// Absent: it is no text of ours.
std::optional<Entry> read_entry(std::string_view text);

// h_i = SHA-256(h_{i-1} || text_i), 32 bytes; h_0 is 32 zero bytes.
std::string chain_hash(std::string_view before, std::string_view text);
std::string first_hash();

// The ledger as it was up to an entry, signed by the store's own key.
struct Head {
  std::int64_t seq = 0;
  std::string hash;   // hexadecimal
  std::string store;  // id of the key of the store
  std::string host;
  UnixMillis time = 0;
};
std::string canonical_text(const Head& head);
std::optional<Head> read_head(std::string_view payload);

}  // namespace jobward::trust
