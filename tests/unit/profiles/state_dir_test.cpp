#include "profiles/state_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <string>

#include "tests/support/temporary_directory.h"

using namespace jobward::profiles;
using jobward::test::TemporaryDirectory;

namespace {

StateDirectory chosen(unsigned uid, const std::map<std::string, std::string>& variables) {
  return choose_state_directory(uid, [&](const char* name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  });
}

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 07777U;
}

}  // namespace

TEST_CASE("state_dir: JOBWARD_STATE_DIR goes before everything") {
  const auto path = "/tmp/some/where";
  CHECK(chosen(0, {{"JOBWARD_STATE_DIR", path}}).path == path);
  CHECK(
      chosen(1000, {{"JOBWARD_STATE_DIR", path}, {"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}).path ==
      path);
}

TEST_CASE("state_dir: Root's records are in /var/lib, whatever root's environment says") {
  const auto directory = chosen(0, {{"HOME", "/root"}, {"XDG_STATE_HOME", "/x"}});
  CHECK(directory.path == "/var/lib/jobward");
  CHECK(directory.note.empty());
}

TEST_CASE("state_dir: A user's records are in XDG_STATE_HOME, else below the home") {
  CHECK(chosen(1000, {{"HOME", "/h"}, {"XDG_STATE_HOME", "/x"}}).path == "/x/jobward");
  const auto home = chosen(1000, {{"HOME", "/h"}});
  CHECK(home.path == "/h/.local/state/jobward");
  CHECK(home.note.empty());
}

TEST_CASE("state_dir: Without a home the records are in /var/tmp, and a note says so") {
  const auto directory = chosen(1234, {});
  CHECK(directory.path == "/var/tmp/jobward-1234");
  CHECK_THAT(directory.note, Catch::Contains("/var/tmp/jobward-1234"));
}

TEST_CASE("state_dir: Choosing creates nothing") {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/state";
  CHECK(chosen(1000, {{"XDG_STATE_HOME", path}}).path == path + "/jobward");
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE("state_dir: What is missing is made for its owner alone") {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/a/b/jobward";
  const auto mask = ::umask(0);
  const auto prepared = prepare_state_directory(path, ::geteuid());
  ::umask(mask);
  REQUIRE(prepared);
  CHECK(mode_of(path) == 0700U);
  CHECK(mode_of(directory.path() + "/a") == 0700U);
  CHECK(prepare_state_directory(path, ::geteuid()).has_value());
}

TEST_CASE(
    "state_dir: A directory that others can write is refused, and the error says what to do") {
  for (const mode_t mode : {0777U, 0770U, 0702U, 01777U}) {
    const TemporaryDirectory directory;
    REQUIRE(::chmod(directory.path().c_str(), mode) == 0);
    const auto prepared = prepare_state_directory(directory.path(), ::geteuid());
    REQUIRE(!prepared);
    CHECK_THAT(prepared.error().message(), Catch::Contains("chmod 700 " + directory.path()));
    CHECK(mode_of(directory.path()) == mode);
  }
}

TEST_CASE("state_dir: A directory that others can only read is taken") {
  const TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK(prepare_state_directory(directory.path(), ::geteuid()).has_value());
}

TEST_CASE("state_dir: Somebody else's directory is refused, and the error names the owner") {
  const TemporaryDirectory directory;
  const auto prepared = prepare_state_directory(directory.path(), ::geteuid() + 1);
  REQUIRE(!prepared);
  CHECK_THAT(prepared.error().message(), Catch::Contains("uid " + std::to_string(::geteuid())) &&
                                             Catch::Contains("JOBWARD_STATE_DIR"));
}

TEST_CASE("state_dir: A file in the place of the directory is an error") {
  const TemporaryDirectory directory;
  const auto file = directory.write("jobward", "text");
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  CHECK(!prepare_state_directory(file, ::geteuid()));
  CHECK(!prepare_state_directory(file + "/below", ::geteuid()));
}
