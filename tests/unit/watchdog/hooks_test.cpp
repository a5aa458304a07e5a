#include "watchdog/hooks.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <string>

#include "common/files.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

Hooks started(const Config& config) {
  auto hooks = Hooks::start(config);
  if (!hooks) FAIL(hooks.error().message());
  return std::move(*hooks);
}

std::string content(const std::string& path) { return read_file(path).value_or(""); }

// A hook that copies its standard input to a file, and then says that it is done.
std::string copier(const TemporaryDirectory& dir, const std::string& to) {
  return dir.write_executable("copy-" + to, "#!/bin/sh\ncat > " + dir.path(to) + ".part; mv " +
                                                dir.path(to) + ".part " + dir.path(to) + "\n");
}

}  // namespace

TEST_CASE("hooks: Each gets its own line on standard input, whole") {
  const TemporaryDirectory dir;
  Config config;
  config.hook_before.argv = {copier(dir, "before")};
  config.hook_after.argv = {copier(dir, "after")};
  config.hook_timeout_seconds = 10;
  auto hooks = started(config);
  const std::string large = "{\"x\":\"" + std::string(30000, 'y') + "\"}";
  CHECK(hooks.tell(HookMoment::before, "{\"a\":1}"));
  CHECK(hooks.tell(HookMoment::after, large));
  CHECK(eventually([&] { return content(dir.path("after")) == large + "\n"; }));
  CHECK(content(dir.path("before")) == "{\"a\":1}\n");
}

TEST_CASE("hooks: None configured, none told, and that is fine") {
  auto hooks = started({});
  CHECK(hooks.tell(HookMoment::before, "{}"));
  CHECK(hooks.tell(HookMoment::after, "{}"));
}

TEST_CASE("hooks: One that is missing or fails does not keep the next from running") {
  const TemporaryDirectory dir;
  Config config;
  config.hook_before.argv = {dir.path("absent")};
  config.hook_after.argv = {copier(dir, "after"), "--flag", "with blank"};
  config.hook_timeout_seconds = 10;
  auto hooks = started(config);
  CHECK(hooks.tell(HookMoment::before, "{}"));
  CHECK(hooks.tell(HookMoment::after, "{}"));
  CHECK(eventually([&] { return content(dir.path("after")) == "{}\n"; }));
}

TEST_CASE("hooks: One that hangs is ended with all that it started, and telling it never waits") {
  const TemporaryDirectory dir;
  Config config;
  config.hook_before.argv = {dir.write_executable(
      "hang", "#!/bin/sh\nsleep 1000 &\necho $! > " + dir.path("pid") + ".part; mv " +
                  dir.path("pid") + ".part " + dir.path("pid") + "\nwait\n")};
  config.hook_after.argv = {copier(dir, "after")};
  config.hook_timeout_seconds = 3;
  auto hooks = started(config);
  const auto begun = std::chrono::steady_clock::now();
  CHECK(hooks.tell(HookMoment::before, "{}"));
  CHECK(hooks.tell(HookMoment::after, "{}"));
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(2));
  CHECK(eventually([&] { return content(dir.path("after")) == "{}\n"; }));
  const int pid = std::stoi(content(dir.path("pid")));
  CHECK(eventually([&] {
    return content("/proc/" + std::to_string(pid) + "/stat").find(") Z ") != std::string::npos ||
           !std::filesystem::exists("/proc/" + std::to_string(pid));
  }));
}

TEST_CASE("hooks: A runner that is far behind loses messages, and says so, but blocks nobody") {
  const TemporaryDirectory dir;
  Config config;
  config.hook_before.argv = {dir.write_executable("slow", "#!/bin/sh\nexec sleep 2\n")};
  config.hook_timeout_seconds = 0.5;
  const std::string line(30000, 'x');
  bool lost = false;
  const auto begun = std::chrono::steady_clock::now();
  auto hooks = started(config);
  for (int i = 0; i < 1000; ++i)
    lost = lost || !hooks.tell(HookMoment::before, line);
  CHECK(lost);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
}

TEST_CASE("hooks: A hook has nothing open that is ours, and no signal held back") {
  const TemporaryDirectory dir;
  const auto to_file = [&](const std::string& name, const std::string& command) {
    return dir.write_executable(name + ".sh", "#!/bin/sh\n" + command + " > " + dir.path(name) +
                                                  ".part; mv " + dir.path(name) + ".part " +
                                                  dir.path(name) + "\n");
  };
  Config config;
  config.hook_before.argv = {to_file("fds", "ls -l /proc/self/fd")};
  config.hook_after.argv = {to_file("signals", "grep SigBlk: /proc/self/status")};
  config.hook_timeout_seconds = 10;
  auto hooks = started(config);
  CHECK(hooks.tell(HookMoment::before, "{}"));
  CHECK(hooks.tell(HookMoment::after, "{}"));
  CHECK(eventually([&] { return !content(dir.path("signals")).empty(); }));
  CHECK_THAT(content(dir.path("signals")), Catch::Contains("SigBlk:\t0000000000000000"));
  CHECK_THAT(content(dir.path("fds")), !Catch::Contains("socket:") && Catch::Contains("memfd:"));
}

TEST_CASE("hooks: What was told before the end is done, and in time") {
  const TemporaryDirectory dir;
  Config config;
  config.hook_before.argv = {dir.write_executable(
      "hang", "#!/bin/sh\necho $$ > " + dir.path("pid") + ".part; mv " + dir.path("pid") +
                  ".part " + dir.path("pid") + "\nexec sleep 60\n")};
  config.hook_after.argv = {copier(dir, "after")};
  config.hook_timeout_seconds = 3;
  const Child watchdog([&](const Child::Notify& notify) {
    auto hooks = started(config);
    notify(hooks.tell(HookMoment::before, "{}") && hooks.tell(HookMoment::after, "{}") ? 0 : 1);
    ::_exit(0);  // as --once does
  });
  CHECK(watchdog.reported() == 0);
  CHECK(eventually([&] { return content(dir.path("after")) == "{}\n"; }));
  const int hung = std::stoi(content(dir.path("pid")));
  CHECK(eventually([&] { return !std::filesystem::exists("/proc/" + std::to_string(hung)); }));
}
