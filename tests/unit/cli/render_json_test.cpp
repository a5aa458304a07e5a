#include "cli/render_json.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/text.h"
#include "tests/support/sample_run.h"

using namespace jobward;
using cli::dump;
using cli::to_json;
using Json = nlohmann::ordered_json;
using Strings = std::vector<std::string>;

namespace {

launcher::RunResult ended_run() {
  launcher::RunResult result;
  result.request = test::full_request("run0000000");
  result.at = {1000, 1001, 1005, 2000};
  result.ending = test::full_ending();
  result.started = true;
  result.recorded = true;
  return result;
}

launcher::RunResult refused_run() {
  launcher::RunResult result;
  result.request = test::plain_request("run0000000");
  result.ending.outcome = Outcome::not_admitted;
  result.ending.cause = "no room";
  result.ending.exit_code = 75;
  result.ending.exit_source = "jobward";
  return result;
}

Json parsed(const launcher::RunResult& result) { return Json::parse(dump(to_json(result), false)); }

// No member anywhere that says null: what is not known is left out.
void check_no_null(const Json& json, const std::string& path) {
  INFO(path);
  CHECK(!json.is_null());
  if (json.is_object())
    for (const auto& [key, value] : json.items())
      check_no_null(value, path + "." + key);
}

}  // namespace

TEST_CASE("render_json: A result has every member of the contract, on every path") {
  for (const auto& json : {parsed(ended_run()), parsed(refused_run())})
    for (const auto* key : {"schema_version", "run", "started", "outcome", "cause", "exit_code",
                            "exit_source", "actor", "project", "limits", "enforcement", "estimate",
                            "usage", "attempts", "findings", "recorded"}) {
      INFO(key);
      CHECK(json.contains(key));
    }
}

TEST_CASE("render_json: A run that ended says how, and who decided the exit status") {
  const auto json = parsed(ended_run());
  CHECK(json.at("schema_version") == 1);
  CHECK(json.at("run") == "run0000000");
  CHECK(json.at("started") == true);
  CHECK(json.at("outcome") == "memory_limit");
  CHECK(json.at("cause") == "the job reached its memory limit of 256 MiB");
  CHECK(json.at("exit_code") == 137);
  CHECK(json.at("exit_source") == "jobward");
  CHECK(json.at("signal") == 9);
  CHECK(json.at("recorded") == true);
  CHECK(json.at("project") == "/home/u/p");
  CHECK(json.at("command") == Strings{"python3", "train.py", "--epochs", "3"});
}

TEST_CASE("render_json: Limits and the estimate have their units in their names") {
  const auto json = parsed(ended_run());
  CHECK(json.at("limits").at("memory_bytes").dump() == "268435456");
  CHECK(json.at("limits").at("wall_seconds") == 7200);
  CHECK(json.at("enforcement").at("memory") == "kernel");
  CHECK(json.at("enforcement").at("wall") == "polled");
  const auto& estimate = json.at("estimate");
  CHECK(estimate.at("memory_bytes").at("p99") == 130 << 20);
  CHECK(estimate.at("wall_seconds").at("p50") == 1.5);
  CHECK(estimate.at("runs") == 7);
  CHECK(estimate.at("censored_runs") == 2);
  CHECK(estimate.at("level") == "masked");
  CHECK(estimate.at("reason") == "5 runs of this command");
  CHECK(!estimate.contains("cpu_time_seconds"));
}

TEST_CASE("render_json: A lean size says what it counts with, if that is learned") {
  Estimate estimate;
  estimate.sizing = MemorySizing{Objective::lean, 0.99, {1e9}, {0.25, 8}};
  const auto learned = cli::to_json(estimate).at("memory_sizing");
  CHECK(learned.at("failure_share") == 0.25);
  CHECK(learned.at("failure_curves") == 8);
  estimate.sizing->failure = {0.25, 0};
  const auto assumed = cli::to_json(estimate).at("memory_sizing");
  CHECK(!assumed.contains("failure_share"));
  CHECK(!assumed.contains("failure_curves"));
}

