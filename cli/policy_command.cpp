// jobward policy: what is in force here, and whether a file can be obeyed.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/render_support.h"
#include "cli/trust_desk.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;
using trust::TrustPolicy;

Json limits_json(const launcher::Policy& policy) {
  Json out = Json::object();
  policy.caps.for_each([&](Resource resource, const Limit& limit) {
    out["caps"][std::string(info(resource).name)] = {{"value", limit.value},
                                                     {"source", limit.source}};
  });
  policy.blocks.above.for_each([&](Resource resource, const Limit& limit) {
    out["blocks"][std::string(info(resource).name)] = {{"value", limit.value},
                                                       {"source", limit.source}};
  });
  if (policy.blocks.no_limit) out["blocks"]["no_limit"] = *policy.blocks.no_limit;
  return out;
}

Json trust_json(const TrustPolicy& policy) {
  Json keys = Json::array();
  for (const auto& key : policy.keys)
    keys.push_back({{"id", key.id()},
                    {"name", key.name},
                    {"role", key.role},
                    {"agent", key.agent},
                    {"revoked", policy.revoked.count(key.id()) > 0},
                    {"source", key.where}});
  Json pools = Json::object();
  for (const auto& [name, pool] : policy.pools) {
    Json members = Json::array();
    for (const auto& key : policy.members(pool))
      members.push_back(key.name);
    pools[name] = {{"threshold", pool.threshold},
                   {"roles", pool.roles},
                   {"agents", pool.agents},
                   {"members", std::move(members)},
                   {"source", pool.where.empty() ? "built in" : pool.where}};
  }
  Json heads = Json::array();
  for (const auto& place : policy.anchors)
    heads.push_back(place.words());
  return {{"keys", std::move(keys)},
          {"pools", std::move(pools)},
          {"approve",
           {{"caps", policy.caps_pool},
            {"downgrade", policy.downgrade_pool},
            {"review", policy.review_pool},
            {"valid_seconds", policy.valid_seconds}}},
          {"baselines", {{"require", policy.require_baseline}, {"contracts", policy.required}}},
          {"guard",
           {{"no_limit", policy.guard.no_limit},
            {"no_time", policy.guard.no_time},
            {"checks", policy.guard.checks},
            {"flags", policy.guard.flags},
            {"environment", policy.guard.environment}}},
          {"heads", std::move(heads)}};
}

// What is allowed by the file but cannot work.
std::vector<std::string> remarks_on(const TrustPolicy& policy) {
  std::vector<std::string> out;
  for (const auto& name : {policy.caps_pool, policy.downgrade_pool}) {
    const auto& pool = policy.pools.at(name);
    const auto members = static_cast<int>(policy.members(pool).size());
    if (members < pool.threshold)
      out.push_back(
          "the pool " + printable(name) + " needs " + std::to_string(pool.threshold) + " and has " +
          std::to_string(members) +
          " key(s): what a guard refuses can be allowed by nobody (`jobward keys trust`)");
  }
  return out;
}

int show(const TrustDesk& desk, bool json) {
  Json out{{"schema_version", kSchemaVersion},
           {"policy", policy_json(desk.policy, desk.policy_problem)},
           {"sha256", desk.policy.sha256}};
  const Json limits = limits_json(desk.policy.policy);
  const Json trusted = trust_json(desk.policy.trust);
  out.update(limits);
  out.update(trusted);
  out["remarks"] = remarks_on(desk.policy.trust);
  if (json) {
    std::fputs(dump(out, true).c_str(), stdout);
    return desk.policy_problem.empty() ? 0 : 1;
  }
  std::printf("policy     %s\n", policy_words(desk.policy, desk.policy_problem).c_str());
  std::printf("sha256     %s\n", desk.policy.sha256.c_str());
  desk.policy.policy.caps.for_each([](Resource resource, const Limit& limit) {
    std::printf("cap        %s (%s)\n", launcher::limit_words(resource, limit).c_str(),
                limit.source.c_str());
  });
  for (const auto& key : desk.policy.trust.keys)
    std::printf("key        %s  %s, %s%s%s\n", key.id().c_str(), printable(key.name).c_str(),
                printable(key.role).c_str(), key.agent ? ", an agent's" : "",
                desk.policy.trust.revoked.count(key.id()) > 0 ? ", REVOKED" : "");
  for (const auto& [name, pool] : out["pools"].items())
    std::printf("pool       %s: %d of %s\n", printable(name).c_str(), pool["threshold"].get<int>(),
                pool["members"].dump().c_str());
  std::printf("approve    %s\n", out["approve"].dump().c_str());
  std::printf("baselines  %s\n", out["baselines"].dump().c_str());
  std::printf("guard      %s\n", out["guard"].dump().c_str());
  std::printf("heads      %s\n", out["heads"].dump().c_str());
  for (const auto& remark : remarks_on(desk.policy.trust))
    std::printf("remark     %s\n", remark.c_str());
  return desk.policy_problem.empty() ? 0 : 1;
}

int check(const std::string& file) {
  const auto text = read_file(file, 1U << 20U);
  if (!text) return failure("policy", text.error().message(), exit_code::kUsage);
  const auto policy = parse_policy(*text, file);
  if (!policy) return failure("policy", policy.error().message(), 1);
  for (const auto& remark : remarks_on(policy->trust))
    std::printf("remark: %s\n", remark.c_str());
  std::printf("%s can be obeyed\n", printable(file).c_str());
  return 0;
}

}  // namespace

int policy_command(const Arguments& arguments) {
  bool json = false;
  std::string file;
  CLI::App app("What no flag or configuration can loosen, and who may allow an exception.",
               "policy");
  set_usage(app, "jobward policy show [--json]\n       jobward policy check [FILE]");
  app.require_subcommand(1);
  auto& shown = *app.add_subcommand("show", "The policy that is in force here");
  shown.add_flag("--json", json, "One JSON object instead of text");
  auto& checked = *app.add_subcommand("check", "Can this file, or the one in force, be obeyed?");
  checked.add_option("FILE", file, "A policy file");
  app.footer("Exit status: 0 it can be obeyed, 1 not, 2 usage. docs/policy.md has every key.");
  if (const auto done = parse_options(app, arguments.options, exit_code::kUsage)) return *done;
  if (arguments.command)
    return usage_error("policy", "no command is expected here", exit_code::kUsage);
  if (checked.parsed() && !file.empty()) return check(file);
  const auto desk = open_trust_desk(Tolerance::tolerant);
  if (!desk) return failure("policy", desk.error().message(), exit_code::kUsage);
  return show(**desk, json);
}

}  // namespace jobward::cli
