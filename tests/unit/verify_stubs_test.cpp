// A contract with nothing but `stubs` needs no engine.
#include <catch2/catch.hpp>

#include "scan/record.h"
#include "tests/support/temporary_directory.h"
#include "verify/contract_reader.h"
#include "verify/verify.h"

using namespace jobward;
using namespace jobward::verify;
using Catch::Contains;

namespace {

const std::string kReal =
    "import os\n\ndef checkpoint(path, data):\n    with open(path, 'w') as file:\n"
    "        file.write(data)\n        os.fsync(file.fileno())\n";
const std::string kEmpty = "def checkpoint(path, data):\n    \"\"\"Writes it.\"\"\"\n    pass\n";

class Project : public test::TemporaryDirectory {
 public:
  // Verifies checks/c.toml with these lines in its one check, of the severity WARN.
  [[nodiscard]] Report report(const std::string& lines) const {
    const auto contract = read_contract(
        write("checks/c.toml",
              "id = \"demo\"\n[checks.saves]\ntype = \"stubs\"\nseverity = \"WARN\"\n" + lines));
    INFO((contract ? "" : contract.error().message()));
    REQUIRE(contract);
    auto verified = verify::verify(*contract, Options());
    INFO((verified ? "" : verified.error().message()));
    REQUIRE(verified);
    REQUIRE(verified->checks.size() == 1);
    return *std::move(verified);
  }
  // The one check, with ../src as its path.
  [[nodiscard]] CheckResult check(const std::string& lines = "") const {
    return report("markers = \"checkpoint\"\npaths = \"../src\"\n" + lines).checks[0];
  }
};

}  // namespace

TEST_CASE("verify stubs: A function that does something passes, without an engine") {
  const Project project;
  project.write("src/m.py", kReal);
  const auto report = project.report("markers = \"checkpoint\"\npaths = \"../src\"\n");
  const auto& check = report.checks[0];
  INFO(check.message);
  CHECK(check.state == State::passed);
  CHECK(check.id == "saves");
  CHECK(check.primitive == "stubs");
  CHECK(check.datasets.empty());
  CHECK(check.effective == Severity::warn);
  CHECK(check.observed == Value(std::int64_t{0}));
  CHECK(report.exit_status() == 0);
  CHECK(report.engine_version.empty());
  CHECK(report.datasets.empty());
  CHECK(findings(report).at(0).passed);
}

TEST_CASE("verify stubs: An empty function fails, with the declared severity, and is named") {
  const Project project;
  project.write("src/m.py", kEmpty);
  const auto report = project.report("markers = \"checkpoint\"\npaths = \"../src\"\n");
  const auto& check = report.checks[0];
  CHECK(check.state == State::failed);
  CHECK(check.effective == Severity::warn);
  CHECK(check.observed == Value(std::int64_t{1}));
  CHECK_THAT(check.message, Contains("m.py:1") && Contains("checkpoint") && Contains("empty"));
  CHECK(report.exit_status() == 0);  // it is a WARN
  CHECK_FALSE(findings(report).at(0).passed);
}

TEST_CASE("verify stubs: A marker that nobody carries fails") {
  const Project project;
  project.write("src/m.py", "x = 1\n");
  const auto check = project.check();
  CHECK(check.state == State::failed);
  CHECK_THAT(check.message, Contains("checkpoint: missing"));
}

TEST_CASE("verify stubs: What cannot be judged is an error, whatever the severity, never a pass") {
  const Project project;
  SECTION("a file that is no Python") {
    project.write("src/m.py", kReal);
    project.write("src/broken.py", "def broken(:\n");
    const auto report = project.report("markers = \"checkpoint\"\npaths = \"../src\"\n");
    CHECK(report.checks[0].state == State::error);
    CHECK(report.checks[0].declared == Severity::warn);
    CHECK(report.checks[0].effective == Severity::hard_fail);
    CHECK_THAT(report.checks[0].message, Contains("broken.py:"));
    CHECK(report.exit_status() == 2);
    CHECK(halts(findings(report).at(0)));
  }
  SECTION("a path that is not there") {
    const auto check = project.check();
    CHECK(check.state == State::error);
    CHECK_THAT(check.message, Contains("src"));
  }
  SECTION("a directory without Python") {
    project.write("src/m.txt", kReal);
    CHECK(project.check().state == State::error);
  }
  SECTION("known stubs that are not there") {
    project.write("src/m.py", kReal);
    const auto check = project.check("known_stubs = \"none.py\"\n");
    CHECK(check.state == State::error);
    CHECK_THAT(check.message, Contains("none.py"));
  }
}

TEST_CASE("verify stubs: A demanded call has to be reached") {
  const Project project;
  project.write("src/m.py", kReal);
  CHECK(project.check("require = \"checkpoint=os.fsync\"\n").state == State::passed);
  const auto check = project.check("require = \"checkpoint=torch.save|os.replace\"\n");
  CHECK(check.state == State::failed);
  CHECK_THAT(check.message, Contains("unreached_calls"));
}

TEST_CASE("verify stubs: A body that is known as a stub fails") {
  const Project project;
  project.write("src/m.py", "def checkpoint(m):\n    torch.save(m, 'x')\n");
  CHECK(project.check().state == State::passed);
  project.write("checks/known.py", "def any_name(m):\n    torch.save(m, \"x\")\n");
  const auto check = project.check("known_stubs = \"known.py\"\n");
  CHECK(check.state == State::failed);
  CHECK_THAT(check.message, Contains("known_stub"));
}

TEST_CASE("verify stubs: A decorator is trusted only if the contract says so") {
  const Project project;
  project.write("src/m.py",
                "from lib import retry\n\n@retry\n" + kReal.substr(kReal.find("def checkpoint")));
  CHECK(project.check().state == State::failed);
  CHECK(project.check("trust_decorators = \"lib.retry\"\n").state == State::passed);
}

TEST_CASE("verify stubs: A function is held against its record") {
  const Project project;
  project.write("src/m.py", kReal);
  const auto recorded = [&](const std::string& name) {
    const auto check = project.check();
    for (const auto& [fact, value] : check.details.all())
      if (fact == "functions")
        for (const auto& [key, word] : std::get<std::vector<Facts>>(value).at(0).all())
          if (key == name) return std::get<std::string>(word);
    FAIL("no " << name);
    return std::string();
  };
  project.write("checks/marks.json",
                scan::write_record({{"checkpoint", "../src/m.py", "checkpoint", recorded("sha256"),
                                     recorded("reached_sha256")}}));
  const std::string against = "against = \"marks.json\"\n";
  CHECK(project.check(against).state == State::passed);
  project.write("src/m.py", "# a comment\n" + kReal);
  CHECK(project.check(against).state == State::passed);
  project.write("src/m.py", kReal + "    print(path)\n");
  const auto changed = project.check(against);
  CHECK(changed.state == State::failed);
  CHECK_THAT(changed.message, Contains("changed"));
}

TEST_CASE("verify stubs: Too little memory for any check is refused at once") {
  Options options;
  options.memory_cap = kLeastMemory - 1;
  const auto report = verify::verify(Contract(), options);
  REQUIRE_FALSE(report);
  CHECK_THAT(report.error().message(), Contains("128 MiB"));
}
