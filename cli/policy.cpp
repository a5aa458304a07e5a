#include "cli/policy.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "cli/block_keys.h"
#include "cli/limit_options.h"
#include "cli/toml_reader.h"
#include "cli/trusted_file.h"
#include "common/files.h"
#include "common/identity.h"
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
  const auto trusted = trust::trust_key_names();
  names.insert(names.end(), trusted.begin(), trusted.end());
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
std::optional<Status> read_value(const TomlEntry& entry, PolicyText& text) {
  if (auto read = trust::read_trust_entry(entry, text.trust)) return read;
  if (entry.path.size() != 2) return std::nullopt;
  Policy& out = text.limits;
  const std::string& section = entry.path[0];
  const std::string& key = entry.path[1];
  if (section == kAggregate && key == kMemory) return read_aggregate(entry, out);
  if (section == kCaps)
    if (const LimitOption* option = find_limit_option(key)) return read_cap(entry, *option, out);
  return read_block(entry, LimitOrigin::policy, out.blocks);
}

Status read_entry(const TomlEntry& entry, PolicyText& out) {
  if (const auto read = read_value(entry, out)) {
    if (!*read) return value_error(entry, read->error());
    return {};
  }
  const auto* table = std::get_if<TomlEntry::Table>(&entry.value);
  const bool section =
      entry.path.size() == 1 &&
      (entry.path[0] == kCaps || entry.path[0] == kBlocks || entry.path[0] == kAggregate);
  const bool trusts = trust::is_trust_section(entry);
  if (trusts || (table != nullptr && (section || !table->empty))) return {};
  return unknown_key(entry, known_names());
}

std::string ignored(const std::string& path, const std::string& reason) {
  return "the policy " + printable(path) + " is ignored: " + reason;
}

using Objection = std::optional<std::string> (*)(const OpenedFile& opened, uid_t user);

std::optional<std::string> roots_objection(const OpenedFile& opened, uid_t) {
  return policy_objection(opened);
}

// What comes with a checkout does not say which programs are run, or which files are written.
void leave_out_foreign_places(const std::string& path, LoadedPolicy& out) {
  auto& anchors = out.trust.anchors;
  const auto before = anchors.size();
  std::erase_if(anchors, [](const trust::AnchorPlace& place) {
    return place.kind != trust::AnchorPlace::Kind::journal;
  });
  if (anchors.size() < before)
    out.warning = "of the policy " + printable(path) +
                  " files and commands in [ledger] are ignored: only the system's may name them";
}

// Absent: no such file.
Result<std::optional<LoadedPolicy>> load_from(const std::string& path, const std::string& whose,
                                              Objection objection, uid_t user) {
  LoadedPolicy out;
  out.sha256 = sha256_hex("");
  auto opened = open_for_trust(path);
  if (!opened && opened.error().errnum == ELOOP) {
    out.warning = ignored(path, "it is a symbolic link; put the file itself there");
    return out;
  }
  if (!opened)
    return rethrow(std::move(opened).error(), whose + " must be readable for all (chmod a+rX)");
  if (!*opened) return std::nullopt;
  if (const auto why = objection(**opened, user)) {
    out.warning = ignored(path, *why);
    return out;
  }
  auto text = read_fd((*opened)->fd.get(), path, 1U << 20U);
  if (!text) return rethrow(std::move(text).error(), whose);
  auto policy = parse_policy(*text, path);
  if (!policy) return rethrow(std::move(policy).error(), whose);
  out.policy = std::move(policy->limits);
  out.trust = std::move(policy->trust);
  out.sha256 = sha256_hex(*text);
  out.file = path;
  out.policy.name = path + " sha256:" + out.sha256;
  return out;
}

// Nothing else is in force. Its problem is no reason to leave out the warning of what was ignored.
Result<LoadedPolicy> load_projects(LoadedPolicy none, const PolicyPlaces& places) {
  if (places.project.empty()) return none;
  auto found = load_from(places.project + "/" + kProjectPolicy, "the project's policy",
                         project_objection, places.user);
  if (!found) return tl::unexpected(std::move(found).error());
  if (!*found) return none;
  LoadedPolicy out = std::move(**found);
  out.from_project = !out.file.empty();
  leave_out_foreign_places(out.file, out);
  if (!none.warning.empty())
    out.warning = none.warning + (out.warning.empty() ? "" : "; " + out.warning);
  return out;
}

}  // namespace

Result<PolicyText> parse_policy(std::string_view text, const std::string& file) {
  auto entries = read_toml(text, file);
  if (!entries) return tl::unexpected(std::move(entries).error());
  PolicyText policy;
  for (const auto& entry : *entries)
    JOBWARD_RETURN_IF_ERROR(read_entry(entry, policy));
  if (auto settled = trust::settle(policy.trust); !settled)
    return rethrow(std::move(settled).error(), printable(file));
  return policy;
}

Result<LoadedPolicy> load_policy(const Environment& environment, const PolicyPlaces& places) {
  const auto named = environment("JOBWARD_POLICY");
  LoadedPolicy none;
  none.sha256 = sha256_hex("");
  auto systems = load_from(places.system, "the system's policy", roots_objection, places.user);
  if (!systems) return tl::unexpected(std::move(systems).error());
  if (*systems) {
    if (named && *named != places.system && (*systems)->warning.empty())
      (*systems)->warning = "JOBWARD_POLICY is ignored: there is " + printable(places.system);
    if (!(*systems)->file.empty()) return **systems;
    return load_projects(std::move(**systems), places);
  }
  if (!named) return load_projects(std::move(none), places);
  auto other = load_from(*named, "the system's policy", roots_objection, places.user);
  if (!other) return tl::unexpected(std::move(other).error());
  if (!*other)
    return errno_error("open", "the policy that JOBWARD_POLICY names, " + printable(*named),
                       ENOENT);
  if ((*other)->file.empty()) return load_projects(std::move(**other), places);
  // Whoever sets a variable must not leave the project's policy by it.
  const auto projects = load_projects(std::move(none), places);
  if (!projects) return tl::unexpected(projects.error());
  if (!projects->file.empty() && projects->file != (*other)->file)
    return error("obey", "two policies",
                 printable(projects->file) + " and, by JOBWARD_POLICY, " + printable(*named) +
                     ": unset the variable, or take the project's away");
  (*other)->by_variable = true;
  return **other;
}

}  // namespace jobward::cli
