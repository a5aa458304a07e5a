#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.h"
#include "verify/csv_header.h"

using namespace jobward;
using namespace jobward::verify;

namespace {

using Names = std::vector<std::string>;
using Header = std::optional<Names>;

Header header_of(std::string_view text, const TextOptions& options = {}) {
  return parse_csv_header(text, true, options);
}

}  // namespace

TEST_CASE("csv header: Names come as they stand in the file") {
  CHECK(header_of("a,b\n1,2\n") == Header(Names{"a", "b"}));
  CHECK(header_of("a,b\r\n1,2\r\n") == Header(Names{"a", "b"}));
  CHECK(header_of("a,b\r1,2\r") == Header(Names{"a", "b"}));
  CHECK(header_of("a,b") == Header(Names{"a", "b"}));  // no line end at all
  CHECK(header_of("Id,id,id_1\n") == Header(Names{"Id", "id", "id_1"}));
  CHECK(header_of("id,id\n") == Header(Names{"id", "id"}));
  CHECK(header_of(" a , b\n") == Header(Names{" a ", " b"}));
  CHECK(header_of("a,,b,\n") == Header(Names{"a", "", "b", ""}));
  CHECK(header_of("\xC3\xA4,\xE4\n") == Header(Names{"\xC3\xA4", "\xE4"}));
}

TEST_CASE("csv header: A mark of UTF-8 at the front is no part of the first name") {
  CHECK(header_of("\xEF\xBB\xBF"
                  "a,b\n") == Header(Names{"a", "b"}));
  CHECK(header_of("\xEF\xBB\xBF"
                  "\"a\",b\n") == Header(Names{"a", "b"}));
}

TEST_CASE("csv header: In quotes there may be anything") {
  CHECK(header_of("\"a,b\",c\n") == Header(Names{"a,b", "c"}));
  CHECK(header_of("\"a\nb\",c\n") == Header(Names{"a\nb", "c"}));
  CHECK(header_of("\"say \"\"x\"\"\",c\n") == Header(Names{"say \"x\"", "c"}));
  CHECK(header_of("\"\",b\n") == Header(Names{"", "b"}));
  CHECK(header_of("a\"b,c\n") == Header(Names{"a\"b", "c"}));  // none at the front: no quote
  TextOptions options;
  options.escape = "\\";
  CHECK(header_of("\"say \\\"x\\\"\",c\n", options) == Header(Names{"say \"x\"", "c"}));
  options = {};
  options.quote = "'";
  options.escape = "'";
  CHECK(header_of("'a,b',\"c\"\n", options) == Header(Names{"a,b", "\"c\""}));
  options.quote = "";
  options.escape = "";
  CHECK(header_of("\"a,b\"\n", options) == Header(Names{"\"a", "b\""}));
}

TEST_CASE("csv header: Delimiter, comments and skipped lines are those of the dataset") {
  TextOptions options;
  options.delimiter = ";";
  CHECK(header_of("a;b,c\n", options) == Header(Names{"a", "b,c"}));
  options = {};
  options.skip = 2;
  CHECK(header_of("made by x\n\na,b\n1,2\n", options) == Header(Names{"a", "b"}));
  CHECK(header_of("\xEF\xBB\xBF"
                  "made by x\n\na,b\n",
                  options) == Header(Names{"a", "b"}));
  CHECK_FALSE(header_of("made by x\n", options));
  options = {};
  options.comment = "#";
  CHECK(header_of("# one\n# two\na,b\n", options) == Header(Names{"a", "b"}));
  CHECK(header_of("# one\n", TextOptions{}) == Header(Names{"# one"}));
  CHECK_FALSE(header_of("# one\n", options));
}

TEST_CASE("csv header: A record that is not whole is none") {
  const TextOptions options;
  CHECK_FALSE(parse_csv_header("a,b", false, options));
  CHECK_FALSE(parse_csv_header("\"a\nb", false, options));
  CHECK(parse_csv_header("a,b\n", false, options) == Header(Names{"a", "b"}));
  CHECK_FALSE(header_of(""));
  CHECK_FALSE(header_of("\"a,b\n1,2\n"));  // a quote that nothing ends
}

TEST_CASE("csv header: It is read from a file, however long, up to one megabyte") {
  const test::TemporaryDirectory directory;
  const TextOptions options;
  CHECK(read_csv_header(directory.write("a.csv", "a,b\n1,2\n"), options) ==
        Header(Names{"a", "b"}));
  std::string line = "c0";
  for (int i = 1; i < 20000; ++i)
    line += ",c" + std::to_string(i);
  const auto wide = read_csv_header(directory.write("b.csv", line + "\n1\n"), options);
  REQUIRE(wide);
  CHECK(wide->size() == 20000);
  CHECK(wide->back() == "c19999");
  CHECK_FALSE(read_csv_header(directory.write("c.csv", std::string(2U << 20U, 'x')), options));
  CHECK_FALSE(read_csv_header(directory.write("d.csv", ""), options));
  CHECK_FALSE(read_csv_header(directory.path("none.csv"), options));
  CHECK_FALSE(read_csv_header(directory.make_directory("e"), options));
  // What is compressed is left to the engine.
  CHECK_FALSE(read_csv_header(directory.write("f.csv.gz", "a,b\n"), options));
  CHECK_FALSE(read_csv_header(directory.write("f.csv.zst", "a,b\n"), options));
}
