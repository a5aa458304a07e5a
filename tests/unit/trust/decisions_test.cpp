#include "trust/decisions.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/identity.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/temporary_directory.h"
#include "trust/baseline_guard.h"
#include "trust/encoding.h"

using namespace jobward;
using namespace jobward::trust;
using Catch::Contains;
using jobward::test::TemporaryDirectory;

namespace {

constexpr const char* kAction = R"({"argv":["train"],"kind":"run"})";

NewEntry an_override() {
  NewEntry entry;
  entry.kind = EntryKind::override_;
  return entry;
}

class DecisionsTest {
 public:
  DecisionsTest() {
    policy.keys = {{anna.key(), "anna", "operator", false, "p:1"},
                   {ben.key(), "ben", "reviewer", false, "p:2"},
                   {bot.key(), "bot", "reviewer", true, "p:3"},
                   {coder.key(), "coder", "reviewer", true, "p:4"}};
    policy.pools["two"] = {"two", {"operator", "reviewer"}, {}, 2, false, "p:5"};
    policy.pools["bots"] = {"bots", {"reviewer"}, {}, 1, true, "p:6"};
  }

  Request request(DecisionKind kind = DecisionKind::caps,
                  std::vector<std::string> pools = {"operator"},
                  const std::string& requester = "uid:1000") {
    // Who decides a review is part of what is signed.
    const std::string action = kind == DecisionKind::review
                                   ? nlohmann::json{{"kind", "review"}, {"pools", pools}}.dump()
                                   : std::string(kAction);
    return {kind, action, "to do it", std::move(pools), requester, false};
  }
  Decision ask(const Request& wanted) { return decisions.ask(wanted, {}).value(); }
  const TrustedKey& key(const std::string& name) {
    for (const auto& one : policy.keys)
      if (one.name == name) return one;
    throw std::runtime_error("no such key");
  }
  // Empty: approved.
  std::string sign(const Decision& decision, const SecretKey& secret, const std::string& name) {
    const auto envelope = decisions.to_sign(decision).value();
    auto signature =
        secret.sign(pre_authentication(envelope.payload_type, envelope.payload)).value();
    const auto done = decisions.approve(decision, key(name), signature, {});
    return done ? "" : done.error().message();
  }
  // Empty: it was used.
  std::string use(Decisions& by, const std::string& other_action = "") {
    NewEntry entry;
    entry.kind = EntryKind::override_;
    const auto open = by.list(false).value();
    REQUIRE(!open.empty());
    const auto done = by.consume(
        open.front(), other_action.empty() ? open.front().request.action : other_action, entry);
    return done ? "" : done.error().message();
  }
  std::string use() { return use(decisions); }
  std::size_t overrides() {
    LedgerQuery query;
    query.kind = EntryKind::override_;
    return ledger->query(query).value().size();
  }

  SecretKey anna = SecretKey::generate();
  SecretKey ben = SecretKey::generate();
  SecretKey bot = SecretKey::generate();
  SecretKey coder = SecretKey::generate();
  TemporaryDirectory directory;
  test::FixedClock clock;
  TrustPolicy policy;
  Circumstances at{policy, sha256_hex("policy"), {"here", "/work/p"}};
  std::unique_ptr<Ledger> ledger =
      Ledger::open({directory.path(), "here", {}}, clock, [](const std::string&) {}).value();
  Decisions decisions{*ledger, at};
};

}  // namespace

TEST_CASE_METHOD(DecisionsTest, "decisions: Approved, an action passes once") {
  const auto decision = ask(request());
  CHECK_FALSE(decisions.consume(DecisionKind::caps, kAction, {}).value());
  CHECK(sign(decision, anna, "anna") == "");
  CHECK(decisions.consume(DecisionKind::caps, kAction, an_override()).value());
  CHECK_FALSE(decisions.consume(DecisionKind::caps, kAction, {}).value());
  CHECK(overrides() == 1);
  LedgerQuery approvals;
  approvals.kind = EntryKind::approval;
  const auto entries = ledger->query(approvals).value();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].key_ids == std::vector<std::string>{key("anna").id()});
}

