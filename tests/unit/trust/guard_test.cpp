#include "trust/guard.h"

#include <catch2/catch.hpp>

#include "trust/tier.h"

using namespace jobward;
using namespace jobward::trust;
using Catch::Contains;

namespace {

GuardRules all() { return {true, true, true, {"--no-*", "--max-rows=", "-f"}, {}}; }

std::string why(const GuardAsk& ask, const std::optional<RunTerms>& recorded = {},
                const GuardRules& rules = all()) {
  std::string text;
  for (const auto& reason : reasons(ask, recorded, rules))
    text += reason + "\n";
  return text;
}

}  // namespace

TEST_CASE("guard: What the policy does not guard passes") {
  GuardAsk ask;
  ask.terms.no_memory_limit = ask.terms.no_time_limit = true;
  CHECK(why(ask, {}, {}) == "");
  CHECK(why({}, RunTerms{}) == "");
}

TEST_CASE("guard: --no-limit, --no-time and a limit above the cap need a review") {
  GuardAsk ask;
  ask.terms.no_memory_limit = true;
  CHECK_THAT(why(ask), Contains("--no-limit"));
  ask = {};
  ask.terms.no_time_limit = true;
  CHECK_THAT(why(ask), Contains("--no-time"));
  ask = {};
  ask.beyond_caps = {{"memory", "memory limit of 64 GiB (--mem)", "48 GiB (p.toml:2)"}};
  CHECK_THAT(why(ask), Contains("64 GiB") && Contains("48 GiB (p.toml:2)"));
}

TEST_CASE("guard: What the last accepted run had may not be left out") {
  RunTerms recorded;
  recorded.verify = {"orders.toml"};
  recorded.require = {"inputs.toml"};
  recorded.require_stamp = {"audit"};
  recorded.has_time_limit = true;
  GuardAsk ask;
  const auto text = why(ask, recorded);
  CHECK_THAT(text, Contains("--verify orders.toml was left out"));
  CHECK_THAT(text, Contains("--require inputs.toml was left out"));
  CHECK_THAT(text, Contains("--require-stamp audit was left out"));
  CHECK_THAT(text, Contains("--time was left out"));
  ask.terms = recorded;
  ask.terms.verify.push_back("more.toml");
  CHECK(why(ask, recorded) == "");
}

TEST_CASE("guard: A job's own guarded flags are told from the rest") {
  const auto split = split_guarded(
      {"train.py", "--no-checks", "--max-rows", "10", "--max-rows=5", "--epochs", "3", "-f"},
      all().flags);
  CHECK(split.plain == std::vector<std::string>{"train.py", "--epochs", "3"});
  CHECK(split.guarded ==
        std::vector<std::string>{"--no-checks", "--max-rows=10", "--max-rows=5", "-f"});
  CHECK(split_guarded({"--max-rows"}, all().flags).guarded.size() == 1);
}

TEST_CASE("guard: A guarded flag that the recorded command has not needs a review") {
  GuardAsk ask;
  ask.terms.guarded_flags = {"--max-rows=10"};
  CHECK(why(ask) == "");  // the first run of it
  CHECK_THAT(why(ask, RunTerms{}), Contains("--max-rows=10 is guarded"));
  RunTerms recorded;
  recorded.guarded_flags = {"--max-rows=99"};
  CHECK_THAT(why(ask, recorded), Contains("--max-rows=10"));
  recorded.guarded_flags = {"--max-rows=10"};
  CHECK(why(ask, recorded) == "");
}

TEST_CASE("guard: An action is another one if anything of it changes") {
  GuardAsk ask;
  ask.argv = ask.shown_argv = {"train", "--token", "a"};
  ask.shown_argv.back() = "***";
  ask.cwd = "/work";
  ask.script_sha256 = "00";
  const auto text = action_text(ask);
  CHECK_THAT(text, !Contains("\"a\""));
  const auto differs = [&](auto change) {
    auto other = ask;
    change(other);
    return action_text(other) != text;
  };
  CHECK(action_text(ask) == text);
  CHECK(differs([](GuardAsk& a) { a.argv.back() = "b"; }));  // also where it is masked
  CHECK(differs([](GuardAsk& a) { a.argv = {"train --token", "a"}; }));
  CHECK(differs([](GuardAsk& a) { a.cwd = "/tmp"; }));
  CHECK(differs([](GuardAsk& a) { a.script_sha256 = "01"; }));
  CHECK(differs([](GuardAsk& a) { a.environment["X"] = "00"; }));
  CHECK(differs([](GuardAsk& a) { a.beyond_caps = {{"memory", "9 GiB", "8 GiB"}}; }));
  CHECK(differs([](GuardAsk& a) { a.terms.no_memory_limit = true; }));
  CHECK(differs([](GuardAsk& a) { a.terms.verify = {"x"}; }));
}

TEST_CASE("guard: What a run was judged by comes back from the ledger") {
  RunTerms terms;
  terms.verify = {"a"};
  terms.guarded_flags = {"--no-x"};
  terms.has_time_limit = true;
  CHECK(canonical_text(read_run_terms(canonical_text(terms)).value()) == canonical_text(terms));
  CHECK_FALSE(read_run_terms("nonsense"));
}

TEST_CASE("tier: Only what holds is claimed") {
  TierFacts facts;
  facts.caller = facts.state_owner = 1000;
  CHECK(judge_tier(facts).tier == Tier::t0);
  facts.system_policy = true;
  CHECK(judge_tier(facts).tier == Tier::t0);  // nobody may approve
  facts.deciding_keys = 2;
  facts.secrets_here = 1;
  CHECK(judge_tier(facts).tier == Tier::t0);
  facts.secrets_here = 0;
  CHECK(judge_tier(facts).tier == Tier::t2);
  CHECK_FALSE(judge_tier(facts).reasons.empty());  // the records are still one's own
  facts.passwordless_sudo = true;
  CHECK(judge_tier(facts).tier == Tier::t0);
  facts.passwordless_sudo = false;
  facts.secrets_here = 1;
  facts.state_owner = 0;
  CHECK(judge_tier(facts).tier == Tier::t1);
  facts.caller = 0;
  CHECK(judge_tier(facts).tier == Tier::t0);
  CHECK_THAT(judge_tier(facts).words, Contains("T0") && Contains("tamper-evident at best"));
}
