#include "scan/record.h"

#include <catch2/catch.hpp>

#include "tests/unit/scan/scan_helpers.h"

using namespace jobward::scan;

namespace {

const std::string kSource =
    "def _write(p, d):\n    open(p, 'w').write(d)\n\n"
    "def checkpoint(p, d=None, *, fsync=True):\n    \"\"\"Doc.\"\"\"\n    if d:\n        _write(p, "
    "d)\n";

std::vector<RecordedBody> record_of(const std::string& source) {
  std::vector<RecordedBody> out;
  for (const auto& function : judged({{"m.py", source}}, {"checkpoint"}).functions)
    out.push_back(function.recorded);
  return out;
}

std::string against(const std::string& now) {
  StubRules rules;
  rules.markers = {standard_marker("checkpoint")};
  rules.against = record_of(kSource);
  return words(judged({{"m.py", now}}, {}, rules));
}

std::string changed(const std::string& from, const std::string& to) {
  std::string out = kSource;
  const auto at = out.find(from);
  REQUIRE(at != std::string::npos);
  return out.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("record: comments, docstrings, annotations and formatting change nothing") {
  CHECK(against(kSource) == "ok");
  CHECK(against(changed("\"\"\"Doc.\"\"\"", "'''Other.'''  # and a comment")) == "ok");
  CHECK(against(changed("'w'", "\"w\"")) == "ok");
  CHECK(against(changed("_write(p, d)\n", "(_write( p,\n            d, ));\n")) == "ok");
  CHECK(against(changed("(p, d=None", "(p: str, d: int = None")) == "ok");
  CHECK(against("import os\n\n\n" + kSource) == "ok");
}

TEST_CASE("record: whatever may matter changes it") {
  CHECK(against(changed("if d:", "if not d:")) == "changed");
  CHECK(against(changed("fsync=True", "fsync=False")) == "changed");
  CHECK(against(changed("_write(p, d)\n", "_write(d, p)\n")) == "changed");
  CHECK(against(changed("    if d:\n        _write(p, d)",
                        "    if d:\n        pass\n    _write(p, d)")) == "changed");
  CHECK(against(changed("def checkpoint", "async def checkpoint")) == "changed");
  CHECK(against(changed("'w'", "'x'")) == "calls_changed");
  CHECK(against(changed("'w'", "b'w'")) == "calls_changed");
  CHECK(against(kSource + "class T:\n    def checkpoint(self):\n        save()\n") ==
        "not_recorded");
  CHECK(against(changed("def checkpoint", "class T:\n  def checkpoint")) != "ok");
  CHECK(against("x = 1\n") == "missing gone");
}

TEST_CASE("record: precedence is not lost with the parentheses") {
  const auto digest = [](const std::string& expression) {
    return judged({{"m.py", "def f(a, b, c):\n    return " + expression + "\n"}}, {"f"})
        .functions.at(0)
        .body_sha256;
  };
  CHECK(digest("(a + b) * c") != digest("a + b * c"));
  CHECK(digest("(a)") == digest("a"));
  CHECK(digest("(a,)") != digest("a"));
  CHECK(digest("a, ") != digest("a"));
  CHECK(digest("a[1:]") != digest("a[1]"));
  CHECK(digest("a[1:]") != digest("a[:1]"));
  CHECK(digest("'a' 'b'") != digest("'ab'"));
}

TEST_CASE("record: a file of it reads back, and nothing else does") {
  auto entries = record_of(kSource);
  const auto text = write_record(entries);
  const auto back = read_record(text, "FILE");
  REQUIRE(back.has_value());
  CHECK(*back == entries);
  const auto broken = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    other.replace(other.find(from), from.size(), to);
    return !read_record(other, "FILE").has_value();
  };
  CHECK(broken("\"schema_version\": 1", "\"schema_version\": 2"));
  CHECK(broken("jobward-stub-record", "other"));
  CHECK(broken("\"marker\"", "\"maker\""));
  CHECK(broken(entries[0].sha256, "00"));
  CHECK(!read_record("", "FILE").has_value());
  CHECK(!read_record("[]", "FILE").has_value());
}

TEST_CASE("record: its paths are told from where it lies") {
  std::vector<RecordedBody> entries{{"checkpoint", "/p/src/m.py", "checkpoint", "", ""}};
  to_record_paths(entries, "/p/marks/record.json");
  CHECK(entries[0].file == "../src/m.py");
  from_record_paths(entries, "/p/marks/record.json", {{"/p/./src/m.py", ""}});
  CHECK(entries[0].file == "/p/./src/m.py");
}