TEST_CASE_METHOD(DecisionsTest, "decisions: The same action asks for the same decision") {
  const auto first = ask(request());
  CHECK(ask(request()).id == first.id);
  CHECK(decisions.list(true).value().size() == 1);
}

TEST_CASE_METHOD(DecisionsTest, "decisions: A token that was used is not used again") {
  const auto decision = ask(request());
  REQUIRE(sign(decision, anna, "anna") == "");
  REQUIRE(use() == "");
  CHECK_THAT(use(), Contains("it has been used"));
  // As somebody with the store's uid would: the ledger still knows the nonce.
  REQUIRE(ledger->database().execute("UPDATE decisions SET state='open'"));
  CHECK_THAT(use(), Contains("it was used before"));
  CHECK(overrides() == 1);
}

TEST_CASE_METHOD(DecisionsTest, "decisions: A token expires") {
  const auto decision = ask(request());
  REQUIRE(sign(decision, anna, "anna") == "");
  clock.set_wall(clock.wall_ms() + 24LL * 3600 * 1000);
  CHECK_THAT(use(), Contains("it has expired"));
}

TEST_CASE_METHOD(DecisionsTest,
                 "decisions: A token is for one host, one project, one policy, one action") {
  const auto decision = ask(request());
  REQUIRE(sign(decision, anna, "anna") == "");
  const Circumstances other_host{policy, at.policy_sha256, {"there", "/work/p"}};
  Decisions there(*ledger, other_host);
  CHECK_THAT(use(there), Contains("another host"));
  const Circumstances other_project{policy, at.policy_sha256, {"here", "/work/q"}};
  Decisions elsewhere(*ledger, other_project);
  CHECK_THAT(use(elsewhere), Contains("another project"));
  const Circumstances other_policy{policy, sha256_hex("changed"), {"here", "/work/p"}};
  Decisions later(*ledger, other_policy);
  CHECK_THAT(use(later), Contains("the policy has changed"));
  CHECK_THAT(use(decisions, R"({"argv":["train","--all"],"kind":"run"})"),
             Contains("another action"));
  CHECK(use() == "");
}

TEST_CASE_METHOD(DecisionsTest, "decisions: Nobody approves what he has asked for") {
  const auto decision = ask(request(DecisionKind::review, {"two"}, key_id(ben.key())));
  CHECK_THAT(sign(decision, ben, "ben"), Contains("requester's own"));
  CHECK(sign(decision, anna, "anna") == "");
  CHECK(decisions.standing(decisions.find(decision.id).value()).state == Standing::State::pending);
}

TEST_CASE_METHOD(DecisionsTest,
                 "decisions: A key of the wrong role, or an unknown one, counts for nothing") {
  const auto decision = ask(request());
  CHECK_THAT(sign(decision, ben, "ben"), Contains("may not decide this"));
  CHECK_THAT(sign(decision, SecretKey::generate(), "anna"), Contains("is not of this decision"));
  CHECK(decisions.list(true).value().front().envelope.signatures.empty());
}

TEST_CASE_METHOD(DecisionsTest,
                 "decisions: One bit flipped in what was signed, and it is pending again") {
  const auto decision = ask(request());
  REQUIRE(sign(decision, anna, "anna") == "");
  auto envelope = decisions.find(decision.id).value().envelope;
  envelope.payload[envelope.payload.size() / 2] ^= 1;
  auto statement = ledger->database().prepare("UPDATE decisions SET envelope=? WHERE id=?").value();
  REQUIRE(statement.bind(to_json(envelope)).bind(decision.id).run());
  CHECK(use() != "");
  CHECK(overrides() == 0);
}

