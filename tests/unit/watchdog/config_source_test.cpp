#include "watchdog/config_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_directory.h"
#include "tests/unit/watchdog/text.h"

using namespace jobward;
using namespace jobward::watchdog;
using Catch::Contains;

namespace {

struct Ground {
  test::TemporaryDirectory dir;
  ConfigPlaces places;
  Options options;

  Ground() {
    places.uid = ::geteuid() == 0 ? 0 : ::geteuid();
    places.system_file = file("system.conf");
    places.config_home = file("home");
    std::filesystem::create_directories(file("home/jobward"));
  }
  [[nodiscard]] std::string file(const std::string& name) const { return dir.path() + "/" + name; }
  void write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    std::ofstream(file(name)) << text;
    REQUIRE(::chmod(file(name).c_str(), mode) == 0);
  }
  [[nodiscard]] Result<LoadedConfig> load() const {
    return load_config(options, places, two_users);
  }
  [[nodiscard]] LoadedConfig loaded() const {
    auto result = load();
    INFO((result ? "" : result.error().message()));
    REQUIRE(result);
    return *result;
  }
  [[nodiscard]] std::string refused() const {
    const auto result = load();
    REQUIRE_FALSE(result);
    return result.error().message();
  }
};

}  // namespace

TEST_CASE("watchdog config file: Without one the defaults hold, protection included") {
  const Ground ground;
  CHECK(ground.loaded().file.empty());
  CHECK(ground.loaded().config.protect.size() == default_protection().size());
}

TEST_CASE("watchdog config file: Root's is the system's, everybody else's is in their home") {
  Ground ground;
  ground.write("system.conf", "grace = 1s\n");
  ground.write("home/jobward/watchdog.conf", "grace = 2s\n");
  ground.places.uid = 0;
  if (::geteuid() == 0) {
    CHECK(ground.loaded().config.grace_seconds == 1);
    CHECK(ground.loaded().file == ground.file("system.conf"));
  } else {
    CHECK_THAT(ground.refused(), Contains("neither to root"));
  }
  ground.places.uid = ::geteuid() == 0 ? 1000 : ::geteuid();
  CHECK(ground.loaded().config.grace_seconds == 2);
  ground.places.config_home.clear();
  CHECK(ground.loaded().file.empty());
  ground.options.config_file = ground.file("system.conf");
  CHECK(ground.loaded().config.grace_seconds == 1);
}

TEST_CASE("watchdog config file: One that was named has to be there") {
  Ground ground;
  ground.options.config_file = ground.file("absent.conf");
  CHECK_THAT(ground.refused(), Contains("absent.conf") && Contains("No such file"));
}

TEST_CASE("watchdog config file: Only what nobody else may write is believed") {
  Ground ground;
  ground.options.config_file = ground.file("c.conf");
  for (const mode_t mode : {0664U, 0646U, 0666U}) {
    ground.write("c.conf", "grace = 1s\n", mode);
    CHECK_THAT(ground.refused(), Contains("others than its owner may write it"));
  }
  ground.write("c.conf", "grace = 1s\n", 0600);
  CHECK(ground.loaded().config.grace_seconds == 1);
}

TEST_CASE("watchdog config file: Another user's is not believed") {
  Ground ground;
  ground.write("c.conf", "grace = 1s\n");
  ground.options.config_file = ground.file("c.conf");
  if (::geteuid() == 0)
    REQUIRE(::chown(ground.file("c.conf").c_str(), 4321, 4321) == 0);
  else
    ground.places.uid = ::geteuid() + 1;
  CHECK_THAT(ground.refused(), Contains("it belongs to uid"));
}

TEST_CASE("watchdog config file: Links, fifos, directories and long files are refused at once") {
  Ground ground;
  ground.write("c.conf", "grace = 1s\n");
  ground.options.config_file = ground.file("odd");
  std::filesystem::create_symlink(ground.file("c.conf"), ground.file("odd"));
  CHECK_THAT(ground.refused(), Contains("symbolic link"));
  std::filesystem::remove(ground.file("odd"));
  REQUIRE(::mkfifo(ground.file("odd").c_str(), 0600) == 0);
  CHECK_THAT(ground.refused(), Contains("not a regular file"));
  std::filesystem::remove(ground.file("odd"));
  std::filesystem::create_directory(ground.file("odd"));
  CHECK_THAT(ground.refused(), Contains("not a regular file"));
  std::filesystem::remove(ground.file("odd"));
  ground.write("odd", std::string((64U << 10U) + 1, '#'));
  CHECK_THAT(ground.refused(), Contains("longer than 65536 bytes"));
  ground.write("odd", std::string(64U << 10U, '#'));
  CHECK(ground.loaded().file == ground.file("odd"));
}

TEST_CASE("watchdog config file: The command line comes over the file, then all is checked") {
  Ground ground;
  ground.write("c.conf", "memory_term = 8%\nmemory_kill = 4%\nprotect_defaults = no\n");
  ground.options.config_file = ground.file("c.conf");
  ground.options.overrides = {{"memory_term", "6%", "--memory-term"}};
  CHECK(ground.loaded().config.memory_term.share == Approx(0.06));
  CHECK(ground.loaded().config.protect.empty());
  ground.options.overrides = {{"memory_term", "3%", "--memory-term"}};
  CHECK_THAT(ground.refused(), Contains("memory_kill = 4% with memory_term = 3%"));
  ground.write("c.conf", "memory_term = 8%\nmemory_kil = 4%\n");
  CHECK_THAT(ground.refused(), Contains("c.conf:2: ") && Contains("memory_kill?"));
}
