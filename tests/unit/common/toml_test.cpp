#include "common/toml.h"

#include <catch2/catch.hpp>

using namespace jobward;

namespace {

std::vector<TomlEntry> entries(const char* text) {
  auto read = read_toml(text, "x.toml", "contract");
  if (!read) FAIL(read.error().message());
  return std::move(*read);
}

const TomlEntry& named(const std::vector<TomlEntry>& all, const std::string& name) {
  for (const auto& entry : all)
    if (entry.name() == name) return entry;
  FAIL("no " << name);
  return all.front();
}

}  // namespace

TEST_CASE("toml: Tables of an array are numbered, and each value has its line") {
  const auto all = entries("[[check]]\nid = \"a\"\n[[check]]\nid = \"b\"\nrows = 3\n");
  CHECK(std::get<TomlEntry::Tables>(named(all, "check").value).count == 2);
  CHECK_FALSE(std::get<TomlEntry::Table>(named(all, "check.0").value).empty);
  CHECK(std::get<std::string>(named(all, "check.1.id").value) == "b");
  CHECK(named(all, "check.1.id").where == "x.toml:4");
  CHECK(std::get<std::int64_t>(named(all, "check.1.rows").value) == 3);
}

TEST_CASE("toml: Arrays of texts, of scalars, and what is neither are told apart") {
  const auto all =
      entries("t = [\"a\", \"b\"]\ns = [1, \"a\", 2.5, true]\nn = [[1]]\ne = []\nd = 2020-01-01\n");
  CHECK(std::get<std::vector<std::string>>(named(all, "t").value).size() == 2);
  const auto& scalars = std::get<std::vector<TomlScalar>>(named(all, "s").value);
  REQUIRE(scalars.size() == 4);
  CHECK(std::get<std::int64_t>(scalars[0]) == 1);
  CHECK(std::get<double>(scalars[2]) == 2.5);
  CHECK(std::get<bool>(scalars[3]));
  CHECK(std::holds_alternative<TomlEntry::Other>(named(all, "n").value));
  CHECK(std::get<std::vector<std::string>>(named(all, "e").value).empty());
  CHECK(std::holds_alternative<TomlEntry::Other>(named(all, "d").value));
}

TEST_CASE("toml: What is no TOML is an error with file and line, in the reader's words") {
  const auto read = read_toml("a = 1\na = 2\n", "x.toml", "contract");
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().message(), Catch::Contains("contract") && Catch::Contains("x.toml:2"));
}