TEST_CASE_METHOD(DecisionsTest, "decisions: Two of them are two keys") {
  const auto decision = ask(request(DecisionKind::review, {"two"}));
  REQUIRE(sign(decision, anna, "anna") == "");
  REQUIRE(sign(decision, anna, "anna") == "");
  CHECK_THAT(use(), Contains("1 of 2 by two"));
  REQUIRE(sign(decision, ben, "ben") == "");
  CHECK(use() == "");
}

TEST_CASE_METHOD(
    DecisionsTest,
    "decisions: An agent's key counts only where it may, and never for its own asker") {
  const auto humans = ask(request(DecisionKind::review, {"reviewer"}, key_id(coder.key())));
  CHECK_THAT(sign(humans, bot, "bot"), Contains("does not let agents"));
  const auto nameless = ask(request(DecisionKind::review, {"bots"}));
  CHECK_THAT(sign(nameless, bot, "bot"), Contains("named a key of its own"));
  const auto named = ask(request(DecisionKind::review, {"bots"}, key_id(coder.key())));
  CHECK_THAT(sign(named, coder, "coder"), Contains("requester's own"));
  CHECK(sign(named, bot, "bot") == "");
  CHECK(decisions.standing(decisions.find(named.id).value()).state == Standing::State::approved);
}

TEST_CASE_METHOD(DecisionsTest, "decisions: A key that is revoked later does not count any more") {
  const auto decision = ask(request());
  REQUIRE(sign(decision, anna, "anna") == "");
  policy.revoked[key("anna").id()] = "p:9";
  CHECK_THAT(use(), Contains("0 of 1"));
}

TEST_CASE_METHOD(DecisionsTest, "decisions: A refusal closes it") {
  const auto decision = ask(request());
  const auto text =
      pre_authentication(payload_type::kRefusal, Decisions::refusal_text(decision, "too large"));
  const auto refused =
      decisions.refuse(decision, key("anna"), anna.sign(text).value(), "too large", {}).value();
  const auto standing = decisions.standing(refused);
  CHECK(standing.state == Standing::State::refused);
  CHECK_THAT(standing.why, Contains("anna") && Contains("too large"));
  CHECK_THAT(sign(decision, anna, "anna"), Contains("it is refused"));
}

// ------------------------------------------------------------------------ contracts and baselines

namespace {

class ContractTest : public DecisionsTest {
 public:
  ContractTest() {
    Term nulls;
    nulls.check = "nulls";
    nulls.primitive = "null_rate_ceiling";
    nulls.bounds["ceiling"] = {0.01, Bound::Loosens::up};
    nulls.fixed["dataset"] = "orders.parquet";
    Term rows = nulls;
    rows.check = "rows";
    rows.primitive = "row_count_parity";
    contract.terms = {"orders", {nulls, rows}};
    contract.datasets = {"/work/p/orders.parquet"};
    contract.path = "/work/p/orders.toml";
    contract.actor.uid = 1000;
  }
  BaselineVerdict judge(const ContractUse& use) {
    return judge_contract(*ledger, decisions, use).value();
  }
  void accept(const ContractUse& use) {
    const auto verdict = judge(use);
    REQUIRE(verdict.allowed);
    REQUIRE(accept_contract(*ledger, decisions, use, verdict));
  }
  std::string refused(const ContractUse& use) {
    const auto verdict = judge(use);
    if (verdict.allowed) return "";
    REQUIRE(verdict.finding);
    CHECK(halts(*verdict.finding));
    return verdict.finding->message;
  }
  // Approves the decision behind this word in the message.
  void approve(const std::string& message, int which) {
    std::size_t found = 0;
    for (int i = 0; i <= which; ++i)
      found = message.find("jobward approve ", found) + 16;
    const auto decision = decisions.find(message.substr(found, 10)).value();
    REQUIRE(sign(decision, anna, "anna") == "");
  }
  ContractUse looser() {
    auto use = contract;
    use.terms.terms[0].bounds["ceiling"].value = 0.5;
    return use;
  }
  ContractUse contract;
};

}  // namespace

