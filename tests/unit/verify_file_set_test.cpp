#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>

#include "common/identity.h"
#include "tests/support/temporary_directory.h"
#include "verify/file_set.h"

using namespace jobward;
using namespace jobward::verify;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

class Tree : public test::TemporaryDirectory {
 public:
  explicit Tree(const Names& files) {
    for (const auto& name : files)
      write(name, "a\n");
  }
  // What these patterns find, as it is shown.
  [[nodiscard]] Names found(const Names& patterns) const {
    const auto files = find_files(path(), patterns);
    INFO((files ? "" : files.error().message()));
    REQUIRE(files);
    Names out;
    for (const auto& file : *files)
      out.push_back(file.shown);
    return out;
  }
  [[nodiscard]] std::string refused(const Names& patterns) const {
    const auto files = find_files(path(), patterns);
    REQUIRE_FALSE(files);
    return files.error().message();
  }
};

}  // namespace

TEST_CASE("file set: A name is that file, wherever it lies") {
  const Tree tree({"a.csv", "sub/b.csv"});
  const auto files = find_files(tree.path(), {"a.csv", "./sub/../sub/b.csv"});
  REQUIRE(files);
  REQUIRE(files->size() == 2);
  CHECK((*files)[0].path == tree.path("a.csv"));
  CHECK((*files)[0].shown == "a.csv");
  CHECK((*files)[0].bytes == 2);
  CHECK((*files)[0].mtime_ns > 0);
  CHECK((*files)[1].path == tree.path("sub/b.csv"));
  CHECK(tree.found({tree.path("a.csv")}) == Names{"a.csv"});
  // Above the contract it is shown in full.
  const auto above = find_files(tree.path("sub"), {"../a.csv"});
  REQUIRE(above);
  CHECK((*above)[0].shown == tree.path("a.csv"));
}

TEST_CASE("file set: Patterns match within a directory, sorted, one after the other") {
  const Tree tree(
      {"b1.csv", "a10.csv", "a2.csv", "ab.csv", "a.txt", "sub/a3.csv", "x/y/a4.csv", "z/y/a5.csv"});
  CHECK(tree.found({"a*.csv"}) == Names{"a10.csv", "a2.csv", "ab.csv"});
  CHECK(tree.found({"a?.csv"}) == Names{"a2.csv", "ab.csv"});
  CHECK(tree.found({"a[0-9]*.csv"}) == Names{"a10.csv", "a2.csv"});
  CHECK(tree.found({"a[!0-9].csv"}) == Names{"ab.csv"});
  CHECK(tree.found({"b*.csv", "a?.csv"}) == Names{"b1.csv", "a2.csv", "ab.csv"});
  CHECK(tree.found({"*/a*.csv"}) == Names{"sub/a3.csv"});
  CHECK(tree.found({"*/y/a*.csv"}) == Names{"x/y/a4.csv", "z/y/a5.csv"});
  CHECK(tree.found({"*/y/a4.csv"}) == Names{"x/y/a4.csv"});
  CHECK(tree.found({tree.path("sub/*.csv")}) == Names{"sub/a3.csv"});
}

TEST_CASE("file set: Two asterisks are any directories, or none") {
  const Tree tree({"a.csv", "x/a.csv", "x/y/a.csv", "x/y/b.csv", ".git/a.csv", "x/.hidden/a.csv"});
  auto all = tree.found({"**/a.csv"});
  std::sort(all.begin(), all.end());
  CHECK(all == Names{"a.csv", "x/a.csv", "x/y/a.csv"});
  CHECK(tree.found({"x/**/b.csv"}) == Names{"x/y/b.csv"});
  CHECK(tree.found({"**/y/*.csv"}) == Names{"x/y/a.csv", "x/y/b.csv"});
  // Links to directories may lead in circles.
  fs::create_directory_symlink(tree.path("x"), tree.path("x/y/again"));
  CHECK(tree.found({"x/**/b.csv"}) == Names{"x/y/b.csv"});
}

TEST_CASE("file set: A hidden file is found only by a pattern that begins with a dot") {
  const Tree tree({"a.csv", ".b.csv"});
  CHECK(tree.found({"*.csv"}) == Names{"a.csv"});
  CHECK(tree.found({".*.csv"}) == Names{".b.csv"});
  CHECK_THAT(tree.refused({"?b.csv"}), Contains("no file matches"));
  CHECK(tree.found({".b.csv"}) == Names{".b.csv"});
}

TEST_CASE("file set: A name that exists as it is written is that file") {
  const Tree tree({"a[1].csv", "a1.csv", "b*.csv", "bc.csv"});
  CHECK(tree.found({"a[1].csv"}) == Names{"a[1].csv"});
  CHECK(tree.found({"b*.csv"}) == Names{"b*.csv"});
  CHECK(tree.found({"a[1]*"}) == Names{"a1.csv"});
}

