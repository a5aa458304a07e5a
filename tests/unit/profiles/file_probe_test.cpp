#include "profiles/file_probe.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

using jobward::profiles::FileFacts;
using jobward::profiles::kMaxDirectoryEntries;
using jobward::profiles::RealFileProbe;
namespace fs = std::filesystem;

namespace {

// A directory of the test's own, gone afterwards.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "file_probe_test.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string file(const std::string& name, std::size_t bytes) const {
    std::ofstream(path(name), std::ios::binary) << std::string(bytes, 'x');
    return path(name);
  }
  [[nodiscard]] std::string directory(const std::string& name) const {
    fs::create_directories(path(name));
    return path(name);
  }

 private:
  fs::path path_;
};

std::optional<std::uint64_t> tree_bytes(const std::string& path) {
  const auto facts = RealFileProbe().look(path);
  REQUIRE(facts);
  REQUIRE(facts->kind == FileFacts::Kind::directory);
  return facts->bytes;
}

}  // namespace

TEST_CASE("file_probe: A regular file has its size, also behind a symbolic link") {
  const Scratch scratch;
  fs::create_symlink(scratch.file("a", 5), scratch.path("link"));
  for (const std::string name : {"a", "link"}) {
    const auto facts = RealFileProbe().look(scratch.path(name));
    REQUIRE(facts);
    CHECK(facts->kind == FileFacts::Kind::regular);
    CHECK(facts->bytes == 5);
  }
}

TEST_CASE("file_probe: What is not there is absent") {
  const Scratch scratch;
  fs::create_symlink("nowhere", scratch.path("dangling"));
  CHECK_FALSE(RealFileProbe().look(scratch.path("none")));
  CHECK_FALSE(RealFileProbe().look(scratch.path("dangling")));
  CHECK_FALSE(RealFileProbe().head(scratch.path("none")));
  CHECK_FALSE(RealFileProbe().look(scratch.path(std::string(5000, 'x'))));
}

TEST_CASE("file_probe: A device is neither file nor directory") {
  const auto facts = RealFileProbe().look("/dev/null");
  REQUIRE(facts);
  CHECK(facts->kind == FileFacts::Kind::other);
  CHECK_FALSE(facts->bytes);
  CHECK_FALSE(RealFileProbe().head("/dev/null"));
}

TEST_CASE("file_probe: A directory is the sum of the regular files below it") {
  const Scratch scratch;
  const auto tree = scratch.directory("tree");
  (void)scratch.directory("tree/deep/er");
  (void)scratch.file("tree/a", 5);
  (void)scratch.file("tree/deep/er/b", 70);
  (void)scratch.file("outside", 1000);
  fs::create_symlink(scratch.path("outside"), scratch.path("tree/link"));
  fs::create_directory_symlink(scratch.path("tree"), scratch.path("tree/loop"));
  REQUIRE(::mkfifo(scratch.path("tree/fifo").c_str(), 0600) == 0);
  CHECK(tree_bytes(tree) == 75);
  CHECK(tree_bytes(scratch.path("tree/loop")) == 75);
  CHECK(tree_bytes(scratch.directory("empty")) == 0);
}

TEST_CASE("file_probe: A tree with too many entries is not measured") {
  const Scratch scratch;
  const auto tree = scratch.directory("tree");
  for (int i = 0; i < kMaxDirectoryEntries; ++i)
    (void)scratch.file("tree/" + std::to_string(i), 0);
  CHECK(tree_bytes(tree) == 0);
  (void)scratch.file("tree/more", 1);
  CHECK_FALSE(tree_bytes(tree));
}

TEST_CASE("file_probe: A tree that cannot be read is not measured") {
  const Scratch scratch;
  (void)scratch.directory("tree/a/b");
  (void)scratch.file("tree/x", 3);
  // Root may read all: running out of descriptors stops it too.
  const RealFileProbe probe;
  REQUIRE(
      probe.look(scratch.path("tree/x")));  // UBSan's first look at a type needs descriptors itself
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const int next = ::dup(0);
  REQUIRE(next >= 0);
  ::close(next);
  rlimit tight = old;
  tight.rlim_cur = static_cast<rlim_t>(next) + 1;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const auto facts = probe.look(scratch.path("tree"));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  REQUIRE(facts);
  CHECK(facts->kind == FileFacts::Kind::directory);
  CHECK_FALSE(facts->bytes);
}

TEST_CASE("file_probe: The head of a file is read byte for byte, and no more than that") {
  const Scratch scratch;
  const std::string content("a\0\xff\n", 4);
  std::ofstream(scratch.path("a"), std::ios::binary) << content;
  CHECK(RealFileProbe().head(scratch.path("a")) == content);
  CHECK(RealFileProbe().head(scratch.file("empty", 0)) == "");
  const auto large = RealFileProbe().head(scratch.file("large", 1U << 20));
  REQUIRE(large);
  CHECK(large->size() == RealFileProbe::kHeadBytes);
}

TEST_CASE("file_probe: Directories and fifos are not read, and do not block") {
  const Scratch scratch;
  REQUIRE(::mkfifo(scratch.path("fifo").c_str(), 0600) == 0);
  CHECK_FALSE(RealFileProbe().head(scratch.path("fifo")));
  CHECK_FALSE(RealFileProbe().head(scratch.directory("dir")));
  const auto facts = RealFileProbe().look(scratch.path("fifo"));
  REQUIRE(facts);
  CHECK(facts->kind == FileFacts::Kind::other);
}

TEST_CASE("file_probe: Probing leaves no descriptor behind") {
  const Scratch scratch;
  const auto tree = scratch.directory("tree");
  (void)scratch.directory("tree/a/b/c");
  const auto file = scratch.file("tree/f", 3);
  const int before = ::dup(0);
  ::close(before);
  for (int i = 0; i < 20; ++i) {
    (void)RealFileProbe().look(tree);
    (void)RealFileProbe().head(file);
    (void)RealFileProbe().head(tree);
  }
  const int after = ::dup(0);
  ::close(after);
  CHECK(after == before);
}