TEST_CASE_METHOD(ContractTest,
                 "contracts: The first accepted use is the baseline, a step down is refused") {
  CHECK(judge(looser()).allowed);  // not accepted: nothing is on record
  accept(contract);
  accept(contract);
  LedgerQuery baselines;
  baselines.kind = EntryKind::baseline;
  CHECK(ledger->query(baselines).value().size() == 1);
  CHECK_THAT(refused(looser()), Contains("ceiling was raised from 0.01 to 0.5") &&
                                    Contains("`jobward approve ") && Contains("lets it pass once"));
  LedgerQuery findings;
  findings.severity = Severity::hard_fail;
  CHECK(ledger->query(findings).value().size() == 2);  // asked for once, and for good
}

TEST_CASE_METHOD(ContractTest, "contracts: Every trick of a downgrade is refused") {
  accept(contract);
  const auto trick = [&](auto change) {
    auto use = contract;
    change(use);
    return refused(use);
  };
  CHECK_THAT(trick([](ContractUse& use) { use.terms.terms[0].severity = Severity::warn; }),
             Contains("severity was lowered"));
  CHECK_THAT(trick([](ContractUse& use) { use.terms.terms.pop_back(); }),
             Contains("it was removed"));
  CHECK_THAT(trick([](ContractUse& use) {
               use.terms.terms[0].fixed["dataset"] = "clean.parquet";
               use.datasets = {"/work/p/clean.parquet"};
             }),
             Contains("dataset was orders.parquet and is clean.parquet"));
  // Its id changed in place.
  CHECK_THAT(trick([](ContractUse& use) {
               use.terms.id = "orders-new";
               use.terms.terms.pop_back();
             }),
             Contains("its file was contract \"orders\""));
  // Copied to another file under another id, and loosened.
  CHECK_THAT(trick([](ContractUse& use) {
               use.terms.id = "orders-new";
               use.path = "/work/p/other.toml";
               use.terms.terms[1].bounds["ceiling"].value = 1;
             }),
             Contains("it is a copy of contract \"orders\""));
  // Copied with its id: the path is no key.
  CHECK_THAT(trick([](ContractUse& use) {
               use.path = "/work/p/copy.toml";
               use.terms.terms[0].bounds["ceiling"].value = 1;
             }),
             Contains("demands less than its baseline"));
  // Copied into another project, on the same data.
  const Circumstances elsewhere{policy, at.policy_sha256, {"here", "/tmp/x"}};
  Decisions there(*ledger, elsewhere);
  auto moved = looser();
  moved.path = "/tmp/x/orders.toml";
  CHECK_FALSE(judge_contract(*ledger, there, moved).value().allowed);
  CHECK(refused(contract) == "");
}

TEST_CASE_METHOD(ContractTest, "contracts: Another contract on the same data is no copy") {
  accept(contract);
  auto other = contract;
  other.terms.id = "other";
  other.path = "/work/p/other.toml";
  for (auto& term : other.terms.terms) {
    term.check = "other-" + term.check;
    term.primitive = "unique";
  }
  CHECK(refused(other) == "");
}

TEST_CASE_METHOD(ContractTest, "contracts: Tightening becomes the baseline") {
  accept(contract);
  auto tighter = contract;
  tighter.terms.terms[0].bounds["ceiling"].value = 0.001;
  accept(tighter);
  CHECK_THAT(refused(contract), Contains("raised from 0.001 to 0.01"));
}

TEST_CASE_METHOD(ContractTest, "contracts: Approved once it passes once, and the baseline stays") {
  accept(contract);
  approve(refused(looser()), 0);
  const auto verdict = judge(looser());
  CHECK(verdict.allowed);
  CHECK(verdict.overridden);
  REQUIRE(accept_contract(*ledger, decisions, looser(), verdict));
  CHECK(overrides() == 1);
  CHECK_THAT(refused(looser()), Contains("demands less"));
}

