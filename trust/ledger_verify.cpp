#include "trust/ledger_verify.h"

#include <algorithm>
#include <map>

#include "common/files.h"
#include "common/text.h"
#include "trust/encoding.h"
#include "trust/envelope.h"

namespace jobward::trust {
namespace {

constexpr std::size_t kLongestFile = 256U << 20U;

TrustedKeys only(const std::optional<PublicKey>& key) {
  if (!key) return {};
  return {TrustedKey{*key, "store", "store", false, {}}};
}

class Verifying {
 public:
  Verifying(const std::optional<PublicKey>& store, const std::vector<OutsideHead>& outside)
      : store_(only(store)) {
    for (const auto& head : outside)
      outside_.emplace(head.head.seq, &head);
  }

  void row(std::int64_t seq, std::string_view body, std::string hash) {
    check_place(seq);
    const bool fits = chain_hash(before_, body) == hash;
    if (!fits) name_flaw(seq, body);
    expected_ = seq + 1;
    ++report_.entries;
    last_ = seq;
    note_head(seq, body);
    check_outside(seq, hash);
    before_ = std::move(hash);  // the next entry is judged by itself
  }

  LedgerReport finish() {
    for (auto it = outside_.upper_bound(last_); it != outside_.end(); ++it)
      flaw(it->first, "the ledger was cut off: it ends with entry " + std::to_string(last_) +
                          ", and " + it->second->place + " has a head of entry " +
                          std::to_string(it->first));
    if (last_envelope_.empty()) return std::move(report_);
    const auto envelope = read_envelope(last_envelope_);
    const auto payload = envelope ? opened(*envelope, payload_type::kHead, store_, 1)
                                  : tl::unexpected(envelope.error());
    if (!payload)
      flaw(last_head_seq_, "the newest head, entry " + std::to_string(last_head_seq_) +
                               ", is not signed by this store's key");
    else
      report_.last_head = read_head(*payload);
    return std::move(report_);
  }

 private:
  void flaw(std::int64_t seq, std::string what) {
    if (report_.flaws.size() < kMostFlaws)
      report_.flaws.push_back({seq, std::move(what)});
    else
      ++report_.more_flaws;
  }

  void check_place(std::int64_t seq) {
    if (seq == expected_) return;
    flaw(expected_, seq == expected_ + 1 ? "entry " + std::to_string(expected_) + " is missing"
                                         : "entries " + std::to_string(expected_) + " to " +
                                               std::to_string(seq - 1) + " are missing");
  }

  void name_flaw(std::int64_t seq, std::string_view body) {
    const auto entry = read_entry(body);
    const std::string number = std::to_string(seq);
    if (!entry)
      flaw(seq, "entry " + number + " was changed: it is no entry any more");
    else if (entry->seq != seq)
      flaw(seq, "the entries were re-ordered: in the place of entry " + number + " stands entry " +
                    std::to_string(entry->seq));
    else if (seq != expected_)
      flaw(seq, "entry " + number + " does not follow the one before it");
    else
      flaw(seq, "entry " + number + " was changed, or the hash of the one before it");
  }

  void note_head(std::int64_t seq, std::string_view body) {
    if (body.find("\"kind\":\"head\"") == std::string_view::npos) return;
    auto entry = read_entry(body);
    if (!entry || entry->kind != EntryKind::head) return;
    last_envelope_ = std::move(entry->details);
    last_head_seq_ = seq;
    const auto envelope = read_envelope(last_envelope_);
    const auto head = envelope ? read_head(envelope->payload) : std::nullopt;
    // A head is of the entry right before it.
    if (!head || head->seq != seq - 1 || head->hash != hex(before_))
      flaw(seq, "the head in entry " + std::to_string(seq) +
                    " is of another ledger than this: what stands before it was written anew");
  }

  void check_outside(std::int64_t seq, const std::string& hash) {
    const auto [first, last] = outside_.equal_range(seq);
    for (auto it = first; it != last; ++it) {
      const auto& head = *it->second;
      if (head.head.hash == hex(hash))
        report_.anchored = head;
      else
        flaw(seq, "entry " + std::to_string(seq) + ", or one before it, is not what " + head.place +
                      " has signed: the ledger was written anew");
    }
  }

  TrustedKeys store_;
  std::multimap<std::int64_t, const OutsideHead*> outside_;
  LedgerReport report_;
  std::string before_ = first_hash();
  std::int64_t expected_ = 1;
  std::int64_t last_ = 0;
  std::string last_envelope_;
  std::int64_t last_head_seq_ = 0;
};

}  // namespace

Result<OutsideHeads> read_outside_heads(const std::string& path,
                                        const std::optional<PublicKey>& store) {
  auto text = read_file(path, kLongestFile);
  if (!text) return tl::unexpected(std::move(text).error());
  OutsideHeads out;
  int number = 0;
  for (const auto line : split(*text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string place = printable(path) + ":" + std::to_string(number);
    const auto envelope = read_envelope(trim(line));
    const auto payload = envelope ? opened(*envelope, payload_type::kHead, only(store), 1)
                                  : tl::unexpected(envelope.error());
    const auto head = payload ? read_head(*payload) : std::nullopt;
    const auto said = envelope ? read_head(envelope->payload) : std::nullopt;
    if (!head && said && !said->store.empty() && (!store || said->store != key_id(*store)))
      ++out.others;
    else if (head)
      out.heads.push_back({*head, place});
    else
      out.problems.push_back(place + ": it is no head that this store's key has signed" +
                             (payload ? "" : ": " + payload.error().message()));
  }
  return out;
}

Result<LedgerReport> verify_ledger(profiles::sqlite::Database& db,
                                   const std::optional<PublicKey>& store,
                                   const std::vector<OutsideHead>& outside) {
  auto statement = db.prepare("SELECT seq, body, hash FROM ledger ORDER BY seq");
  if (!statement) return tl::unexpected(std::move(statement).error());
  Verifying verifying(store, outside);
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return verifying.finish();
    verifying.row(statement->integer(0), statement->text(1), statement->text(2));
  }
}

}  // namespace jobward::trust