TEST_CASE("render_json: Every resource has its own name, with the unit in it") {
  std::set<std::string> names;
  for (const auto& entry : kResources)
    names.insert(cli::unit_name(entry.resource));
  CHECK(names.size() == kResources.size());
  for (const auto* name :
       {"memory_bytes", "swap_bytes", "wall_seconds", "cpu_time_seconds", "stall_seconds",
        "cpus_count", "cpu_weight", "processes_count", "open_files_count",
        "io_read_rate_bytes_per_second", "io_write_rate_bytes_per_second"}) {
    INFO(name);
    CHECK(names.count(name) == 1);
  }
}

TEST_CASE("render_json: What a number cannot say of a limit is text") {
  Limits limits;
  limits.set(Resource::cpuset, {5, "--cpuset", LimitOrigin::asked, "0-3,8"});
  limits.set(Resource::io_read_rate, {1 << 20, "--io-read", LimitOrigin::asked, "/data"});
  limits.set(Resource::io_write_rate, {1 << 20, "c.toml:3", LimitOrigin::asked, {}});
  limits.set(Resource::cpu_weight, {50, "--cpu-weight", LimitOrigin::asked, {}});
  limits.set(Resource::cpus, {1.5, "--cpus", LimitOrigin::asked, {}});
  limits.set(Resource::swap, {0, "default", LimitOrigin::automatic, {}});
  const auto json = cli::limits_json(limits);
  CHECK(json.at("cpuset") == "0-3,8");
  CHECK(!json.contains("cpuset_count"));
  CHECK(json.at("io_read_rate_bytes_per_second").dump() == "1048576");
  CHECK(json.at("io_read_device") == "/data");
  CHECK(!json.contains("io_write_device"));
  CHECK(json.at("cpu_weight") == 50);
  CHECK(json.at("cpus_count") == 1.5);
  CHECK(json.at("swap_bytes").dump() == "0");
  CHECK(json.at("sources").at("io_write_rate") == "c.toml:3");
  CHECK(json.at("sources").at("cpuset") == "--cpuset");
}

TEST_CASE("render_json: Usage has what was measured, with its basis, and nothing else") {
  const auto usage = parsed(ended_run()).at("usage");
  CHECK(usage.at("memory_peak_bytes").dump() == "268435456");
  CHECK(usage.at("memory_need_bytes") == 255 << 20);
  CHECK(usage.at("need_basis") == "sampled");
  CHECK(usage.at("wall_seconds") == 0.1);
  CHECK(usage.size() == 4);
}

TEST_CASE("render_json: Every metric has its own name from the contract") {
  auto result = ended_run();
  for (const auto& entry : kMetrics)
    result.ending.usage.set(entry.metric, 1);
  const auto usage = parsed(result).at("usage");
  for (const auto* name :
       {"memory_peak_bytes", "memory_need_bytes", "memory_anon_peak_bytes", "wall_seconds",
        "cpu_user_seconds", "cpu_system_seconds", "io_read_bytes", "io_write_bytes",
        "disk_growth_bytes", "processes_peak"}) {
    INFO(name);
    CHECK(usage.contains(name));
  }
}

TEST_CASE("render_json: What was not measured is absent, never 0 and never null") {
  const auto json = parsed(refused_run());
  CHECK(json.at("usage").empty());
  CHECK(!json.contains("signal"));
  CHECK(!json.contains("memory_curve_seconds_bytes"));
  CHECK(!json.contains("parent_run"));
  CHECK(json.at("started") == false);
  CHECK(json.at("recorded") == false);
  CHECK(json.at("enforcement").at("memory") == "none");
  check_no_null(json, "result");
  check_no_null(parsed(ended_run()), "result");
}

TEST_CASE("render_json: A measured 0 is there") {
  auto result = ended_run();
  result.ending.usage.set(Metric::io_read, 0);
  result.ending.exit_code = 0;
  const auto json = parsed(result);
  CHECK(json.at("usage").at("io_read_bytes").dump() == "0");
  CHECK(json.at("exit_code").dump() == "0");
}

TEST_CASE("render_json: What the caller claims is told from what is verified") {
  const auto actor = parsed(ended_run()).at("actor");
  CHECK(actor.at("uid").at("value") == 1000);
  CHECK(actor.at("uid").at("trust") == "verified");
  CHECK(actor.at("claims").at("agent").at("value") == "claude");
  CHECK(actor.at("claims").at("agent").at("trust") == "claimed");
}

