#include "agent/hooks/weigh.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/fake_file_probe.h"

using namespace jobward;
using namespace jobward::hooks;

namespace {

Weight weighed(const std::string& command, const HeavyPatterns& patterns = {}) {
  const test::FakeFileProbe files;
  return weigh(command, "/w", patterns, files);
}
bool is_heavy(const std::string& command) { return weighed(command).heavy; }

// A share of one kind of the corpus, and those that are on the wrong side.
struct Score {
  int all = 0;
  int heavy = 0;
  std::string wrong;
};

}  // namespace

TEST_CASE("weigh: The corpus: 95 % of the heavy are found and at most 2 % of the light are taken") {
  std::ifstream file(std::string(JOBWARD_SOURCE_DIR) + "/tests/cases/shell_commands.jsonl");
  REQUIRE(file);
  Score heavy;
  Score light;
  for (std::string line; std::getline(file, line);) {
    const auto entry = nlohmann::json::parse(line);
    const auto command = entry["command"].get<std::string>();
    if (entry["label"] == "either") continue;
    auto& score = entry["label"] == "heavy" ? heavy : light;
    ++score.all;
    const bool found = is_heavy(command);
    if (found) ++score.heavy;
    if (found != (entry["label"] == "heavy")) score.wrong += command + "\n";
  }
  REQUIRE(heavy.all + light.all >= 300);
  INFO("not found:\n" << heavy.wrong << "\ntaken:\n" << light.wrong);
  CHECK(heavy.heavy >= heavy.all * 0.95);
  CHECK(light.heavy <= light.all * 0.02);
}

TEST_CASE("weigh: A heavy command is found behind wrappers, lists and shells") {
  for (const char* command :
       {"make -j8", "nice -n 5 make", "env A=1 timeout 60 make", "sudo -u x make",
        "bash -lc 'cd x && make'", "a; b && make | tail", "x=$(make 2>&1)", "xargs -P4 make",
        "bash <<'E'\nmake\nE", "f() { make; }; f", "find . -exec make {} \\;", "env -S 'make -j8'",
        "uv run -m pytest", "hatch run all", "sudo -E env A=1 nice make"})
    CHECK(is_heavy(command));
}

TEST_CASE("weigh: One that is only mentioned is not") {
  for (const char* command :
       {"echo make", "git commit -m 'make -j8'", "grep -rn 'make' .", "# make", "cat Makefile",
        "f() { make; }", "alias m=make", "make -n", "make clean", "make --version", "ssh h make",
        "cat <<E\nmake\nE", "man make", "trap 'make clean' EXIT"})
    CHECK_FALSE(is_heavy(command));
}

TEST_CASE("weigh: Files decide where their size is known") {
  test::FakeFileProbe files;
  files.add_sized_file("/w/small.csv", 1000);
  files.add_sized_file("/w/large.txt", 1U << 30U);
  CHECK_FALSE(weigh("sort small.csv", "/w", {}, files).heavy);
  CHECK(weigh("sort large.txt", "/w", {}, files).heavy);
  CHECK(weigh("gzip large.txt", "/w", {}, files).heavy);
}

TEST_CASE("weigh: The configuration's patterns count first, what is light before what is heavy") {
  const HeavyPatterns patterns{{"./analyze *", "make *"}, {"make quick*"}};
  CHECK(weighed("./analyze x", patterns).heavy);
  CHECK(weighed("./analyze x", patterns).by_configuration);
  CHECK_FALSE(weighed("make quick-check", patterns).heavy);
  CHECK(weighed("/usr/bin/make all", patterns).by_configuration);
}

TEST_CASE("weigh: What changes the calling shell is named") {
  CHECK(weighed("cd build && make").changes_shell == "cd");
  CHECK(weighed("export A=1; make").changes_shell == "export");
  CHECK(weighed("A=1\nmake").changes_shell == "A=…");
  CHECK(weighed("(cd build && make)").changes_shell.empty());
  CHECK(weighed("A=1 make").changes_shell.empty());
  CHECK(weighed("bash -c 'cd build && make'").changes_shell.empty());
}

TEST_CASE("weigh: What is under Jobward already is left alone") {
  CHECK(weighed("jobward run -- make").wrapped);
  CHECK_FALSE(weighed("jobward run -- make").heavy);
  CHECK_FALSE(weighed("jobward run -- make; make").wrapped);
  CHECK(weighed("jobward run -- make; make").heavy);
}

TEST_CASE("weigh: Going round it is found, also behind other commands") {
  CHECK_FALSE(weighed("jobward run --no-limit -- make").goes_round.empty());
  CHECK_FALSE(weighed("cd x && bash -c 'jobward run --no-limit -- make'").goes_round.empty());
  CHECK_FALSE(weighed("jobward run -- jobward run --no-limit -- make").goes_round.empty());
  CHECK_FALSE(weighed("/usr/bin/jobward approve abc").goes_round.empty());
  CHECK_FALSE(weighed("jobward uninstall claude-code").goes_round.empty());
  CHECK(weighed("jobward run --no-limit --require-review r1 -- make").goes_round.empty());
  CHECK(weighed("jobward run -- tool --no-limit").goes_round.empty());
}

