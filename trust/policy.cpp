#include "trust/policy.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/text.h"
#include "common/units.h"

namespace jobward::trust {
namespace {

constexpr const char* kKeys = "keys";
constexpr const char* kRevoked = "revoked";
constexpr const char* kPools = "pools";

tl::unexpected<Error> expected(const std::string& what) {
  return error("read", "the value", "expected " + what);
}

Status set(const TomlEntry& entry, std::string& out) {
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text == nullptr || text->empty() || text->size() > 1000 || printable(*text) != *text)
    return expected("a text of printable characters");
  out = *text;
  return {};
}

Status set(const TomlEntry& entry, bool& out) {
  const auto* truth = std::get_if<bool>(&entry.value);
  if (truth == nullptr) return expected("true or false");
  out = *truth;
  return {};
}

Status set(const TomlEntry& entry, std::vector<std::string>& out) {
  const auto* texts = std::get_if<std::vector<std::string>>(&entry.value);
  if (texts == nullptr) return expected("an array of texts");
  out = *texts;
  return {};
}

Status set_valid(const TomlEntry& entry, TrustPolicy& out) {
  std::string text;
  JOBWARD_RETURN_IF_ERROR(set(entry, text));
  auto seconds = parse_duration_seconds(text);
  if (!seconds) return tl::unexpected(std::move(seconds).error());
  if (*seconds < 60 || *seconds > 366.0 * 24 * 3600)
    return error("use", text, "one minute to one year");
  out.valid_seconds = *seconds;
  return {};
}

Status set_require(const TomlEntry& entry, TrustPolicy& out) {
  if (std::holds_alternative<bool>(entry.value)) return set(entry, out.require_baseline);
  if (auto listed = set(entry, out.required); !listed)
    return expected("true, false, or an array of contract ids");
  return {};
}

Status set_flags(const TomlEntry& entry, TrustPolicy& out) {
  JOBWARD_RETURN_IF_ERROR(set(entry, out.guard.flags));
  for (const auto& flag : out.guard.flags)
    if (flag.size() < 2 || flag.front() != '-')
      return error("use", "\"" + printable(flag) + "\"",
                   "a flag begins with '-', such as \"--no-*\" or \"--max-rows=\"");
  return {};
}

Status set_heads(const TomlEntry& entry, TrustPolicy& out) {
  std::vector<std::string> texts;
  JOBWARD_RETURN_IF_ERROR(set(entry, texts));
  for (const auto& text : texts) {
    auto place = read_anchor_place(text);
    if (!place) return tl::unexpected(std::move(place).error());
    out.anchors.push_back(std::move(*place));
  }
  out.heads_at = entry.where;
  return {};
}

Status set_command(const TomlEntry& entry, TrustPolicy& out) {
  AnchorPlace place;
  place.kind = AnchorPlace::Kind::command;
  JOBWARD_RETURN_IF_ERROR(set(entry, place.argv));
  if (place.argv.empty()) return expected("a program and its arguments");
  out.anchors.push_back(std::move(place));
  out.command_at = entry.where;
  return {};
}

struct Key {
  std::string_view section;
  std::string_view name;
  Status (*read)(const TomlEntry& entry, TrustPolicy& out);
};
using Policy = TrustPolicy;
constexpr std::array kKeyTable{
    Key{"approve", "caps", [](const TomlEntry& e, Policy& o) { return set(e, o.caps_pool); }},
    Key{"approve", "downgrade",
        [](const TomlEntry& e, Policy& o) { return set(e, o.downgrade_pool); }},
    Key{"approve", "review", [](const TomlEntry& e, Policy& o) { return set(e, o.review_pool); }},
    Key{"approve", "valid", set_valid},
    Key{"baselines", "require", set_require},
    Key{"guard", "no_limit",
        [](const TomlEntry& e, Policy& o) { return set(e, o.guard.no_limit); }},
    Key{"guard", "no_time", [](const TomlEntry& e, Policy& o) { return set(e, o.guard.no_time); }},
    Key{"guard", "checks", [](const TomlEntry& e, Policy& o) { return set(e, o.guard.checks); }},
    Key{"guard", "flags", set_flags},
    Key{"guard", "environment",
        [](const TomlEntry& e, Policy& o) { return set(e, o.guard.environment); }},
    Key{"ledger", "heads", set_heads},
    Key{"ledger", "command", set_command},
};

std::optional<std::size_t> index_of(const std::string& word) {
  std::size_t index = 0;
  const auto end = std::from_chars(word.data(), word.data() + word.size(), index);
  if (end.ec != std::errc() || end.ptr != word.data() + word.size()) return std::nullopt;
  return index;
}

std::optional<Status> read_key_entry(const TomlEntry& entry, TrustPolicy& out) {
  const auto index = index_of(entry.path[1]);
  if (!index) return std::nullopt;
  if (out.keys.size() <= *index) out.keys.resize(*index + 1);
  TrustedKey& key = out.keys[*index];
  if (key.where.empty()) key.where = entry.where;
  const std::string& name = entry.path[2];
  if (name == "name") return set(entry, key.name);
  if (name == "role") return set(entry, key.role);
  if (name == "agent") return set(entry, key.agent);
  if (name != "key") return std::nullopt;
  std::string line;
  if (auto read = set(entry, line); !read) return read;
  auto parsed = read_key_line(line);
  if (!parsed) return Status(tl::unexpected(std::move(parsed).error()));
  key.key = std::move(*parsed);
  return Status();
}

// [[revoked]] is read key by key: `key` first.
std::optional<Status> read_revoked_entry(const TomlEntry& entry, TrustPolicy& out) {
  std::string text;
  if (entry.path[2] == "key") {
    if (auto read = set(entry, text); !read) return read;
    if (!text.starts_with("SHA256:"))
      return Status(error("use", text, "expected a key's id, \"SHA256:…\" (`jobward keys list`)"));
    out.revoked.emplace(text, entry.where);
    return Status();
  }
  if (entry.path[2] != "reason") return std::nullopt;
  return set(entry, text);
}

Status set_threshold(const TomlEntry& entry, Pool& pool) {
  const auto* number = std::get_if<std::int64_t>(&entry.value);
  if (number == nullptr || *number < 1 || *number > 64) return expected("1 to 64");
  pool.threshold = static_cast<int>(*number);
  return {};
}

std::optional<Status> read_pool_entry(const TomlEntry& entry, TrustPolicy& out) {
  const std::string& name = entry.path[1];
  Pool& pool = out.pools[name];
  if (pool.where.empty()) pool = Pool{name, {}, {}, 1, false, entry.where};
  const std::string& key = entry.path[2];
  if (key == "roles") return set(entry, pool.roles);
  if (key == "keys") return set(entry, pool.keys);
  if (key == "agents") return set(entry, pool.agents);
  if (key == "threshold") return set_threshold(entry, pool);
  return std::nullopt;
}

Status check_keys(const TrustPolicy& policy) {
  for (std::size_t i = 0; i < policy.keys.size(); ++i) {
    const auto& key = policy.keys[i];
    if (key.name.empty() || key.role.empty() || key.key.point.empty())
      return error("use", "the key at " + key.where, "it needs name, role and key");
    for (std::size_t j = 0; j < i; ++j)
      if (policy.keys[j].key.point == key.key.point)
        return error("use", "the key at " + key.where,
                     "it is the same as that at " + policy.keys[j].where);
  }
  return {};
}

Status check_pool(const TrustPolicy& policy, const Pool& pool) {
  if (pool.where.empty()) return {};
  if (pool.roles.empty() && pool.keys.empty())
    return error("use", "the pool at " + pool.where, "it needs roles or keys");
  for (const auto& name : pool.keys)
    if (std::none_of(policy.keys.begin(), policy.keys.end(),
                     [&](const TrustedKey& key) { return key.name == name; }))
      return error("use", "the pool at " + pool.where,
                   "no key has the name \"" + printable(name) + "\"");
  return {};
}

}  // namespace