TEST_CASE("render_json: Attempts, digests and timestamps are told") {
  const auto json = parsed(ended_run());
  REQUIRE(json.at("attempts").size() == 2);
  CHECK(json.at("attempts")[0].at("outcome") == "memory_limit");
  CHECK(json.at("attempts")[0].at("limits").at("memory_bytes") == 128 << 20);
  CHECK_FALSE(json.at("attempts")[0].at("limits").contains("wall_seconds"));
  CHECK(json.at("attempts")[1].at("attempt") == 2);
  CHECK(json.at("attempts")[1].at("memory_peak_bytes") == 256 << 20);
  CHECK(json.at("digests").size() == 3);
  CHECK(json.at("digests")[0].at("sha256") == "00ff");
  CHECK(!json.at("digests")[1].contains("sha256"));
  CHECK(json.at("timestamps_ms").at("created") == 1000);
  CHECK(json.at("timestamps_ms").at("ended") == 2000);
  CHECK(parsed(refused_run()).at("timestamps_ms").is_object());
  CHECK(json.at("memory_curve_seconds_bytes").dump() == "[[0.0,1024],[0.5,4096]]");
}

TEST_CASE("render_json: A record tells the same as the result did") {
  const auto result = ended_run();
  profiles::RunRecord record;
  record.request = result.request;
  record.at = result.at;
  record.state = profiles::RunState::ended;
  record.ending = result.ending;
  const auto from_record = to_json(record, false);
  const auto from_result = to_json(result);
  for (const auto& [key, value] : from_result.items()) {
    if (key == "problems") continue;
    INFO(key);
    REQUIRE(from_record.contains(key));
    CHECK(from_record.at(key) == value);
  }
}

TEST_CASE("render_json: A record without an ending claims none") {
  profiles::RunRecord record;
  record.request = test::plain_request("run0000000");
  for (const bool alive : {true, false}) {
    const auto json = to_json(record, alive);
    CHECK(!json.contains("outcome"));
    CHECK(!json.contains("exit_code"));
    CHECK(!json.contains("usage"));
    CHECK(json.at("state") == (alive ? "running" : "supervisor_gone"));
    check_no_null(json, "record");
  }
}

TEST_CASE("render_json: Bytes that are no UTF-8 are replaced, and the text stays valid JSON") {
  auto result = ended_run();
  result.request.argv = {"a\xff\xfe", "ok"};
  result.request.cwd = "/\x80";
  result.request.actor.claims = {{"k\xff", "v\xff"}};
  result.ending.cause = "\xc3";
  const auto text = dump(to_json(result), false);
  CHECK(is_utf8(text));
  const auto json = Json::parse(text);
  CHECK(json.at("command")[0] == "a\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(json.at("command")[1] == "ok");
}

TEST_CASE("render_json: No control character reaches a terminal, and none is lost") {
  auto result = ended_run();
  std::string hostile = "\x1b[2J\x07\x7f\n\r";
  for (int code = 0x80; code <= 0x9f; ++code)
    hostile += "\xc2" + std::string(1, static_cast<char>(code));
  hostile += "\xc2\xa0\xc3\x9f\xe2\x82\xac";
  result.request.argv = {hostile};
  for (const bool indented : {false, true}) {
    const auto text = dump(to_json(result), indented);
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte < 0x20) REQUIRE(byte == '\n');
      REQUIRE(byte != 0x7f);
      if (byte == 0xc2) REQUIRE(static_cast<unsigned char>(text[i + 1]) >= 0xa0);
    }
    CHECK(Json::parse(text).at("command")[0] == hostile);
  }
}

TEST_CASE("render_json: Not indented it is one line, always with an end") {
  const auto line = dump(to_json(ended_run()), false);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  CHECK(line.back() == '\n');
  CHECK(dump(to_json(ended_run()), true).back() == '\n');
}

TEST_CASE("render_json: The watchdog's mark is given with its units, what is not known is absent") {
  auto run = ended_run();
  CHECK(parsed(run)["watchdog"] == Json({{"time_ms", 1500},
                                         {"level", "kill"},
                                         {"available_bytes", 312 << 20},
                                         {"threshold_bytes", 400 << 20},
                                         {"size_bytes", 240 << 20}}));
  run.ending.watchdog = KillMark{7, KillLevel::term, {}, {}, {}};
  CHECK(parsed(run)["watchdog"] == Json({{"time_ms", 7}, {"level", "term"}}));
  run.ending.watchdog.reset();
  CHECK(!parsed(run).contains("watchdog"));
}
