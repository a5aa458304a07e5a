// jobward approve DECISION: somebody who may says yes, or no, with his key.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/signing.h"
#include "cli/trust_desk.h"
#include "cli/trust_text.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"
#include "trust/sshsig.h"

namespace jobward::cli {
namespace {

struct Options {
  std::string decision;
  SigningChoice choice;
  std::string signature;  // a file
  bool refuse = false;
  std::string reason;
};

// Somebody signed elsewhere with `ssh-keygen -Y sign -n jobward`.
struct Signed {
  trust::TrustedKey key;
  std::string signature;
};
Result<Signed> signed_elsewhere(const TrustDesk& desk, const std::string& file) {
  auto text = read_file(file, 64U << 10U);
  if (!text) return tl::unexpected(std::move(text).error());
  const auto signature = trust::read_sshsig(trim(*text));
  if (!signature)
    return error("read", "the signature " + printable(file),
                 "it is no SSHSIG of an ed25519 key (`ssh-keygen -Y sign -n jobward`)");
  const auto* key = desk.policy.trust.find(signature->key);
  if (key == nullptr)
    return error("accept", "the signature " + printable(file),
                 "the policy does not trust its key " + trust::key_id(signature->key));
  return Signed{*key, std::string(trim(*text))};
}

Result<Signed> sign_here(const TrustDesk& desk, const trust::Decision& decision,
                         const Options& options, const std::string& message) {
  auto chosen = choose_signer(desk, options.choice, [&](const trust::TrustedKey& key) {
    return desk.decisions->objection_to(decision, key);
  });
  if (!chosen) return tl::unexpected(std::move(chosen).error());
  auto signature = chosen->signer->sign(message);
  if (!signature) return tl::unexpected(std::move(signature).error());
  return Signed{chosen->key, std::move(*signature)};
}

Result<trust::Decision> decide(TrustDesk& desk, const trust::Decision& decision,
                               const Options& options) {
  auto envelope = desk.decisions->to_sign(decision);
  if (!envelope) return tl::unexpected(std::move(envelope).error());
  const std::string payload =
      options.refuse ? trust::Decisions::refusal_text(decision, options.reason) : envelope->payload;
  const std::string message = trust::pre_authentication(
      options.refuse ? std::string(trust::payload_type::kRefusal) : envelope->payload_type,
      payload);
  auto made = options.signature.empty() ? sign_here(desk, decision, options, message)
                                        : signed_elsewhere(desk, options.signature);
  if (!made) return tl::unexpected(std::move(made).error());
  if (options.refuse)
    return desk.decisions->refuse(decision, made->key, std::move(made->signature), options.reason,
                                  desk.actor);
  return desk.decisions->approve(decision, made->key, std::move(made->signature), desk.actor);
}

}  // namespace

int approve_command(const Arguments& arguments) {
  Options options;
  CLI::App app("Signs a decision: what a guard has refused, or a review that somebody asked for.",
               "approve");
  set_usage(app, "jobward approve DECISION [OPTIONS]");
  app.add_option("DECISION", options.decision, "Its id (`jobward review list`)")->required();
  app.add_option("--as", options.choice.role, "Only with a key of this role")->type_name("ROLE");
  app.add_option("--key", options.choice.key, "With this key: its name, or the beginning of its id")
      ->type_name("KEY");
  app.add_option("--signature", options.signature,
                 "Take this signature, made elsewhere: see `jobward review show --to-sign`")
      ->type_name("FILE");
  app.add_flag("--refuse", options.refuse, "Say no; the decision is closed");
  app.add_option("--reason", options.reason, "With --refuse: why")->type_name("TEXT");
  app.footer(
      "The key must be trusted by the policy, of a pool that decides this, and not the "
      "requester's.\nExit status: 0 signed, 1 not, 2 usage.");
  if (const auto done = parse_options(app, arguments.options, exit_code::kUsage)) return *done;
  if (arguments.command)
    return usage_error("approve", "no command is expected here", exit_code::kUsage);
  auto desk = open_trust_desk();
  if (!desk) return failure("approve", desk.error().message(), 1);
  auto decision = (*desk)->decisions->find(options.decision);
  if (!decision) return failure("approve", decision.error().message(), 1);
  // Before anything is signed: what it is that is signed.
  std::fprintf(stderr, "%s%s\n",
               decision_line(*decision, (*desk)->decisions->standing(*decision)).c_str(),
               printable(decision->request.action).c_str());
  auto signed_now = decide(**desk, *decision, options);
  if (!signed_now) return failure("approve", signed_now.error().message(), 1);
  std::fputs(decision_line(*signed_now, (*desk)->decisions->standing(*signed_now)).c_str(), stdout);
  return 0;
}

}  // namespace jobward::cli