TrustPolicy::TrustPolicy() {
  pools["operator"] = {"operator", {"operator"}, {}, 1, false, {}};
  pools["reviewer"] = {"reviewer", {"reviewer", "operator"}, {}, 1, false, {}};
}

bool TrustPolicy::requires_baseline(const std::string& contract) const {
  return require_baseline ||
         std::find(required.begin(), required.end(), contract) != required.end();
}

TrustedKeys TrustPolicy::members(const Pool& pool) const {
  const auto lists = [](const std::vector<std::string>& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  TrustedKeys out;
  for (const auto& key : keys)
    if ((lists(pool.roles, key.role) || lists(pool.keys, key.name)) &&
        (!key.agent || pool.agents) && revoked.count(key.id()) == 0)
      out.push_back(key);
  return out;
}

const TrustedKey* TrustPolicy::find(const PublicKey& key) const {
  for (const auto& known : keys)
    if (known.key.point == key.point && known.key.kind == key.kind) return &known;
  return nullptr;
}

std::optional<Status> read_trust_entry(const TomlEntry& entry, TrustPolicy& out) {
  if (std::holds_alternative<TomlEntry::Table>(entry.value) ||
      std::holds_alternative<TomlEntry::Tables>(entry.value))
    return std::nullopt;
  const auto& path = entry.path;
  if (path.size() == 3 && path[0] == kKeys) return read_key_entry(entry, out);
  if (path.size() == 3 && path[0] == kRevoked) return read_revoked_entry(entry, out);
  if (path.size() == 3 && path[0] == kPools) return read_pool_entry(entry, out);
  if (path.size() != 2) return std::nullopt;
  for (const auto& key : kKeyTable)
    if (path[0] == key.section && path[1] == key.name) return key.read(entry, out);
  return std::nullopt;
}

std::vector<std::string> trust_key_names() {
  std::vector<std::string> names{"keys.N.name",      "keys.N.role",     "keys.N.key",
                                 "keys.N.agent",     "revoked.N.key",   "revoked.N.reason",
                                 "pools.NAME.roles", "pools.NAME.keys", "pools.NAME.threshold",
                                 "pools.NAME.agents"};
  for (const auto& key : kKeyTable)
    names.push_back(std::string(key.section) + "." + std::string(key.name));
  return names;
}

bool is_trust_section(const TomlEntry& entry) {
  const auto& path = entry.path;
  const bool listed = path[0] == kKeys || path[0] == kRevoked;
  if (std::holds_alternative<TomlEntry::Tables>(entry.value)) return path.size() == 1 && listed;
  if (!std::holds_alternative<TomlEntry::Table>(entry.value)) return false;
  if (path.size() == 2) return path[0] == kPools || (listed && index_of(path[1]));
  return path.size() == 1 &&
         (path[0] == kPools || std::any_of(kKeyTable.begin(), kKeyTable.end(),
                                           [&](const Key& key) { return key.section == path[0]; }));
}

Status settle(const TrustPolicy& policy) {
  JOBWARD_RETURN_IF_ERROR(check_keys(policy));
  for (const auto& [name, pool] : policy.pools)
    JOBWARD_RETURN_IF_ERROR(check_pool(policy, pool));
  for (const auto& name : {policy.caps_pool, policy.downgrade_pool, policy.review_pool})
    if (policy.pools.count(name) == 0)
      return error("use", "the pool \"" + printable(name) + "\" in [approve]",
                   "there is no [pools." + printable(name) + "]");
  return {};
}

}  // namespace jobward::trust