TEST_CASE("weigh: An option of the program behind env is not env's") {
  CHECK_FALSE(weighed("env A=1 bash -c 'jobward approve x' -S y").goes_round.empty());
}

TEST_CASE("weigh: A heavy one in the background is told") {
  CHECK(weighed("nohup python train.py > log 2>&1 &").in_background);
  for (const char* command : {"make | tee log &", "make && echo done &", "(make) &", "{ make; } &",
                              "for x in 1; do make; done &", "if a; then make; fi > log &"})
    CHECK(weighed(command).in_background);
  for (const char* command : {"python train.py > log 2>&1", "sleep 5 & make", "a &\nmake",
                              "make\nsleep 5 &", "(make)\nsleep 5 &"})
    CHECK_FALSE(weighed(command).in_background);
}

TEST_CASE("weigh: One that another program goes on with, too") {
  for (const char* command :
       {"tmux new-session -d -s b 'make -j8'", "tmux send-keys -t b 'make -j8' Enter",
        "screen -dmS b make", "setsid -f make", "setsid -fw make", "systemd-run --user make",
        "setsid -f bash -c 'make'", "nohup bash -c 'make' > log &", "screen -dmS b bash -c 'make'",
        "tmux send-keys -t b C-c 'cd x' Enter 'make' Enter",
        "tmux new -d -s b \\; send-keys -t b 'make -j8' Enter", "tmux split-window -p 30 'make'",
        "screen -S b -X stuff 'make\n'", "setsid -f bash <<'E'\nmake\nE"}) {
    INFO(command);
    CHECK(weighed(command).heavy);
    CHECK(weighed(command).in_background);
  }
  for (const char* command :
       {"setsid make", "setsid make -f Makefile", "systemd-run --user --scope make"}) {
    INFO(command);
    CHECK(weighed(command).heavy);
    CHECK_FALSE(weighed(command).in_background);
  }
  CHECK_FALSE(weighed("tmux send-keys -t b 'ls' Enter").heavy);
}

TEST_CASE("weigh: By the verb, and by the option") {
  for (const char* command :
       {"dune build @all", "lake build", "ghc --make Main.hs", "node --test", "cargo watch -x test",
        "python3 -mpytest -q", "find / -name core", "du -sh /*", "nix flake check",
        "find / -type f -exec grep -l x {} +", "env LC_ALL=C sort -S 8G big",
        "env --split-string='make -j' x", "python3.11 -um pytest", "python3 -W ignore -Bm unittest",
        "node --import tsx --test a.ts", "du -h -d 1 /"}) {
    INFO(command);
    CHECK(is_heavy(command));
  }
  for (const char* command :
       {"dune clean", "ghc --version", "node --check a.js", "python3 -mjson.tool",
        "find . -name core", "nix flake show", "nix flake metadata",
        "python3 -c 'import m' -mpytest", "node a.js --test", "grep -F '/*' a.c", "python3 -m",
        "find / -maxdepth 1"}) {
    INFO(command);
    CHECK_FALSE(is_heavy(command));
  }
}

TEST_CASE("weigh: What only looks a program up, or asks it, is light, what mentions that is not") {
  for (const char* command : {"command -v make", "command -V pytest && echo yes",
                              "cargo help build", "./gradlew clean", "mvn --version"})
    CHECK_FALSE(is_heavy(command));
  for (const char* command : {"./gradlew clean build", "pytest -k help", "make V=1 all help",
                              "mvn -q -DskipTests package", "uvx pytest"})
    CHECK(is_heavy(command));
}

TEST_CASE("weigh: A here-document within a substitution hides nothing and adds nothing") {
  CHECK(is_heavy("git commit -m \"$(cat <<'EOF'\nfix: don't\nEOF\n)\" && npm test"));
  CHECK_FALSE(is_heavy("git commit -m \"$(cat <<'EOF'\n1) run make\n(make\nEOF\n)\""));
}

TEST_CASE("weigh: A long text costs time in proportion") {
  std::string text;
  for (int i = 0; i < 20000; ++i)
    text += "f" + std::to_string(i) + "(){ :; };";
  CHECK_FALSE(is_heavy(text));
  CHECK_FALSE(is_heavy(std::string(5'000'000, 'a')));
}

TEST_CASE("weigh: Globs") {
  CHECK(matches_glob("make all", "make *"));
  CHECK(matches_glob("abc", "a?c"));
  CHECK(matches_glob("", "*"));
  CHECK_FALSE(matches_glob("make", "make *"));
  CHECK_FALSE(matches_glob("abcd", "a?c"));
}
