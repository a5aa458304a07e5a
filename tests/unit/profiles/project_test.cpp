#include "profiles/project.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/fake_file_probe.h"

using jobward::profiles::find_project;
using jobward::test::FakeFileProbe;

namespace {

void check(const FakeFileProbe& files, const std::string& directory, const std::string& root,
           const std::string& identity) {
  const auto project = find_project(directory, files);
  CHECK(project.root == root);
  CHECK(project.identity == identity);
}

}  // namespace

TEST_CASE("project: Without a repository the directory is the project") {
  check({}, "/a/b", "/a/b", "/a/b");
  check({}, "/a/b/", "/a/b", "/a/b");
  check({}, "/", "/", "/");
}

TEST_CASE("project: The nearest repository counts") {
  FakeFileProbe files;
  files.add_file("/a/.git/HEAD", "ref: refs/heads/main\n");
  files.add_file("/a/b/c/.git/HEAD", "ref: refs/heads/main\n");
  check(files, "/a", "/a", "/a");
  check(files, "/a/b", "/a", "/a");
  check(files, "/a/b/c/d/e", "/a/b/c", "/a/b/c");
  check(files, "/a2", "/a2", "/a2");
}

TEST_CASE("project: A whole .git directory is not measured to find it") {
  FakeFileProbe files;
  files.add_file("/a/.git/HEAD", "ref: refs/heads/main\n").add_directory("/a/.git", 1);
  check(files, "/a", "/a", "/a");
  CHECK(files.looked().empty());
}

TEST_CASE("project: A bare .git directory will do, a repository at / too") {
  FakeFileProbe files;
  files.add_directory("/a/.git", 0).add_file("/.git/HEAD", "x");
  check(files, "/a/b", "/a", "/a");
  check(files, "/c", "/", "/");
}

TEST_CASE("project: Linked worktrees count as the main checkout") {
  FakeFileProbe files;
  files.add_file("/wt/one/.git", "gitdir: /main/.git/worktrees/one\n");
  files.add_file("/wt/two/.git", "gitdir: ../../main/.git/worktrees/two");
  check(files, "/wt/one/src", "/wt/one", "/main");
  check(files, "/wt/two", "/wt/two", "/main");
}

TEST_CASE("project: Worktrees of a bare repository are one project") {
  FakeFileProbe files;
  files.add_file("/wt/.git", "gitdir: /srv/r.git/worktrees/wt\n");
  files.add_file("/srv/r.git/worktrees/wt/commondir", "../..\n");
  check(files, "/wt", "/wt", "/srv/r.git");
}

TEST_CASE("project: A submodule and a git directory kept elsewhere are projects of their own") {
  FakeFileProbe files;
  files.add_file("/main/.git/HEAD", "x")
      .add_file("/main/sub/.git", "gitdir: ../.git/modules/sub\n");
  files.add_file("/apart/.git", "gitdir: /home/u/worktrees/apart\n");
  check(files, "/main/sub/x", "/main/sub", "/main/sub");
  check(files, "/apart", "/apart", "/apart");
}

TEST_CASE("project: A .git file that says something else is passed over") {
  FakeFileProbe files;
  files.add_file("/a/.git/HEAD", "x")
      .add_file("/a/b/.git", "hello")
      .add_file("/a/c/.git", "gitdir:\n");
  check(files, "/a/b", "/a", "/a");
  check(files, "/a/c", "/a", "/a");
}
