// jobward review: asking others for a yes, and waiting for it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/review_action.h"
#include "cli/signing.h"
#include "cli/trust_desk.h"
#include "cli/trust_text.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "trust/canonical.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;
using State = trust::Standing::State;

struct Options {
  std::string describe;
  std::vector<std::string> pools;
  std::vector<std::string> files;
  std::vector<std::string> command;
  std::string key;
  std::string role;
  bool all = false;
  bool everywhere = false;
  bool json = false;
  bool to_sign = false;
  std::string id;
  std::optional<std::string> wait;
};

constexpr int kApproved = 0;
constexpr int kNot = 1;

int request(TrustDesk& desk, Options& options) {
  if (options.pools.empty()) options.pools.push_back(desk.policy.trust.review_pool);
  for (const auto& pool : options.pools)
    if (desk.policy.trust.pools.count(pool) == 0)
      return usage_error(
          "review",
          "there is no pool \"" + printable(pool) + "\"; `jobward policy show` lists them",
          exit_code::kUsage);
  auto action = review_action({options.describe, options.pools, options.files, options.command});
  if (!action) return failure("review", action.error().message(), exit_code::kUsage);
  trust::Request wanted{trust::DecisionKind::review,
                        *action,
                        options.describe,
                        options.pools,
                        "uid:" + std::to_string(desk.actor.uid),
                        false};
  trust::NewEntry evidence;
  evidence.kind = trust::EntryKind::review;
  evidence.actor = desk.actor;
  evidence.message = "a review is asked for: " + options.describe;
  evidence.details = *action;
  if (!options.key.empty()) {
    const auto key = open_own_key(desk, options.key);
    if (!key) return failure("review", key.error().message(), kNot);
    // Else whoever asks makes himself a key to ask with, and approves with his other one.
    if (desk.policy.trust.find(key->key()) == nullptr)
      return failure("review",
                     "the policy does not trust the key \"" + options.key +
                         "\", so it proves nothing of who asks: `jobward keys trust`, or leave "
                         "--key out",
                     kNot);
    wanted.requester = trust::key_id(key->key());
    wanted.requester_proved = true;
    evidence.key_ids = {wanted.requester};
  }
  const auto decision = desk.decisions->ask(wanted, std::move(evidence));
  if (!decision) return failure("review", decision.error().message(), kNot);
  std::puts(decision->id.c_str());
  return 0;
}

bool is_for(const TrustDesk& desk, const trust::Decision& decision, const std::string& role) {
  for (const auto& name : decision.request.pools) {
    const auto pool = desk.policy.trust.pools.find(name);
    if (pool == desk.policy.trust.pools.end()) continue;
    const auto& roles = pool->second.roles;
    if (name == role || std::find(roles.begin(), roles.end(), role) != roles.end()) return true;
  }
  return false;
}

// Its standing, with the files as they are now.
trust::Standing standing_now(const TrustDesk& desk, const trust::Decision& decision) {
  auto standing = desk.decisions->standing(decision);
  const bool open = standing.state == State::pending || standing.state == State::approved;
  if (!open) return standing;
  if (const auto changed = changed_since(decision))
    return {State::stale, *changed, standing.signers};
  return standing;
}

Json decision_json(const trust::Decision& decision, const trust::Standing& standing) {
  return {{"id", decision.id},
          {"kind", trust::to_string(decision.request.kind)},
          {"state", trust::to_string(standing.state)},
          {"why", standing.why},
          {"signers", standing.signers},
          {"describe", decision.request.describe},
          {"pools", decision.request.pools},
          {"requester", decision.request.requester},
          {"project", decision.project},
          {"created_ms", decision.created},
          {"action_sha256", decision.action_sha256},
          {"action", Json::parse(decision.request.action, nullptr, false)}};
}

int list(const TrustDesk& desk, const Options& options) {
  const auto decisions = desk.decisions->list(!options.all);
  if (!decisions) return failure("review", decisions.error().message(), kNot);
  Json out = Json::array();
  for (const auto& decision : *decisions) {
    const bool here = decision.project == trust::json_text(desk.project.identity);
    if (!options.everywhere && !here) continue;
    if (!options.role.empty() && !is_for(desk, decision, options.role)) continue;
    const auto standing = standing_now(desk, decision);
    if (options.json)
      out.push_back(decision_json(decision, standing));
    else
      std::fputs(decision_line(decision, standing).c_str(), stdout);
  }
  if (options.json)
    std::fputs(
        dump({{"schema_version", kSchemaVersion}, {"decisions", std::move(out)}}, true).c_str(),
        stdout);
  return 0;
}

