#include "cli/render_plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/render_json.h"
#include "cli/render_support.h"
#include "tests/support/sample_run.h"

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;
using Json = nlohmann::ordered_json;

namespace {

// A place for jobs that holds memory, polls the time, and cannot hold back writes.
class FakeBackend final : public host::Backend {
 public:
  FakeBackend() {
    for (const auto resource : host::kLimitable)
      support_.set(resource, {Enforcement::kernel, {}, {}});
    support_.set(Resource::wall, {Enforcement::polled, "the supervisor's clock", {}});
    support_.set(Resource::io_write_rate,
                 {Enforcement::none, "v1 holds back no buffered writes", "boot with unified"});
  }
  [[nodiscard]] std::string_view name() const override { return "fake"; }
  [[nodiscard]] const host::Support& support() const override { return support_; }
  [[nodiscard]] std::string parent() const override { return "/cg/parent"; }
  [[nodiscard]] host::GroupPlace place(const std::string&) const override { return {}; }
  [[nodiscard]] Result<std::unique_ptr<host::JobGroup>> create(const host::GroupRequest&) override {
    return error("make", "a group", "not here");
  }

 private:
  host::Support support_;
};

struct Scene {
  launcher::RunOrder order;
  launcher::Preview preview;
  host::BackendChoice choice;
  Configuration config;
  LoadedPolicy policy;
  std::vector<std::string> remarks;

  Scene() {
    choice.backend = std::make_unique<FakeBackend>();
    choice.reason = "the very reason";
    preview.request = test::full_request("");
    preview.request.enforcement.set(Resource::memory, Enforcement::kernel);
    preview.request.enforcement.set(Resource::wall, Enforcement::polled);
    preview.plan.limits = preview.request.limits;
  }
  launcher::Decision gate;
  [[nodiscard]] PlanView view() const {
    return {order, preview, choice, config, policy, remarks, gate};
  }
  [[nodiscard]] std::string text() const { return plan_text(view()); }
  [[nodiscard]] Json json() const { return Json::parse(dump(plan_json(view()), true)); }
};

}  // namespace

TEST_CASE("render_plan: It says what would be run, where, and from what estimate") {
  const auto text = Scene().text();
  CHECK_THAT(text, Contains("python3 train.py --epochs 3") && Contains("/home/u/p"));
  CHECK_THAT(text, Contains("fake: the very reason") && Contains("/cg/parent"));
  CHECK_THAT(text, Contains("5 runs of this command") && Contains("130 MiB"));
  CHECK_THAT(text, Contains("would start    yes"));
}

TEST_CASE("render_plan: Every limit has its value, its source, who holds it, and why not better") {
  Scene scene;
  scene.preview.plan.limits.set(Resource::io_write_rate,
                                {1 << 20, "c.toml:3", LimitOrigin::asked, "/data"});
  scene.preview.request.limits = scene.preview.plan.limits;
  const auto text = scene.text();
  CHECK_THAT(text, Catch::Matches("[^]*memory +256 MiB +kernel +--mem\n[^]*"));
  CHECK_THAT(text,
             Catch::Matches("[^]*wall time +2h00m +polled +--time\n +the supervisor's clock[^]*"));
  CHECK_THAT(text, Catch::Matches("[^]*write rate +1.00 MiB/s on /data +none +c.toml:3\n[^]*"));
  CHECK_THAT(text, Contains("v1 holds back no buffered writes; mend it with `boot with unified`"));
  const auto json = scene.json();
  CHECK(json.at("limits").at("io_write_device") == "/data");
  CHECK(json.at("enforcement").at("memory") == "kernel");
  CHECK(json.at("enforcement").at("io_write_rate") == "none");
  CHECK(json.at("gaps").size() == 2);
  CHECK(json.at("gaps").at("io_write_rate").at("mend") == "boot with unified");
  CHECK(json.at("gaps").at("wall").at("why") == "the supervisor's clock");
  CHECK(!json.at("gaps").at("wall").contains("mend"));
}

TEST_CASE("render_plan: An automatic limit is explained, and so is none") {
  Scene scene;
  scene.preview.plan.explanation = "p99 + 10 %";
  scene.preview.plan.limits.set(Resource::memory,
                                {1 << 28, "estimate", LimitOrigin::automatic, {}});
  CHECK_THAT(scene.text(), Contains("estimate: p99 + 10 %"));
  scene.preview.plan.limits.erase(Resource::memory);
  scene.preview.plan.explanation = "none, as asked";
  CHECK_THAT(scene.text(), Contains("none (none, as asked)"));
}

TEST_CASE("render_plan: The settings are told") {
  Scene scene;
  CHECK_THAT(scene.text(), Contains("inherited") && Contains("the whole job is ended"));
  scene.order.settings.nice = 5;
  scene.order.settings.oom_score_adj = -100;
  scene.order.settings.oom_kills_job = false;
  scene.order.settings.warnings = {{10, 0.9, std::nullopt}, {12, std::nullopt, 300}};
  CHECK_THAT(scene.text(), Contains("SIGUSR1, at 90 % of the memory limit") &&
                               Contains("SIGUSR2, 5m00s before the wall limit") &&
                               Contains("-100") && Contains("one process"));
  const auto settings = scene.json().at("settings");
  CHECK(settings.at("nice") == 5);
  CHECK(settings.at("oom_score") == -100);
  CHECK(settings.at("oom_kill") == "process");
  CHECK(settings.at("warn_signals")[0].at("memory_share") == 0.9);
  CHECK(settings.at("warn_signals")[1].at("wall_seconds_before") == 300);
}

