#include "watchdog/protection.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <string>

#include "tests/support/temporary_directory.h"
#include "tests/unit/watchdog/text.h"

using namespace jobward;
using namespace jobward::watchdog;
using Catch::Contains;

namespace {

bool naive_match(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return naive_match(pattern.substr(1), text) ||
           (!text.empty() && naive_match(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         naive_match(pattern.substr(1), text.substr(1));
}

// Does a shipped rule protect an executable run by this user?
bool ships(const std::string& exe, uid_t uid, bool root_only = false) {
  const auto rules = default_protection(root_only);
  return std::any_of(rules.begin(), rules.end(), [&](const ProtectRule& rule) {
    return glob_matches(rule.exe, exe) && (!rule.uid || *rule.uid == uid);
  });
}

}  // namespace

TEST_CASE("watchdog glob: Stars match any text, also slashes, a question mark one character") {
  CHECK(glob_matches("", ""));
  CHECK_FALSE(glob_matches("", "a"));
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("**", "/a/b"));
  CHECK(glob_matches("/home/*/x", "/home/a/b/c/x"));
  CHECK_FALSE(glob_matches("/home/*/x", "/home/x"));
  CHECK(glob_matches("/a?c", "/abc"));
  CHECK_FALSE(glob_matches("/a?c", "/ac"));
  CHECK_FALSE(glob_matches("/usr/bin/tmux", "/usr/bin/tmux2"));
  CHECK_FALSE(glob_matches("/usr/bin/tmux", "/home/x/usr/bin/tmux"));
  CHECK(glob_matches("*ab*ab", "ababab"));
  CHECK_FALSE(glob_matches("[a]", "a"));
}

TEST_CASE("watchdog glob: It agrees with a naive matcher") {
  std::mt19937 random(7);  // NOLINT: the same cases every time
  const auto make = [&](std::string_view letters, std::size_t longest) {
    std::string text(random() % (longest + 1), ' ');
    for (char& c : text)
      c = letters[random() % letters.size()];
    return text;
  };
  int matched = 0;
  for (int i = 0; i < 200000; ++i) {
    const auto pattern = make("ab/*?", 7);
    const auto text = make("ab/", 8);
    const bool expected = naive_match(pattern, text);
    matched += expected ? 1 : 0;
    if (glob_matches(pattern, text) != expected)
      FAIL("\"" << pattern << "\" on \"" << text << "\"");
  }
  CHECK(matched > 10000);
}

TEST_CASE("watchdog glob: A hostile pattern takes no exponential time") {
  std::string pattern;
  for (int i = 0; i < 200; ++i)
    pattern += "*a";
  CHECK_FALSE(glob_matches(pattern + "*b*c", std::string(4000, 'a') + "c"));
}

TEST_CASE("watchdog glob: An executable that was replaced while it ran is still the same") {
  CHECK(exe_matches("/usr/*bin/tmux", "/usr/bin/tmux"));
  CHECK(exe_matches("/usr/*bin/tmux", "/usr/bin/tmux (deleted)"));
  CHECK_FALSE(exe_matches("/usr/*bin/tmux", "/usr/bin/tmux(deleted)"));
  CHECK_FALSE(exe_matches("/usr/*bin/tmux", "/tmp/tmux (deleted)"));
  CHECK(exe_matches("/opt/* (deleted)", "/opt/x (deleted)"));
}

TEST_CASE("watchdog protect: A rule's fields are read, quotes keep blanks") {
  const auto rule = parse_protect_rule("exe:/opt/* user:alice cgroup:/a.slice/*", two_users);
  REQUIRE(rule);
  CHECK(rule->exe == "/opt/*");
  CHECK(rule->uid == uid_t{1000});
  CHECK(rule->cgroup == "/a.slice/*");
  CHECK(rule->text == "exe:/opt/* user:alice cgroup:/a.slice/*");
  const auto named = parse_protect_rule("name:\"tmux: server\" user:1001", two_users);
  REQUIRE(named);
  CHECK(named->name == "tmux: server");
  CHECK(named->uid == uid_t{1001});
}

TEST_CASE("watchdog protect: A name without a user is refused, with the reason") {
  CHECK_THAT(refusal("protect = name:claude"),
             Contains("w.conf:1: protect: ") && Contains("any process can take any name"));
  CHECK_THAT(refusal("protect = name:claude exe:/opt/*"), Contains("user:"));
}

TEST_CASE("watchdog protect: A rule for everything is refused") {
  for (const auto* rule :
       {"exe:*", "exe:/*", "exe:**", "cgroup:*", "cgroup:/", "exe:* cgroup:/*"}) {
    INFO(rule);
    CHECK_THAT(refusal(std::string("protect = ") + rule), Contains("protects every process"));
  }
  CHECK(parsed("protect = exe:* user:alice").protect.size() > 1);
  CHECK(parsed("protect = exe:*/claude").protect.size() > 1);
}

TEST_CASE("watchdog protect: What can never match is refused") {
  CHECK_THAT(refusal("protect = exe:tmux"), Contains("never match"));
  CHECK_THAT(refusal("protect = cgroup:user.slice"), Contains("never match"));
  CHECK_THAT(refusal("protect = name:longer-than-15-bytes user:0"), Contains("15 bytes"));
  CHECK_THAT(refusal("protect = user:bob"), Contains("find user \"bob\""));
  CHECK_THAT(refusal("protect = user:4294967295"), Contains("larger than any uid"));
  CHECK_THAT(refusal("protect = user:99999999999"), Contains("larger than any uid"));
  CHECK_THAT(refusal("protect = user:-1"), Contains("find user"));
}

TEST_CASE("watchdog protect: Malformed rules are refused") {
  CHECK_THAT(refusal("protect ="), Contains("empty rule"));
  CHECK_THAT(refusal("protect = /usr/bin/tmux"), Contains("expected exe:GLOB"));
  CHECK_THAT(refusal("protect = path:/x"), Contains("expected exe:GLOB"));
  CHECK_THAT(refusal("protect = exe:"), Contains("nothing follows"));
  CHECK_THAT(refusal("protect = exe:/a exe:/b"), Contains("a second exe:"));
  CHECK_THAT(refusal("protect = user:1 user:2 exe:/a"), Contains("a second user:"));
  CHECK_THAT(refusal("protect = exe:\"/a"), Contains("not closed"));
}

TEST_CASE("watchdog protect: The same rule twice is refused, with both lines") {
  CHECK_THAT(refusal("protect = exe:/a user:root\n# x\nprotect = user:0   exe:\"/a\""),
             Contains("w.conf:3: protect: ") && Contains("line 1 says the same"));
  CHECK(parsed("protect = exe:/a\nprotect = exe:/a user:0\nprotect = exe:/*a").protect.size() > 3);
}

TEST_CASE("watchdog protect: The owner's rules come before the shipped ones") {
  const auto config = parsed("protect = exe:/opt/mine");
  CHECK(config.protect.front().exe == "/opt/mine");
  CHECK(config.protect.back().text.starts_with(kShipped));
}

TEST_CASE("watchdog protect: Every shipped rule is one that the configuration could hold") {
  for (const auto& rule : default_protection()) {
    const auto text = format_protect_rule(rule);
    const auto again = parse_protect_rule(text, two_users);
    INFO(text);
    REQUIRE(again);
    CHECK(same_rule(rule, *again));
    CHECK(rule.name.empty());
    CHECK(rule.text == std::string(kShipped) + text);
  }
}

TEST_CASE("watchdog protect: Session leaders and agents are shipped") {
  for (const auto* exe :
       {"/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/libexec/openssh/sshd-session",
        "/usr/lib/systemd/systemd", "/usr/bin/dbus-daemon", "/usr/lib/xorg/Xorg",
        "/usr/libexec/Xorg", "/usr/bin/kwin_wayland", "/usr/bin/gnome-shell", "/usr/bin/tmux",
        "/usr/local/bin/tmux", "/usr/bin/screen", "/usr/local/bin/jobward"})
    CHECK(ships(exe, 1000));
  for (const auto* exe :
       {"/usr/sbin/cron", "/usr/sbin/agetty", "/sbin/agetty", "/bin/login", "/usr/bin/dockerd",
        "/usr/bin/containerd-shim-runc-v2", "/usr/lib/systemd/systemd-journald"})
    CHECK(ships(exe, 0, true));
  for (const auto* exe :
       {"/home/u/.local/share/claude/versions/2.1.32",
        "/home/u/.local/share/cursor-agent/versions/2026.07.20-8cc9c0b/node",
        "/home/u/.codex/packages/standalone/releases/0.4.0-x86_64-unknown-linux-musl/bin/codex",
        "/root/.opencode/bin/opencode",
        "/home/u/.nvm/versions/node/v24/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe",
        "/usr/local/lib/node_modules/@openai/codex/node_modules/@openai/codex-linux-x64/vendor/"
        "x86_64-unknown-linux-musl/bin/codex",
        "/usr/lib/node_modules/@github/copilot/node_modules/@github/copilot-linux-x64/copilot",
        "/root/.npm-global/lib/node_modules/opencode-ai/node_modules/opencode-linux-x64/bin/"
        "opencode",
        "/usr/bin/codex"})
    CHECK(ships(exe, 1000));
}

TEST_CASE("watchdog protect: A look-alike gains nothing") {
  for (const auto* exe : {"/home/u/claude", "/tmp/sshd", "/home/u/bin/tmux", "/usr/bin/node",
                          "/usr/bin/python3.11", "/bin/bash", "/tmp/usr/bin/tmux", "/opt/x/sshd",
                          "/var/tmp/.local/share/claude/versions/1", "/home/u/sshd-session"})
    CHECK_FALSE(ships(exe, 1000));
  CHECK_FALSE(ships("/usr/sbin/cron", 1000));
  CHECK_FALSE(ships("/usr/bin/dockerd", 1000));
  CHECK_FALSE(ships("/usr/bin/tmux", 0, true));
}

TEST_CASE("watchdog passwd: Users are found, hostile lines are not") {
  const test::TemporaryDirectory dir;
  const auto path = dir.path() + "/passwd";
  std::ofstream(path) << "root:x:0:0:root:/root:/bin/sh\n"
                         "\n:x:7:7:::\nshort:x:5\nnan:x:12a:1:::\nneg:x:-1:1:::\n"
                         "big:x:99999999999:1:::\nminus:x:4294967295:1:::\n+::::::\n#c:x:9:9:::\n"
                         "long:x:8:8:a:b:c:d\nempty:x::1:::\n"
                         "twice:x:21:1:::\ntwice:x:22:1:::\nfixed:x:1x:1:::\nfixed:x:30:1:::\n"
                         "last:x:40:1:::";
  const auto users = passwd_lookup(path);
  CHECK(users("root") == uid_t{0});
  CHECK(users("twice") == uid_t{21});
  CHECK(users("fixed") == uid_t{30});
  CHECK(users("last") == uid_t{40});
  for (const auto* name :
       {"", "short", "nan", "neg", "big", "minus", "+", "long", "empty", "c", "nobody", "roo"}) {
    INFO(name);
    CHECK_FALSE(users(name));
  }
  CHECK_FALSE(passwd_lookup(dir.path() + "/absent")("root"));
}

TEST_CASE("watchdog passwd: A number is a uid, whatever the users are called") {
  const auto rule = parse_protect_rule("user:1234", [](std::string_view) { return uid_t{5}; });
  REQUIRE(rule);
  CHECK(rule->uid == uid_t{1234});
}
