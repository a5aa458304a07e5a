#include "cli/watchdog_places.h"

#include <catch2/catch.hpp>
#include <string>

using namespace jobward::cli;

namespace {

const WatchdogPrograms kPrograms{"/usr/bin/jobward-watchdog", "/usr/bin/jobward"};
const std::string kBlock = *cron_block(kPrograms, Scope::user);

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("watchdog places: The system's unit is protected from OOM, and may write cgroups") {
  const auto text = *unit_text(kPrograms, Scope::system);
  for (const auto* line :
       {"\nType=notify\n", "\nWatchdogSec=30\n", "\nRestart=always\n", "\nOOMScoreAdjust=-1000\n",
        "\nExecStart=\"/usr/bin/jobward-watchdog\"\n", "\nProtectSystem=strict\n",
        "\nStateDirectoryMode=0700\n", "\nWantedBy=multi-user.target\n"})
    CHECK(has(text, line));
  CHECK(!has(text, "ProtectControlGroups"));
  CHECK(!has(text, "ProtectKernelTunables"));
  CHECK(is_ours(text));
}

TEST_CASE("watchdog places: A user's unit asks for nothing that a user cannot have") {
  const auto text = *unit_text(kPrograms, Scope::user);
  CHECK(!has(text, "OOMScoreAdjust"));
  CHECK(!has(text, "ProtectSystem"));
  CHECK(has(text, "\nWantedBy=default.target\n"));
}

TEST_CASE("watchdog places: Odd paths are quoted for who reads them, impossible ones refused") {
  const WatchdogPrograms odd{"/opt/a b/50%/$x/\"w\"", "/opt/a b/50%/$x/jobward"};
  CHECK(has(*unit_text(odd, Scope::system), "ExecStart=\"/opt/a b/50%%/$$x/\\\"w\\\"\"\n"));
  CHECK(has(*cron_block(odd, Scope::system),
            "* * * * * root '/opt/a b/50\\%/$x/jobward' watchdog once >/dev/null\n"));
  const WatchdogPrograms impossible{"/opt/a\nb", "/opt/a\nb"};
  CHECK(!unit_text(impossible, Scope::system));
  CHECK(!cron_block(impossible, Scope::user));
}

TEST_CASE("watchdog places: The entry comes and goes, all else stays byte for byte") {
  for (const std::string before :
       {"", "MAILTO=\"\"\n# m h\n\t5 4 * * * x %y\r\n", "# jobward-watchdog is fine\n"}) {
    const auto with = with_block(before, kBlock);
    REQUIRE(with);
    CHECK(*with == before + kBlock);
    CHECK(*with_block(*with, kBlock) == *with);
    CHECK(*without_block(*with) == before);
    CHECK(*without_block(before) == before);
    const std::string after = "9 9 * * * z\n";
    CHECK(*without_block(*with + after) == before + after);
    const auto other = *cron_block({"/opt/w", "/opt/j"}, Scope::user);
    CHECK(*with_block(*with + after, other) == before + other + after);
  }
  CHECK(*with_block("no line feed", kBlock) == "no line feed\n" + kBlock);
}

TEST_CASE("watchdog places: Half an entry is not touched") {
  const auto line = kBlock.find("* * *");
  CHECK(!with_block(kBlock.substr(0, line), kBlock));
  CHECK(!without_block(kBlock.substr(line)));
}

TEST_CASE("watchdog places: Others' files are not ours") {
  CHECK(!is_ours(""));
  CHECK(!is_ours("[Unit]\nDescription=jobward-watchdog\n"));
  CHECK(is_ours(kBlock));
}