int show(TrustDesk& desk, const Options& options) {
  const auto decision = desk.decisions->find(options.id);
  if (!decision) return failure("review", decision.error().message(), kNot);
  if (options.to_sign) {
    const auto envelope = desk.decisions->to_sign(*decision);
    if (!envelope) return failure("review", envelope.error().message(), kNot);
    const auto text = trust::pre_authentication(envelope->payload_type, envelope->payload);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  const auto out = decision_json(*decision, standing_now(desk, *decision));
  if (options.json) {
    std::fputs(dump(out, true).c_str(), stdout);
    return 0;
  }
  std::fputs(decision_line(*decision, standing_now(desk, *decision)).c_str(), stdout);
  std::printf("asked by   %s\npools      %s\naction     %s\nsha256     %s\n",
              printable(decision->request.requester).c_str(), out["pools"].dump().c_str(),
              printable(decision->request.action).c_str(), decision->action_sha256.c_str());
  return 0;
}

int answer(const trust::Standing& standing) {
  switch (standing.state) {
    case State::approved:
      return kApproved;
    case State::pending:
      return exit_code::kNotAdmitted;
    case State::refused:
    case State::stale:
    case State::used:
      return kNot;
  }
  return kNot;
}

Result<std::optional<double>> patience(const Options& options) {
  if (!options.wait) return 0.0;
  if (*options.wait == "-") return std::nullopt;  // as long as it takes
  auto seconds = parse_duration_seconds(*options.wait);
  if (!seconds) return rethrow(std::move(seconds).error(), "--wait");
  return *seconds;
}

int check(const TrustDesk& desk, const Options& options) {
  const auto most = patience(options);
  if (!most) return usage_error("review", most.error().message(), exit_code::kUsage);
  const auto begun = desk.clock.now();
  // Another process signs: the store has no event for that, and a person takes longer than this.
  constexpr auto kLook = std::chrono::milliseconds(500);
  while (true) {
    const auto decision = desk.decisions->find(options.id);
    if (!decision) return failure("review", decision.error().message(), kNot);
    const auto standing = standing_now(desk, *decision);
    const std::chrono::duration<double> waited = desk.clock.now() - begun;
    if (standing.state != State::pending || (*most && waited.count() >= **most)) {
      std::fputs(decision_line(*decision, standing).c_str(), stdout);
      return answer(standing);
    }
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace

int review_command(const Arguments& arguments) {
  Options options;
  CLI::App app("Has others sign off whatever you describe, before it is done.", "review");
  set_usage(app,
            "jobward review request --describe TEXT [--pool NAME]… [--file FILE]… [--key KEY]\n"
            "                              [-- COMMAND…]\n"
            "       jobward review list [--for ROLE] [--all] [--everywhere] [--json]\n"
            "       jobward review show ID [--json | --to-sign]\n"
            "       jobward review check ID [--wait[=DURATION]]");
  app.require_subcommand(1);
  auto& asked = *app.add_subcommand("request", "Ask for it; prints the decision's id");
  asked.add_option("--describe", options.describe, "What is to be done, in a sentence")->required();
  asked.add_option("--pool", options.pools, "Who decides: each pool has to reach its threshold")
      ->delimiter(',')
      ->allow_extra_args(false);
  asked
      .add_option("--file", options.files, "A file it is about: if it changes, the review is stale")
      ->allow_extra_args(false);
  asked.add_option("--key", options.key, "Who asks: a key of one's own, which then cannot approve");
  auto& listed = *app.add_subcommand("list", "Decisions that are open");
  listed.add_option("--for", options.role, "Only what this role or pool decides")
      ->type_name("ROLE");
  listed.add_flag("--all", options.all, "Also those that are closed");
  listed.add_flag("--everywhere", options.everywhere,
                  "Also those of other projects, judged by this one's policy");
  listed.add_flag("--json", options.json, "One JSON object instead of text");
  auto& shown = *app.add_subcommand("show", "All of one decision");
  shown.add_option("ID", options.id, "The decision")->required();
  shown.add_flag("--json", options.json, "One JSON object instead of text");
  shown.add_flag("--to-sign", options.to_sign,
                 "The bytes to sign elsewhere: `ssh-keygen -Y sign -n jobward -f KEY FILE`");
  auto& checked = *app.add_subcommand("check", "Is it approved?");
  checked.add_option("ID", options.id, "The decision")->required();
  checked
      .add_option_function<std::string>(
          "--wait", [&](const std::string& text) { options.wait = text; },
          "Wait for an answer: as long as it takes, or so long")
      ->expected(0, 1)
      ->default_str("-")
      ->type_name("[=DURATION]");
  app.footer(
      "With -- COMMAND it covers that command only, in `jobward run --require-review ID`.\n"
      "Exit status of check: 0 approved, 1 refused, stale or used, 75 pending; else 0, 1; 2 "
      "usage.");
  if (const auto done = parse_options(app, arguments.options, exit_code::kUsage)) return *done;
  if (arguments.command && !asked.parsed())
    return usage_error("review", "no command is expected here", exit_code::kUsage);
  options.command = arguments.command.value_or(std::vector<std::string>());
  auto desk = open_trust_desk();
  if (!desk) return failure("review", desk.error().message(), kNot);
  if (asked.parsed()) return request(**desk, options);
  if (listed.parsed()) return list(**desk, options);
  return shown.parsed() ? show(**desk, options) : check(**desk, options);
}

}  // namespace jobward::cli