TEST_CASE("file set: Nothing found is an error, for each pattern") {
  const Tree tree({"a.csv"});
  tree.make_directory("b.csv");
  CHECK_THAT(tree.refused({"none.csv"}), Contains("none.csv"));
  CHECK_THAT(tree.refused({"none-*.csv"}), Contains("none-*.csv") && Contains("no file matches"));
  CHECK_THAT(tree.refused({"a.csv", "none-*.csv"}), Contains("none-*.csv"));
  CHECK_THAT(tree.refused({"none/**/*.csv"}), Contains("no file matches"));
  // A directory is no match.
  CHECK_THAT(tree.refused({"b*.csv"}), Contains("no file matches"));
}

TEST_CASE("file set: What is no regular file is an error") {
  const Tree tree({"sub/a.csv"});
  CHECK_THAT(tree.refused({"sub"}), Contains("directory") && Contains("sub/*"));
  REQUIRE(::mkfifo(tree.path("pipe.csv").c_str(), 0600) == 0);
  CHECK_THAT(tree.refused({"pipe.csv"}), Contains("no regular file"));
  CHECK_THAT(tree.refused({"*.csv"}), Contains("no regular file"));
  fs::create_symlink(tree.path("gone.csv"), tree.path("sub/dead.csv"));
  CHECK_THAT(tree.refused({"sub/*.csv"}), Contains("dead.csv"));
}

TEST_CASE("file set: One file is not counted twice") {
  const Tree tree({"a.csv", "b.csv"});
  for (const Names& patterns : {Names{"a.csv", "a.csv"}, Names{"a.csv", "*.csv"},
                                Names{"*.csv", "./b.csv"}, Names{"a.csv", tree.path("a.csv")}})
    CHECK_THAT(tree.refused(patterns), Contains("two of the dataset's paths mean it"));
}

TEST_CASE("file set: A name that terminals would obey is shown printable") {
  const Tree tree({"a\x1b[31m.csv"});
  CHECK(tree.found({"*.csv"}) == Names{"a\\x1b[31m.csv"});
}

TEST_CASE("file set: Files are the same until one is written, replaced or removed") {
  const Tree tree({"a.csv", "b.csv"});
  const auto files = find_files(tree.path(), {"*.csv"});
  REQUIRE(files);
  CHECK(still_the_same(*files));
  CHECK(still_the_same({}));
  const auto is_told = [&] {
    const auto same = still_the_same(*files);
    if (same) return false;
    CHECK_THAT(same.error().message(), Contains("b.csv") && Contains("changed"));
    return true;
  };
  SECTION("another size") {
    tree.write("b.csv", "a\nb\n");
    CHECK(is_told());
  }
  SECTION("another time") {
    fs::last_write_time(tree.path("b.csv"),
                        fs::last_write_time(tree.path("b.csv")) - std::chrono::seconds(5));
    CHECK(is_told());
  }
  SECTION("another file of the same size and time") {
    const auto time = fs::last_write_time(tree.path("b.csv"));
    tree.write("new", "b\n");
    fs::last_write_time(tree.path("new"), time);
    fs::rename(tree.path("new"), tree.path("b.csv"));
    CHECK(is_told());
  }
  SECTION("none") {
    fs::remove(tree.path("b.csv"));
    CHECK(is_told());
  }
}

TEST_CASE("file set: A digest is of the content, or says that it is not") {
  const Tree tree({"a.csv"});
  tree.write("b.csv", "b\n");
  const auto digest = [&](const Names& patterns, bool always = false) {
    const auto files = find_files(tree.path(), patterns);
    REQUIRE(files);
    const auto out = digest_of(*files, always);
    REQUIRE(out);
    return *out;
  };
  const auto one = digest({"a.csv"});
  CHECK(one.basis == DatasetDigest::Basis::content);
  CHECK(one.sha256 == sha256_hex("a\n"));
  CHECK(one.bytes == 2);
  // As sha256sum(1) writes it.
  CHECK(digest({"*.csv"}).sha256 ==
        sha256_hex(sha256_hex("a\n") + "  a.csv\n" + sha256_hex("b\n") + "  b.csv\n"));
  const std::string large(kCheapDigestBytes + 1, 'x');
  tree.write("large.csv", large);
  const auto cheap = digest({"large.csv"});
  CHECK(cheap.basis == DatasetDigest::Basis::size_and_mtime);
  CHECK(cheap.sha256.empty());
  CHECK(cheap.bytes == large.size());
  CHECK(cheap.newest_mtime_ms > 0);
  CHECK(digest({"large.csv"}, true).sha256 == sha256_hex(large));
}
