#include "trust/ledger_entry.h"

#include <nlohmann/json.hpp>

#include "trust/canonical.h"
#include "trust/encoding.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

Json marked(Json value, bool verified) {
  return {{"basis", verified ? "verified" : "claimed"}, {"value", std::move(value)}};
}

Json actor_json(const NewEntry& entry) {
  Json out{{"uid", marked(entry.actor.uid, true)}};
  for (const auto& [name, value] : entry.actor.claims)
    out["claims"][json_key(name)] = marked(json_text(value), false);
  if (!entry.key_ids.empty()) out["keys"] = marked(entry.key_ids, true);
  return out;
}

std::optional<std::int64_t> number_of(const Json& value, const char* name) {
  const auto found = value.find(name);
  if (found == value.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

// The value of something marked with its basis.
Json value_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_object()) return {};
  return found->value("value", Json());
}

void read_actor(const Json& actor, NewEntry& out) {
  if (const auto uid = value_of(actor, "uid"); uid.is_number_unsigned())
    out.actor.uid = uid.get<std::uint32_t>();
  if (const auto claims = actor.find("claims"); claims != actor.end() && claims->is_object())
    for (const auto& [name, claim] : claims->items())
      if (claim.is_object()) out.actor.claims[name] = text_member(claim, "value");
  if (const auto keys = value_of(actor, "keys"); keys.is_array())
    for (const auto& key : keys)
      if (key.is_string()) out.key_ids.push_back(key.get<std::string>());
}

struct Member {
  const char* name;
  std::string NewEntry::*field;
};
constexpr std::array kMembers{
    Member{"run", &NewEntry::run},         Member{"project", &NewEntry::project},
    Member{"source", &NewEntry::source},   Member{"check", &NewEntry::check},
    Member{"subject", &NewEntry::subject}, Member{"primitive", &NewEntry::primitive},
    Member{"ref", &NewEntry::ref},         Member{"message", &NewEntry::message},
    Member{"details", &NewEntry::details}};

}  // namespace

NewEntry entry_of(const Finding& finding) {
  NewEntry out;
  out.kind = EntryKind::finding;
  out.source = finding.source;
  out.check = finding.check;
  out.primitive = finding.primitive;
  out.severity = finding.effective;
  out.passed = finding.passed;
  out.message = finding.message;
  out.details = finding.details;
  if (finding.declared != finding.effective)
    out.message += " (declared " + std::string(to_string(finding.declared)) + ")";
  return out;
}

bool is_anchored_at_once(const NewEntry& entry) {
  return entry.kind == EntryKind::override_ ||
         (entry.severity == Severity::hard_fail && entry.passed != true);
}

std::string canonical_text(const Entry& entry) {
  Json out{{"seq", entry.seq},
           {"time_ms", entry.time},
           {"kind", to_string(entry.kind)},
           {"actor", actor_json(entry)}};
  for (const auto& member : kMembers)
    if (const auto& text = entry.*member.field; !text.empty()) out[member.name] = json_text(text);
  if (entry.severity) out["severity"] = to_string(*entry.severity);
  if (entry.passed) out["passed"] = *entry.passed;
  return canonical(out);
}

std::optional<Entry> read_entry(std::string_view text) {
  const auto value = Json::parse(text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  Entry out;
  const auto seq = number_of(value, "seq");
  const auto time = number_of(value, "time_ms");
  const auto kind = entry_kind_from(text_member(value, "kind"));
  if (!seq || !time || !kind) return std::nullopt;
  out.seq = *seq;
  out.time = *time;
  out.kind = *kind;
  for (const auto& member : kMembers)
    out.*member.field = text_member(value, member.name);
  out.severity = parse_severity(text_member(value, "severity"));
  if (const auto passed = value.find("passed"); passed != value.end() && passed->is_boolean())
    out.passed = passed->get<bool>();
  if (const auto actor = value.find("actor"); actor != value.end() && actor->is_object())
    read_actor(*actor, out);
  return out;
}

std::string chain_hash(std::string_view before, std::string_view text) {
  return sha256(before, text);
}

std::string first_hash() { return std::string(kHashBytes, '\0'); }

std::string canonical_text(const Head& head) {
  return canonical({{"seq", head.seq},
                    {"hash", head.hash},
                    {"store", head.store},
                    {"host", json_text(head.host)},
                    {"time_ms", head.time}});
}

std::optional<Head> read_head(std::string_view payload) {
  const auto value = Json::parse(payload, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  const auto seq = number_of(value, "seq");
  const auto time = number_of(value, "time_ms");
  if (!seq || !time) return std::nullopt;
  return Head{*seq, text_member(value, "hash"), text_member(value, "store"),
              text_member(value, "host"), *time};
}

}  // namespace jobward::trust
