#include "cli/on_end.h"

#include <catch2/catch.hpp>

#include "common/files.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::cli;
using Words = std::vector<std::string>;

TEST_CASE("on_end: Words are split as a shell does, quotes and backslashes included") {
  CHECK(split_words("a  b\tc").value() == Words{"a", "b", "c"});
  CHECK(split_words(R"(mail 'a b' "c \"d\"" e\ f '')").value() ==
        Words{"mail", "a b", "c \"d\"", "e f", ""});
  CHECK(split_words("x'y'z").value() == Words{"xyz"});
}

TEST_CASE("on_end: A quote that is not closed, or no word at all, is an error") {
  CHECK_FALSE(split_words("a 'b"));
  CHECK_FALSE(split_words("   "));
}

TEST_CASE("on_end: The command is told which run ended, and how") {
  const test::TemporaryDirectory directory;
  launcher::RunResult result;
  result.request.id = "abcd123456";
  result.ending.outcome = Outcome::failed;
  result.ending.exit_code = 3;
  result.ending.cause = "exit status 3";
  const std::string file = directory.path() + "/told";
  CHECK(run_on_end(
            {"/bin/sh", "-c",
             "echo $JOBWARD_RUN_ID $JOBWARD_OUTCOME $JOBWARD_EXIT_CODE $JOBWARD_CAUSE > \"$0\"",
             file},
            result)
            .empty());
  CHECK(read_file(file).value() == "abcd123456 failed 3 exit status 3\n");
}

TEST_CASE("on_end: What goes wrong is said, and no command is no problem") {
  CHECK(run_on_end({}, {}).empty());
  CHECK_THAT(run_on_end({"/no/such/program"}, {}), Catch::Contains("/no/such/program"));
  CHECK_THAT(run_on_end({"/bin/sh", "-c", "exit 4"}, {}), Catch::Contains("exit status 4"));
}
