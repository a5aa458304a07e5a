#include "cli/config_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "cli/trusted_file.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;
using jobward::launcher::LimitSettings;
using jobward::test::TemporaryDirectory;

namespace {

Result<Configuration> load(unsigned uid, const std::map<std::string, std::string>& variables,
                           const std::string& project = {}) {
  return load_config(
      uid,
      [&](const char* name) -> std::optional<std::string> {
        const auto it = variables.find(name);
        return it == variables.end() ? std::nullopt : std::optional(it->second);
      },
      project);
}

Result<LimitSettings> loaded(unsigned uid, const std::map<std::string, std::string>& variables) {
  return load(uid, variables).map([](const Configuration& config) { return config.settings; });
}

// A file of somebody, in a directory of somebody.
OpenedFile owned(mode_t mode, uid_t file, uid_t directory) {
  OpenedFile opened;
  opened.path = "/p/.jobward.toml";
  opened.directory = "/p";
  opened.file.st_mode = mode;
  opened.file.st_uid = file;
  opened.in.st_mode = S_IFDIR | 0755;
  opened.in.st_uid = directory;
  return opened;
}

}  // namespace

TEST_CASE("config_files: JOBWARD_CONFIG goes before everything, and must exist") {
  const TemporaryDirectory directory;
  const auto named = directory.write("named.toml", "[memory]\nmargin = 0.5\n");
  directory.write("jobward/config.toml", "[memory]\nmargin = 0.25\n");
  for (const unsigned uid : {0U, 1000U}) {
    const auto settings =
        loaded(uid, {{"JOBWARD_CONFIG", named}, {"XDG_CONFIG_HOME", directory.path()}});
    REQUIRE(settings);
    CHECK(settings->margin == 0.5);
  }
  const auto missing = loaded(1000, {{"JOBWARD_CONFIG", directory.path() + "/none.toml"}});
  REQUIRE(!missing);
  CHECK_THAT(missing.error().message(), Contains("/none.toml"));
}

TEST_CASE("config_files: A user's file is in XDG_CONFIG_HOME, else below the home") {
  const TemporaryDirectory directory;
  directory.write("xdg/jobward/config.toml", "[memory]\nmargin = 0.25\n");
  directory.write("home/.config/jobward/config.toml", "[memory]\nmargin = 0.75\n");
  const auto home = directory.path() + "/home";
  CHECK(loaded(1000, {{"HOME", home}, {"XDG_CONFIG_HOME", directory.path() + "/xdg"}})->margin ==
        0.25);
  CHECK(loaded(1000, {{"HOME", home}})->margin == 0.75);
}

TEST_CASE("config_files: No file, or no home, means the defaults") {
  const TemporaryDirectory directory;
  const LimitSettings defaults;
  CHECK(loaded(1000, {{"HOME", directory.path()}})->margin == defaults.margin);
  CHECK(loaded(1000, {})->margin == defaults.margin);
}

TEST_CASE("config_files: A file that cannot be read is an error, not the defaults") {
  const TemporaryDirectory directory;
  directory.make_directory("jobward/config.toml");
  const auto settings = loaded(1000, {{"XDG_CONFIG_HOME", directory.path()}});
  REQUIRE(!settings);
  CHECK_THAT(settings.error().message(), Contains("config.toml"));
}

TEST_CASE("config_files: The project's file goes over the user's") {
  const TemporaryDirectory directory;
  const auto user = directory.write("user.toml", "[memory]\nmargin = 0.5\nguess_share = 0.25\n");
  const auto project = directory.write("p/.jobward.toml", "[memory]\nmargin = 0.75\n");
  const auto config = load(::geteuid(), {{"JOBWARD_CONFIG", user}}, directory.path("p"));
  REQUIRE(config);
  CHECK(config->settings.margin == 0.75);
  CHECK(config->settings.guess_share == 0.25);
  CHECK(config->files == std::vector<std::string>{user, project});
  CHECK(config->warnings.empty());
  CHECK(load(::geteuid(), {{"JOBWARD_CONFIG", user}}, directory.path())->files.size() == 1);
}

TEST_CASE("config_files: An error in the project's file names it") {
  const TemporaryDirectory directory;
  const auto project = directory.write(".jobward.toml", "\n[defaults]\nmem = \"lots\"\n");
  const auto config = load(::geteuid(), {}, directory.path());
  REQUIRE(!config);
  CHECK_THAT(config.error().message(), Contains(project + ":3") && Contains("defaults.mem"));
}

TEST_CASE("config_files: A project's file that everybody can write is ignored, and said") {
  const TemporaryDirectory directory;
  const auto project = directory.write(".jobward.toml", "[memory]\nmargin = 0.75\n");
  REQUIRE(::chmod(project.c_str(), 0666) == 0);
  const auto config = load(::geteuid(), {}, directory.path());
  REQUIRE(config);
  CHECK(config->settings.margin == LimitSettings().margin);
  CHECK(config->files.empty());
  REQUIRE(config->warnings.size() == 1);
  CHECK_THAT(config->warnings[0], Contains(project) && Contains("chmod o-w " + project));
}

TEST_CASE("config_files: A project's file that is none is ignored, and said") {
  const TemporaryDirectory directory;
  const auto real = directory.write("real.toml", "[memory]\nmargin = 0.75\n");
  directory.make_directory("link");
  REQUIRE(::symlink(real.c_str(), directory.path("link/.jobward.toml").c_str()) == 0);
  directory.make_directory("directory/.jobward.toml");
  directory.make_directory("fifo");
  REQUIRE(::mkfifo(directory.path("fifo/.jobward.toml").c_str(), 0600) == 0);
  for (const auto* name : {"link", "directory", "fifo"}) {
    INFO(name);
    const auto config = load(::geteuid(), {}, directory.path(name));
    REQUIRE(config);
    CHECK(config->files.empty());
    REQUIRE(config->warnings.size() == 1);
    CHECK_THAT(config->warnings[0], Contains("is ignored"));
  }
}

TEST_CASE("config_files: A project's file is obeyed if it is root's or one's own") {
  CHECK(!project_objection(owned(S_IFREG | 0644, 0, 5), 1000));
  CHECK(!project_objection(owned(S_IFREG | 0664, 1000, 5), 1000));
  CHECK(project_objection(owned(S_IFREG | 0644, 5, 5), 1000));
  CHECK(project_objection(owned(S_IFREG | 0644, 1000, 1000), 0));
  CHECK_THAT(project_objection(owned(S_IFREG | 0644, 5, 0), 1000).value_or(""), Contains("uid 5"));
  CHECK(project_objection(owned(S_IFREG | 0646, 1000, 1000), 1000));
  CHECK(project_objection(owned(S_IFIFO | 0644, 1000, 1000), 1000));
}
