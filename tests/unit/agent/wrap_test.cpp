#include "agent/hooks/wrap.h"

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/child_program.h"

using namespace jobward;
using namespace jobward::hooks;

namespace {

std::vector<std::string> hostile() {
  std::ifstream file(std::string(JOBWARD_SOURCE_DIR) + "/tests/cases/hostile_commands.json");
  return nlohmann::json::parse(file).get<std::vector<std::string>>();
}

}  // namespace

TEST_CASE("wrap: A hostile command comes through a shell byte for byte, as one word") {
  const auto commands = hostile();
  REQUIRE(commands.size() >= 60);
  for (const auto& command : commands)
    for (const char* shell : {"/bin/sh", "/bin/bash"}) {
      const auto end = cli::ask_program({shell, "-c", "printf '%s' " + quoted_word(command)}, "");
      REQUIRE(end);
      INFO(command);
      CHECK(end->output == command);
    }
}

TEST_CASE("wrap: The wrapped command hands the job exactly the command") {
  for (const auto& command : hostile()) {
    // In the place of jobward a program that shows its last argument.
    const auto text =
        wrapped(command, "sh -c 'shift $(($# - 1)); printf %s \"$1\"' jobward", {{"call", "c1"}});
    const auto end = cli::ask_program({"/bin/bash", "-c", text}, "");
    REQUIRE(end);
    INFO(command);
    CHECK(end->output == command);
  }
}

TEST_CASE("wrap: What it looks like") {
  CHECK(wrapped("make -j8", "jobward", {}) == "jobward run --no-wait -- bash -c 'make -j8'");
  CHECK(wrapped("a", "jobward", {{"agent", "codex"}, {"call", "c1"}, {"role", ""}}) ==
        "jobward run --no-wait --actor 'agent=codex,call=c1' -- bash -c 'a'");
  // What commas and blanks would take apart is an object of JSON.
  CHECK(wrapped("a", "jobward", {{"agent", "codex"}, {"transcript", "/a b,c.jsonl"}}) ==
        "jobward run --no-wait --actor '{\"agent\":\"codex\",\"transcript\":\"/a b,c.jsonl\"}' -- "
        "bash -c 'a'");
}