TEST_CASE_METHOD(ContractTest, "contracts: Approved as the baseline it stays") {
  accept(contract);
  approve(refused(looser()), 1);
  CHECK(judge(looser()).allowed);
  CHECK(judge(looser()).allowed);
  auto still = looser();
  still.terms.terms[0].bounds["ceiling"].value = 0.6;
  CHECK_FALSE(judge(still).allowed);
}

TEST_CASE_METHOD(ContractTest,
                 "contracts: Required, a missing or unsigned baseline is a HARD_FAIL") {
  policy.require_baseline = true;
  const auto message = refused(contract);  // as after the store was deleted
  CHECK_THAT(message, Contains("has no baseline on record"));
  policy.require_baseline = false;
  accept(contract);
  policy.require_baseline = true;
  CHECK_THAT(refused(contract), Contains("is not signed"));
  approve(message, 0);
  CHECK(refused(contract) == "");
  CHECK(refused(looser()) != "");
  // A later row that demands less, unsigned, does not help.
  auto verdict = BaselineVerdict{};
  verdict.allowed = verdict.becomes_baseline = true;
  REQUIRE(accept_contract(*ledger, decisions, looser(), verdict));
  CHECK_THAT(refused(looser()), Contains("demands less"));
  // Nor does a signature that has lost its key.
  policy.revoked[key("anna").id()] = "p:9";
  CHECK_THAT(refused(contract), Contains("is not signed"));
}

TEST_CASE_METHOD(DecisionsTest, "decisions: Whoever edits the row of a decision gains nothing") {
  const auto edit = [&](const Decision& decision, const char* member, const std::string& value) {
    const std::string sql = "UPDATE decisions SET request=json_set(request, '$." +
                            std::string(member) + "', " + value + ") WHERE id='" + decision.id +
                            "'";
    return ledger->database().execute(sql.c_str());
  };
  // What the guards ask is decided by the pool that the policy names.
  const auto caps = ask(request());
  REQUIRE(edit(caps, "pools", "json('[\"bots\"]')"));
  CHECK_THAT(sign(caps, ben, "ben"), Contains("may not decide this"));
  CHECK(sign(caps, anna, "anna") == "");
  const auto review = ask(request(DecisionKind::review, {"two"}));
  REQUIRE(edit(review, "pools", "json('[\"reviewer\"]')"));
  CHECK_THAT(decisions.standing(decisions.find(review.id).value()).why, Contains("other pools"));
  const auto shown = ask(request(DecisionKind::review, {"reviewer"}));
  REQUIRE(edit(shown, "action", "'{}'"));
  CHECK_THAT(decisions.standing(decisions.find(shown.id).value()).why,
             Contains("the action is not the one"));
  const auto asked = ask(request(DecisionKind::review, {"reviewer"}, key_id(coder.key())));
  REQUIRE(edit(asked, "requester", "'uid:7'"));
  CHECK_THAT(decisions.standing(decisions.find(asked.id).value()).why,
             Contains("another one has asked"));
}

TEST_CASE_METHOD(DecisionsTest, "decisions: Signatures are not dropped to sign anew") {
  const auto decision = ask(request(DecisionKind::review, {"two"}));
  REQUIRE(sign(decision, anna, "anna") == "");
  Circumstances changed{policy, sha256_hex("another policy"), at.audience};
  Decisions later(*ledger, changed);
  const auto anew = later.to_sign(decision);
  REQUIRE(!anew);
  CHECK_THAT(anew.error().message(), Contains("the policy has changed"));
  Circumstances elsewhere{policy, at.policy_sha256, {"here", "/work/other"}};
  Decisions other(*ledger, elsewhere);
  const auto foreign = other.to_sign(decision);
  REQUIRE(!foreign);
  CHECK_THAT(foreign.error().message(), Contains("/work/p"));
  CHECK(sign(decision, ben, "ben") == "");
}
