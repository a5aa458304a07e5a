#include <catch2/catch.hpp>

#include "cli/policy.h"
#include "trust/policy.h"

using namespace jobward;
using namespace jobward::trust;
using Catch::Contains;

namespace {

const std::string kOperator =
    "[[keys]]\nname = \"anna\"\nrole = \"operator\"\nkey = "
    "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOzGF0wx3LNL9jumPiTdpEIyAG0GN5Nw28AltCh8Zf9G\"\n";

TrustPolicy parsed(const std::string& text) {
  const auto policy = cli::parse_policy(text, "p.toml");
  INFO(text);
  INFO((policy ? "" : policy.error().message()));
  REQUIRE(policy);
  return policy->trust;
}

std::string refusal(const std::string& text) {
  const auto policy = cli::parse_policy(text, "p.toml");
  INFO(text);
  REQUIRE(!policy);
  return policy.error().message();
}

std::string agent_key() {
  const auto secret = SecretKey::generate();
  return "[[keys]]\nname = \"bot\"\nrole = \"reviewer\"\nagent = true\nkey = \"" +
         key_line(secret.key()) + "\"\n";
}

}  // namespace

TEST_CASE("trust policy: Every key is read") {
  const auto policy = parsed(
      "[caps]\nmem = \"8G\"\n[baselines]\nrequire = [\"orders\"]\n"
      "[approve]\ncaps = \"dba\"\ndowngrade = \"dba\"\nreview = \"reviewer\"\nvalid = \"2h\"\n"
      "[pools.dba]\nroles = [\"operator\"]\nkeys = [\"anna\"]\nthreshold = 2\nagents = true\n"
      "[guard]\nno_limit = true\nno_time = true\nchecks = true\nflags = [\"--no-*\", \"--rows=\"]\n"
      "environment = [\"CUDA_VISIBLE_DEVICES\"]\n"
      "[ledger]\nheads = [\"journald\", \"/var/log/heads\"]\ncommand = [\"git\", \"anchor\"]\n" +
      kOperator + "[[revoked]]\nkey = \"SHA256:abc\"\nreason = \"lost\"\n");
  CHECK(policy.requires_baseline("orders"));
  CHECK_FALSE(policy.requires_baseline("others"));
  CHECK(policy.caps_pool == "dba");
  CHECK(policy.valid_seconds == 7200);
  CHECK(policy.pools.at("dba").threshold == 2);
  CHECK(policy.guard.flags.size() == 2);
  REQUIRE(policy.anchors.size() == 3);
  CHECK(policy.anchors[2].argv.size() == 2);
  REQUIRE(policy.keys.size() == 1);
  CHECK(policy.keys[0].name == "anna");
  CHECK(policy.revoked.count("SHA256:abc") == 1);
}

TEST_CASE("trust policy: Who counts in a pool") {
  const std::string agent = agent_key();
  auto policy = parsed(kOperator + agent);
  CHECK(policy.members(policy.pools.at("operator")).size() == 1);
  CHECK(policy.members(policy.pools.at("reviewer")).size() == 1);  // no agents by default
  policy = parsed(kOperator + agent + "[pools.reviewer]\nroles = [\"reviewer\"]\nagents = true\n");
  REQUIRE(policy.members(policy.pools.at("reviewer")).size() == 1);
  CHECK(policy.members(policy.pools.at("reviewer"))[0].agent);
  const std::string id = policy.keys[0].id();
  policy = parsed(kOperator + "[[revoked]]\nkey = \"" + id + "\"\n");
  CHECK(policy.members(policy.pools.at("operator")).empty());
}

TEST_CASE("trust policy: What cannot be meant is an error with its place") {
  CHECK_THAT(refusal("[guard]\nno_limits = true\n"),
             Contains("p.toml:2") && Contains("guard.no_limit"));
  CHECK_THAT(refusal("[guard]\nno_limit = \"yes\"\n"), Contains("true or false"));
  CHECK_THAT(refusal("[guard]\nflags = [\"rows\"]\n"), Contains("begins with '-'"));
  CHECK_THAT(refusal("[approve]\ncaps = \"dba\"\n"), Contains("no [pools.dba]"));
  CHECK_THAT(refusal("[approve]\nvalid = \"5s\"\n"), Contains("one minute"));
  CHECK_THAT(refusal("[pools.dba]\nthreshold = 2\n"), Contains("needs roles or keys"));
  CHECK_THAT(refusal("[pools.dba]\nkeys = [\"nobody\"]\n"), Contains("no key has the name"));
  CHECK_THAT(refusal("[pools.dba]\nroles = [\"x\"]\nthreshold = 0\n"), Contains("1 to 64"));
  CHECK_THAT(refusal("[[keys]]\nname = \"x\"\nrole = \"operator\"\n"),
             Contains("needs name, role and key"));
  CHECK_THAT(refusal("[[keys]]\nkey = \"ssh-rsa AAAA\"\n"), Contains("ssh-ed25519"));
  CHECK_THAT(refusal(kOperator + kOperator), Contains("the same as"));
  CHECK_THAT(refusal("[ledger]\nheads = [\"relative\"]\n"), Contains("absolute path"));
  CHECK_THAT(refusal("[ledger]\ncommand = []\n"), Contains("a program"));
}