TEST_CASE("render_plan: Policy, configuration, aggregate cap and remarks are told") {
  Scene scene;
  scene.policy.file = "/etc/jobward/policy.toml";
  scene.config.files = {"/home/u/c.toml", "/p/.jobward.toml"};
  scene.preview.remarks = {"held to the cap"};
  scene.remarks = {"does not apply"};
  CHECK_THAT(scene.text(), Contains("/etc/jobward/policy.toml") &&
                               Contains("/home/u/c.toml, /p/.jobward.toml") &&
                               Contains("90 % of the memory for all jobs together (default)") &&
                               Contains("held to the cap") && Contains("does not apply"));
  const auto json = scene.json();
  CHECK(json.at("policy").at("file") == "/etc/jobward/policy.toml");
  CHECK(json.at("configuration").size() == 2);
  CHECK(json.at("remarks").size() == 2);
  CHECK(json.at("aggregate_cap").at("memory_share") == 0.9);
}

TEST_CASE("render_plan: The exit status tells whether it would start") {
  Scene scene;
  CHECK(dry_run_status(scene.view()) == 0);
  CHECK(!scene.json().contains("obstacle"));
  scene.gate = {launcher::Verdict::wait, "no room", 1, {}, {}};
  CHECK(dry_run_status(scene.view()) == 75);
  CHECK_THAT(scene.text(), Contains("not now") && Contains("no room"));
  scene.gate = {launcher::Verdict::refuse, "far too large", 0, {}, {}};
  CHECK(dry_run_status(scene.view()) == 77);
  CHECK(scene.json().at("obstacle") == "far too large");
  scene.preview.obstacle = "nobody would hold it";
  CHECK(dry_run_status(scene.view()) == 125);
  CHECK_THAT(scene.text(), Contains("no: nobody would hold it"));
  CHECK(scene.json().at("obstacle") == "nobody would hold it");
  scene.preview.plan.refusal = "above the cap";
  CHECK(dry_run_status(scene.view()) == 77);
  CHECK(scene.json().at("obstacle") == "above the cap");
}

TEST_CASE("render_plan: The JSON says that nothing was started, and claims no outcome") {
  for (const auto& json : {Scene().json(), Json(plan_json("no such preset"))}) {
    CHECK(json.at("schema_version") == 1);
    CHECK(json.at("dry_run") == true);
    CHECK(json.at("started") == false);
    CHECK(!json.contains("outcome"));
    CHECK(!json.contains("exit_code"));
  }
  CHECK(plan_json("no such preset").at("obstacle") == "no such preset");
}

TEST_CASE("render_plan: Hostile text drives no terminal") {
  Scene scene;
  scene.preview.request.argv = {"a\x1b[2J"};
  scene.preview.request.cwd = "/\x1b";
  scene.choice.reason = "\x1b";
  scene.config.files = {"\x1b"};
  scene.policy.warning = "\x1b";
  scene.remarks = {"\x1b"};
  scene.preview.obstacle = "\x1b";
  CHECK(scene.text().find('\x1b') == std::string::npos);
}

TEST_CASE("render_support: Every limit that can be asked for has a line, the gaps their reason") {
  const FakeBackend backend;
  const auto table = support_table(backend.support());
  CHECK(static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n')) ==
        host::kLimitable.size());
  CHECK_THAT(table, Catch::Matches("[^]*memory +kernel\n[^]*"));
  CHECK_THAT(table, Catch::Matches("[^]*write rate +none +v1 holds back[^]*"));
  const auto enforcement = cli::enforcement_json(backend.support());
  CHECK(enforcement.size() == host::kLimitable.size());
  CHECK(enforcement.at("io_write_rate") == "none");
  const auto gaps = gaps_json(backend.support());
  CHECK(gaps.size() == 2);
  CHECK(gaps.at("io_write_rate").at("why") == "v1 holds back no buffered writes");
}

TEST_CASE("render_support: A limit that the backend does not speak of is held by nobody") {
  CHECK(cli::enforcement_json(host::Support()).at("memory") == "none");
  CHECK_THAT(support_table({}), Contains("memory       none"));
}

TEST_CASE("render_support: The aggregate cap is told with its source") {
  CHECK(aggregate_words(std::nullopt) == "none");
  CHECK(aggregate_json(std::nullopt).empty());
  launcher::AggregateCap aggregate;
  aggregate.bytes = 48.0 * (1U << 30U);
  aggregate.source = "c.toml:2";
  CHECK(aggregate_words(aggregate) == "48.0 GiB for all jobs together (c.toml:2)");
  CHECK(aggregate_json(aggregate).at("memory_bytes") == 48LL << 30);
  CHECK(aggregate_json(aggregate).at("source") == "c.toml:2");
}

TEST_CASE("render_support: The policy's state is told") {
  CHECK(policy_words({}, "") == "none");
  CHECK(policy_json({}, "").empty());
  CHECK_THAT(policy_words({}, "broken"), Contains("nothing can be started: broken"));
  CHECK(policy_json({}, "broken").at("problem") == "broken");
  LoadedPolicy ignored;
  ignored.warning = "it is ignored";
  CHECK_THAT(policy_words(ignored, ""), Contains("none; it is ignored"));
}
