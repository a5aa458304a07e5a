// jobward keys: keys to sign with, and whose keys count.
#include <unistd.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/policy_edit.h"
#include "cli/render_json.h"
#include "cli/trust_desk.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "trust/passphrase.h"
#include "trust/ssh_agent.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string name;
  std::string role;
  std::string agent_role;
  std::string key;
  std::string reason;
  bool json = false;
  bool system = false;
};

Result<trust::KeyInfo> make_key(const TrustDesk& desk, const Options& options) {
  trust::KeyInfo info;
  info.agent = !options.agent_role.empty();
  info.role = info.agent ? options.agent_role : options.role;
  info.name = !options.name.empty() ? options.name : (info.agent ? "agent-" : "") + info.role;
  info.created = desk.clock.wall_ms();
  if (info.agent) return desk.keys().make(info, std::nullopt);
  auto passphrase = trust::ask_passphrase("passphrase for the new key " + info.name, true,
                                          environment_variable("JOBWARD_PASSPHRASE_FD"));
  if (!passphrase) return tl::unexpected(std::move(passphrase).error());
  auto made = desk.keys().make(info, *passphrase);
  trust::wipe(*passphrase);
  return made;
}

int make(const TrustDesk& desk, const Options& options) {
  if (!options.agent_role.empty() && !options.role.empty())
    return usage_error("keys", "--role and --agent exclude each other", exit_code::kUsage);
  if (options.agent_role.empty() && options.role.empty())
    return usage_error("keys", "say --role operator or --role reviewer, or --agent ROLE",
                       exit_code::kUsage);
  const auto made = make_key(desk, options);
  if (!made) return failure("keys", made.error().message(), 1);
  std::printf("%s\n", trust::key_line(made->key).c_str());
  say("key " + made->name + ", " + made->role +
      (made->agent ? ", an agent's: without a passphrase, good only where the policy lets agents "
                     "review"
                   : "") +
      "; it counts once it is trusted: jobward keys trust " + made->name);
  return 0;
}

std::string standing_words(const TrustDesk& desk, const trust::PublicKey& key) {
  const auto* known = desk.policy.trust.find(key);
  if (known == nullptr) return "not trusted";
  if (desk.policy.trust.revoked.count(known->id()) > 0) return "revoked";
  return "trusted as " + printable(known->role) + (known->agent ? " (agent)" : "");
}

int list(const TrustDesk& desk, bool json) {
  auto files = desk.keys().list();
  if (!files) return failure("keys", files.error().message(), 1);
  Json own = Json::array();
  Json trusted = Json::array();
  for (const auto& info : files->keys)
    own.push_back({{"name", info.name},
                   {"role", info.role},
                   {"agent", info.agent},
                   {"id", trust::key_id(info.key)},
                   {"public", trust::key_line(info.key)},
                   {"standing", standing_words(desk, info.key)}});
  for (const auto& key : desk.policy.trust.keys)
    trusted.push_back({{"name", key.name},
                       {"role", key.role},
                       {"agent", key.agent},
                       {"id", key.id()},
                       {"public", trust::key_line(key.key)},
                       {"standing", standing_words(desk, key.key)},
                       {"source", key.where}});
  if (json) {
    std::fputs(dump({{"schema_version", kSchemaVersion}, {"own", own}, {"trusted", trusted}}, true)
                   .c_str(),
               stdout);
    return 0;
  }
  const auto print = [](const char* label, const Json& keys) {
    for (const auto& key : keys)
      std::printf(
          "%-8s %s  %s, %s%s: %s\n         %s\n", label, key["id"].get<std::string>().c_str(),
          printable(key["name"].get<std::string>()).c_str(),
          printable(key["role"].get<std::string>()).c_str(),
          key["agent"] == true ? ", an agent's" : "", key["standing"].get<std::string>().c_str(),
          key["public"].get<std::string>().c_str());
  };
  print("own", own);
  print("trusted", trusted);
  for (const auto& problem : files->problems)
    say(problem);
  return 0;
}

