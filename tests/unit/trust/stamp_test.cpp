#include "trust/stamp.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::trust;
using jobward::test::TemporaryDirectory;

namespace {

constexpr UnixMillis kEnded = 1700000000000;

void put(const std::string& path, const std::string& text, bool executable = false) {
  std::ofstream(path, std::ios::binary) << text;
  std::filesystem::permissions(
      path, executable ? std::filesystem::perms::owner_all
                       : std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// A project with an audit that was run, and the question whether it still holds.
struct Project {
  TemporaryDirectory directory;
  Stamp stamp;
  StampQuestion question;

  Project() {
    const auto root = directory.path();
    put(root + "/audit.py", "print('ok')\n");
    put(root + "/data.csv", "a,b\n1,2\n");
    put(root + "/python", "#!/bin/sh\n", true);
    stamp.name = "audit";
    stamp.project = root;
    stamp.host = "machine";
    stamp.run = "r1";
    stamp.argv = {"python", "audit.py"};
    stamp.argv_sha256 = argv_digest(stamp.argv);
    stamp.directory = ".";
    stamp.script = StampedFile{"audit.py", *content_digest(root + "/audit.py")};
    const auto python = *find_executable("python", root, root);
    stamp.programs = {{"python", python, *program_digest(python)}};
    stamp.inputs = {{"data.csv", *content_digest(root + "/data.csv")}};
    stamp.stdout_sha256 = argv_digest({});
    stamp.outcome = "ok";
    stamp.started = kEnded - 5000;
    stamp.ended = kEnded;
    question.name = "audit";
    question.project = root;
    question.root = root;
    question.search_path = root;
    question.now = kEnded + 60000;
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return directory.path() + "/" + name;
  }
  // "" or the only objection.
  [[nodiscard]] std::string objection() const {
    const auto found = objections(stamp, question);
    if (found.empty()) return "";
    REQUIRE(found.size() == 1);
    return found[0];
  }
  void check_objects(const std::string& word) const {
    const auto found = objection();
    INFO(found);
    CHECK(found.find(word) != std::string::npos);
  }
};

}  // namespace

TEST_CASE("stamp: it holds while nothing has changed, whatever the files' times are") {
  Project project;
  CHECK(project.objection().empty());
  const timespec future[2] = {{4000000000, 0}, {4000000000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, project.path("data.csv").c_str(), future, 0) == 0);
  CHECK(project.objection().empty());
}

TEST_CASE("stamp: a changed file ends it, also if its time and size stay the same") {
  Project project;
  struct stat before {};
  REQUIRE(::stat(project.path("data.csv").c_str(), &before) == 0);
  put(project.path("data.csv"), "a,b\n1,3\n");
  const timespec same[2] = {before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, project.path("data.csv").c_str(), same, 0) == 0);
  project.check_objects("input data.csv has changed");
  std::filesystem::remove(project.path("data.csv"));
  project.check_objects("data.csv");
  put(project.path("data.csv"), "a,b\n1,2\n");
  CHECK(project.objection().empty());
  put(project.path("audit.py"), "pass\n");
  project.check_objects("script audit.py has changed");
}

TEST_CASE("stamp: another interpreter ends it") {
  Project project;
  put(project.path("python"), "#!/bin/false\n", true);
  project.check_objects("has changed");
  std::filesystem::create_directory(project.path("bin"));
  put(project.path("bin/python"), "#!/bin/sh\n", true);
  project.question.search_path = project.path("bin") + ":" + project.directory.path();
  project.check_objects("is another now");
  project.question.search_path = "/nowhere";
  project.check_objects("not there any more");
}

TEST_CASE("stamp: a large program is known by its size and both ends") {
  TemporaryDirectory directory;
  const auto path = directory.path() + "/large";
  std::string text(3U << 20U, 'x');
  put(path, text);
  const auto before = *program_digest(path);
  text.back() = 'y';
  put(path, text);
  CHECK(*program_digest(path) != before);
  text += 'y';
  put(path, text);
  CHECK(*program_digest(path) != before);
}

TEST_CASE("stamp: time") {
  Project project;
  project.question.max_age_seconds = 60;
  CHECK(project.objection().empty());
  project.question.now += 1;
  project.check_objects("--max-age");
  // The clock was set back: behind the end, or behind what the ledger has seen.
  project.question.now = kEnded - 3000;
  project.check_objects("set back");
  project.question.now = kEnded + 1000;
  CHECK(project.objection().empty());
  project.question.last_known = kEnded + 86400000;
  project.check_objects("set back");
}

TEST_CASE("stamp: a failed audit, another project, another name, another command") {
  Project project;
  project.stamp.exit_code = 1;
  project.stamp.outcome = "failed";
  project.check_objects("did not pass");
  project.stamp.exit_code = 0;
  project.stamp.outcome = "ok";
  project.question.project = "/other";
  project.check_objects("another project");
  project.question.project = project.stamp.project;
  project.question.name = "other";
  project.check_objects("not of this name");
  project.question.name = "audit";
  project.question.argv = std::vector<std::string>{"python", "audit.py"};
  CHECK(project.objection().empty());
  project.question.argv = std::vector<std::string>{"python", "audit.py", "-q"};
  project.check_objects("another command");
}

TEST_CASE("stamp: the statement reads back, and nothing else does") {
  const Project project;
  const auto text = statement_of(project.stamp);
  const auto back = read_statement(text);
  REQUIRE(back.has_value());
  CHECK(statement_of(*back) == text);
  CHECK(back->inputs == project.stamp.inputs);
  CHECK(back->script == project.stamp.script);
  CHECK(back->programs == project.stamp.programs);
  CHECK(back->passed());
  const auto json = nlohmann::json::parse(text);
  CHECK(json["_type"] == "https://in-toto.io/Statement/v1");
  CHECK(json["predicate"]["result"] == "PASSED");
  CHECK(json["subject"][0]["digest"]["sha256"] == project.stamp.inputs[0].sha256);
  const auto broken = [&](const nlohmann::json::json_pointer& where, const nlohmann::json& value) {
    auto other = json;
    other[where] = value;
    return !read_statement(other.dump()).has_value();
  };
  using Pointer = nlohmann::json::json_pointer;
  CHECK(broken(Pointer("/_type"), "other"));
  CHECK(broken(Pointer("/more"), 1));
  CHECK(broken(Pointer("/predicate/result"), "FAILED"));
  CHECK(broken(Pointer("/predicate/jobward/exit"), -1));
  CHECK(broken(Pointer("/predicate/jobward/version"), 2));
  CHECK(broken(Pointer("/predicate/jobward/stdout_sha256"), "00"));
  CHECK(broken(Pointer("/predicate/jobward/more"), 1));
  CHECK(broken(Pointer("/predicate/jobward/script"), nlohmann::json::array({1, 2})));
  CHECK(broken(Pointer("/subject"), "data.csv"));
  CHECK(!read_statement("").has_value());
  CHECK(!read_statement("[]").has_value());
}

TEST_CASE("stamp: names") {
  for (const auto* name : {"lint", "a.b-c_9"})
    CHECK(is_stamp_name(name));
  for (const auto* name : {"", ".x", "-x", "a/b", "a b", "\n"})
    CHECK(!is_stamp_name(name));
  CHECK(!is_stamp_name(std::string(101, 'a')));
}
