#include "cli/policy.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "cli/block_keys.h"
#include "cli/limit_options.h"
#include "cli/toml_reader.h"
#include "cli/trusted_file.h"
#include "common/files.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using launcher::Policy;

constexpr const char* kCaps = "caps";
constexpr const char* kAggregate = "aggregate";
constexpr const char* kMemory = "memory";

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const auto& option : limit_options())
    names.push_back(std::string(kCaps) + "." + std::string(option.key));
  const auto blocks = block_names();
  names.insert(names.end(), blocks.begin(), blocks.end());
  names.push_back(std::string(kAggregate) + "." + kMemory);
  return names;
}

Status read_cap(const TomlEntry& entry, const LimitOption& option, Policy& out) {
  auto limit = text_value(entry, option.bare, option.example).and_then(option.parse);
  if (!limit) return tl::unexpected(std::move(limit).error());
  limit->source = entry.where;
  limit->origin = LimitOrigin::policy;
  if (info(option.resource).unit == Unit::bytes_per_second && limit->detail.empty())
    return error("read policy", entry.where,
                 std::string(option.key) + ": a cap names its disk, as in \"100M/s@/data\"");
  out.caps.set(option.resource, std::move(*limit));
  return {};
}

Status read_aggregate(const TomlEntry& entry, Policy& out) {
  auto cap = aggregate_value(entry);
  if (!cap) return tl::unexpected(std::move(cap).error());
  out.aggregate = *cap;
  return {};
}

// Absent: there is no such key.
std::optional<Status> read_value(const TomlEntry& entry, Policy& out) {
  if (entry.path.size() != 2) return std::nullopt;
  const std::string& section = entry.path[0];
  const std::string& key = entry.path[1];
  if (section == kAggregate && key == kMemory) return read_aggregate(entry, out);
  if (section == kCaps)
    if (const LimitOption* option = find_limit_option(key)) return read_cap(entry, *option, out);
  return read_block(entry, LimitOrigin::policy, out.blocks);
}

Status read_entry(const TomlEntry& entry, Policy& out) {
  if (const auto read = read_value(entry, out)) {
    if (!*read) return value_error(entry, read->error());
    return {};
  }
  const auto* table = std::get_if<TomlEntry::Table>(&entry.value);
  const bool section =
      entry.path.size() == 1 &&
      (entry.path[0] == kCaps || entry.path[0] == kBlocks || entry.path[0] == kAggregate);
  if (table != nullptr && (section || !table->empty)) return {};
  return unknown_key(entry, known_names());
}

std::string ignored(const std::string& path, const std::string& reason) {
  return "the policy " + printable(path) + " is ignored: " + reason;
}

// Absent: no such file.
Result<std::optional<LoadedPolicy>> load_from(const std::string& path) {
  LoadedPolicy out;
  auto opened = open_for_trust(path);
  if (!opened && opened.error().errnum == ELOOP) {
    out.warning = ignored(path, "it is a symbolic link; put the file itself there");
    return out;
  }
  if (!opened)
    return rethrow(std::move(opened).error(),
                   "the system's policy must be readable for all (chmod a+rX)");
  if (!*opened) return std::nullopt;
  if (const auto objection = policy_objection(**opened)) {
    out.warning = ignored(path, *objection);
    return out;
  }
  auto text = read_fd((*opened)->fd.get(), path, 1U << 20U);
  if (!text) return rethrow(std::move(text).error(), "the system's policy");
  auto policy = parse_policy(*text, path);
  if (!policy) return rethrow(std::move(policy).error(), "the system's policy");
  out.policy = std::move(*policy);
  out.file = path;
  return out;
}

}  // namespace

Result<Policy> parse_policy(std::string_view text, const std::string& file) {
  auto entries = read_toml(text, file);
  if (!entries) return tl::unexpected(std::move(entries).error());
  Policy policy;
  for (const auto& entry : *entries)
    JOBWARD_RETURN_IF_ERROR(read_entry(entry, policy));
  return policy;
}

Result<LoadedPolicy> load_policy(const Environment& environment, const std::string& system_path) {
  const auto named = environment("JOBWARD_POLICY");
  auto systems = load_from(system_path);
  if (!systems) return tl::unexpected(std::move(systems).error());
  if (*systems) {
    if (named && *named != system_path && (*systems)->warning.empty())
      (*systems)->warning = "JOBWARD_POLICY is ignored: there is " + printable(system_path);
    return **systems;
  }
  if (!named) return LoadedPolicy{};
  auto other = load_from(*named);
  if (!other) return tl::unexpected(std::move(other).error());
  if (!*other)
    return errno_error("open", "the policy that JOBWARD_POLICY names, " + printable(*named),
                       ENOENT);
  return **other;
}

}  // namespace jobward::cli