// A key file of one's own by name, else a line of text.
Result<trust::KeyInfo> key_to_trust(const TrustDesk& desk, const Options& options) {
  auto files = desk.keys().list();
  if (!files) return tl::unexpected(std::move(files).error());
  trust::KeyInfo info;
  bool own = false;
  for (const auto& one : files->keys)
    if (one.name == options.key) {
      info = one;
      own = true;
    }
  if (!own) {
    auto key = trust::read_key_line(options.key);
    if (!key) return tl::unexpected(std::move(key).error());
    info.key = std::move(*key);
    // An agent's own key stays one, also where its line is pasted.
    const bool own_agents =
        std::any_of(files->keys.begin(), files->keys.end(), [&](const trust::KeyInfo& one) {
          return one.agent && trust::key_id(one.key) == trust::key_id(info.key);
        });
    info.agent = own_agents || !options.agent_role.empty();
  }
  if (!options.name.empty()) info.name = options.name;
  // An agent's key stays one, whatever role it is given.
  if (!options.role.empty()) info.role = options.role;
  if (!options.agent_role.empty()) info.role = options.agent_role;
  if (info.name.empty() || info.role.empty())
    return error("trust", "the key", "say whose it is (--name) and its --role");
  return info;
}

int change(TrustDesk& desk, const Options& options, const Result<std::string>& addition,
           const std::string& done) {
  if (!addition) return failure("keys", addition.error().message(), 1);
  const auto file = append_to_policy(desk, *addition, options.system);
  if (!file) return failure("keys", file.error().message(), 1);
  std::printf("%s in %s\n", done.c_str(), printable(*file).c_str());
  return 0;
}

int trust_key(TrustDesk& desk, const Options& options) {
  const auto info = key_to_trust(desk, options);
  if (!info) return failure("keys", info.error().message(), exit_code::kUsage);
  return change(desk, options, trusted_key_text(*info),
                trust::key_id(info->key) + " is trusted as " + printable(info->role));
}

int revoke(TrustDesk& desk, const Options& options) {
  const trust::TrustedKey* found = nullptr;
  for (const auto& key : desk.policy.trust.keys)
    if (key.name == options.key || (options.key.size() > 10 && key.id().starts_with(options.key)))
      found = &key;
  if (found == nullptr)
    return failure("keys", "the policy trusts no key \"" + options.key + "\"", 1);
  return change(desk, options, revoked_key_text(found->id(), options.reason),
                found->id() + " is revoked");
}

}  // namespace

int keys_command(const Arguments& arguments) {
  Options options;
  CLI::App app("Keys that approve, and whose keys count.", "keys");
  set_usage(app,
            "jobward keys new (--role operator|reviewer | --agent ROLE) [--name NAME]\n"
            "       jobward keys list [--json]\n"
            "       jobward keys trust KEY [--name NAME] [--role ROLE | --agent ROLE] [--system]\n"
            "       jobward keys revoke KEY [--reason TEXT]");
  app.require_subcommand(1);
  auto& made =
      *app.add_subcommand("new", "Make one, with a passphrase (argon2id) asked on /dev/tty");
  made.add_option("--role", options.role, "operator, reviewer, or a word of the policy's");
  made.add_option("--agent", options.agent_role, "An agent's key of this role: no passphrase")
      ->type_name("ROLE");
  made.add_option("--name", options.name, "Its name");
  auto& listed = *app.add_subcommand("list", "One's own, and those that the policy trusts");
  listed.add_flag("--json", options.json, "One JSON object instead of text");
  auto& trusted = *app.add_subcommand("trust", "Have the policy trust a key");
  trusted
      .add_option("KEY", options.key, "The name of one's own, or a line such as \"ssh-ed25519 …\"")
      ->required();
  trusted.add_option("--name", options.name, "Whose it is");
  trusted.add_option("--role", options.role, "What it may: operator, reviewer, …");
  trusted.add_option("--agent", options.agent_role, "The role of an agent's key")
      ->type_name("ROLE");
  trusted.add_flag("--system", options.system,
                   "Begin /etc/jobward/policy.toml where there is no policy, not the project's");
  auto& revoked =
      *app.add_subcommand("revoke", "It does not count any more, for whatever is pending");
  revoked.add_option("KEY", options.key, "Its name, or the beginning of its id")->required();
  revoked.add_option("--reason", options.reason, "Why")->type_name("TEXT");
  app.footer("Exit status: 0 done, 1 not, 2 usage. Hardware keys: docs/trust.md.");
  if (const auto done = parse_options(app, arguments.options, exit_code::kUsage)) return *done;
  if (arguments.command)
    return usage_error("keys", "no command is expected here", exit_code::kUsage);
  auto desk = open_trust_desk();
  if (!desk) return failure("keys", desk.error().message(), 1);
  if (made.parsed()) return make(**desk, options);
  if (listed.parsed()) return list(**desk, options.json);
  return trusted.parsed() ? trust_key(**desk, options) : revoke(**desk, options);
}

}  // namespace jobward::cli
