#include "profiles/lesson_store.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "profiles/lesson_file.h"
#include "profiles/sqlite_run_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/partner.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::profiles;
using Same = LessonStore::Same;

namespace {

std::vector<std::string> append(const std::vector<LearnedState>& old, const Observation& seen) {
  std::vector<std::string> out;
  for (const auto& state : old)
    out.push_back(state.blob +
                  std::to_string(static_cast<int>(seen.used.find(Resource::memory)->value)) + ";");
  return out;
}

struct Place {
  test::TemporaryDirectory directory;
  test::FixedClock clock;
  std::unique_ptr<LessonStore> lessons() {
    return LessonStore::open(directory.path(), clock, [](const std::string&) {}, {1, append})
        .value();
  }
  std::unique_ptr<RunStore> runs(Learn learn = append, std::uint32_t version = 1) {
    return open_sqlite_run_store(directory.path(), clock, [](const std::string&) {},
                                 {version, std::move(learn)})
        .value();
  }
  std::string learned() { return runs()->learned(kind_fingerprint("align"))->at(1).blob; }
};

Lesson lesson(const std::string& digest, double memory, std::optional<UnixMillis> finished = {}) {
  Lesson out{digest, "csv", "align", kind_fingerprint("align"), {}, finished};
  out.observation.used.set(Resource::memory, {memory, false});
  return out;
}

}  // namespace

TEST_CASE("lesson_store: Lessons are learned in the order of their ends, and only once") {
  Place place;
  for (int round = 0; round < 2; ++round) {
    const auto store = place.lessons();
    CHECK(store->stage(lesson("a", 1, 300), Same::run).value() == (round == 0));
    CHECK(store->stage(lesson("b", 2, 100), Same::run).value() == (round == 0));
    CHECK(store->stage(lesson("c", 3), Same::run).value() == (round == 0));
    CHECK(!store->stage(lesson("a", 9, 1), Same::run).value());
    CHECK(store->learn_staged().value() == (round == 0 ? 3U : 0U));
    CHECK(place.learned() == "3;2;1;");
  }
}

TEST_CASE("lesson_store: What is staged and not learned leaves nothing") {
  Place place;
  CHECK(place.lessons()->stage(lesson("a", 1), Same::run).value());
  CHECK(place.learned().empty());
  CHECK(place.lessons()->stage(lesson("a", 1), Same::run).value());
}

TEST_CASE("lesson_store: Runs that used the same are several, and the same ones the next time") {
  Place place;
  for (const std::size_t more : {3U, 0U, 2U}) {
    static std::size_t all = 0;
    all += more;
    const auto store = place.lessons();
    for (std::size_t i = 0; i < all; ++i)
      REQUIRE(store->stage(lesson("same", 5), Same::another));
    CHECK(store->learn_staged().value() == more);
  }
  CHECK(place.learned() == "5;5;5;5;5;");
}

TEST_CASE("lesson_store: An import that is killed is finished by the next one") {
  Place place;
  const auto stage_all = [&] {
    auto store = place.lessons();
    for (int i = 1; i <= 3000; ++i)
      static_cast<void>(store->stage(lesson(std::to_string(i), i), Same::run));
    return store;
  };
  test::Partner victim([&](const test::Partner::Turn&) {
    ::setenv("JOBWARD_FAULT", "importing", 1);
    static_cast<void>(stage_all()->learn_staged());
    return 0;
  });
  REQUIRE(victim.finish() == -1);
  CHECK(stage_all()->learn_staged().value() == 1000);
  std::string want;
  for (int i = 1; i <= 3000; ++i)
    want += std::to_string(i) + ";";
  CHECK(place.learned() == want);
}

TEST_CASE("lesson_store: Levels without a key are not learned, and not mixed up") {
  Place place;
  const auto store = place.lessons();
  REQUIRE(store->stage(lesson("a", 1), Same::run));
  REQUIRE(store->learn_staged());
  const auto states = place.runs()->learned({"", "other", ""});
  REQUIRE(states);
  for (const auto i : {0U, 1U, 2U})
    CHECK((*states)[i].blob.empty());
  CHECK((*states)[3].blob == "1;");
}

TEST_CASE("lesson_store: Own runs and imported ones are learned anew in one order") {
  Place place;
  const auto request = [](const std::string& id) {
    auto out = test::plain_request(id);
    out.fingerprint.masked = kind_fingerprint("align").masked;
    return out;
  };
  const auto record = [&](const std::string& id, double memory) {
    RunEnding ending;
    ending.observation.used.set(Resource::memory, {memory, false});
    const auto store = place.runs();
    REQUIRE(store->begin(request(id), {1, 1, {}, {}}));
    REQUIRE(store->end(id, ending, {1, 1, 2, 3}, Teaches::yes));
  };
  record("aaaa000000", 1);
  const auto store = place.lessons();
  REQUIRE(store->stage(lesson("x", 2, 1), Same::run));
  REQUIRE(store->learn_staged());
  record("bbbb000000", 3);
  CHECK(place.learned() == "1;2;3;");
  const Learn other = [](const auto& old, const auto& seen) {
    auto out = append(old, seen);
    for (auto& state : out)
      state = "n" + state;
    return out;
  };
  CHECK(place.runs(other, 2)->learned(kind_fingerprint("align"))->at(1).blob == "nnn1;2;3;");
  CHECK(!place.lessons()->stage(lesson(run_digest("aaaa000000"), 1), Same::run).value());
  CHECK(place.lessons()->stage(lesson(run_digest("none000000"), 1), Same::run).value());
}

TEST_CASE("lesson_store: The newest of each kind are told, in their order") {
  Place place;
  const auto store = place.lessons();
  for (int i = 0; i < 5; ++i)
    REQUIRE(store->stage(lesson("a" + std::to_string(i), i + 1), Same::run));
  auto other = lesson("b", 9);
  other.fingerprint = kind_fingerprint("sort");
  REQUIRE(store->stage(other, Same::run));
  REQUIRE(store->learn_staged());
  std::vector<std::string> told;
  REQUIRE(store->each_newest(2, [&](const Lesson& l) -> Status {
    told.push_back(l.digest);
    return {};
  }));
  CHECK(told == std::vector<std::string>{"a3", "a4", "b"});
}

TEST_CASE("lesson_file: A lesson comes back as it was, without what names a secret") {
  auto want = lesson("d1", 12345.5, 42);
  want.job = "token=98877665544";
  want.observation.features = {{"size:input", 1e12}, {"feature:x", -0.1}};
  want.observation.used.set(Resource::wall, {0.1, true, true});
  const auto line = lesson_line(want);
  CHECK(line.find("98877665544") == std::string::npos);
  CHECK(line.find('\n') == line.size() - 1);
  const auto got = parse_lesson_line(line);
  REQUIRE(got);
  CHECK(got->digest == "d1");
  CHECK(got->source == "profiles");
  CHECK(got->finished == 42);
  CHECK(got->fingerprint.masked == want.fingerprint.masked);
  CHECK(got->fingerprint.exact.empty());
  CHECK(got->observation.features == want.observation.features);
  CHECK(got->observation.used.find(Resource::memory)->value == 12345.5);
  CHECK(got->observation.used.find(Resource::wall)->censored);
  CHECK(got->observation.used.find(Resource::wall)->ended_early);
}

TEST_CASE("lesson_file: Lines that cannot be right are errors") {
  const std::string key(32, 'a');
  const auto line = [&](const std::string& features, const std::string& value,
                        const std::string& masked) {
    return R"({"digest":"d","masked":")" + masked + R"(","features":{)" + features +
           R"(},"used":{"memory":{"value":)" + value + R"(,"censored":false}}})";
  };
  CHECK(parse_lesson_line(line("", "1", key)));
  CHECK(parse_lesson_line(line("\"a\":-1", "0", key)));
  for (const std::string& bad :
       {line("", "-1", key), line("", "1e999", key), line("", "null", key), line("", "\"1\"", key),
        line("\"a\":1e999", "1", key), line("\"a\":null", "1", key), line("", "1", "short"),
        line("", "1", ""), line("", "1", std::string(32, 'G')), std::string("[]"), std::string(),
        std::string("{}"), line("", "1", key).substr(0, 40),
        R"({"digest":"d","masked":")" + key + R"(","features":{},"used":{}})",
        R"({"digest":"","masked":")" + key +
            R"(","features":{},"used":{"memory":{"value":1,"censored":false}}})"}) {
    INFO(bad);
    CHECK(!parse_lesson_line(bad));
  }
  CHECK(check_lesson_header(lesson_header(1)));
  CHECK(!check_lesson_header("{}"));
  CHECK(!check_lesson_header("x"));
  CHECK(!check_lesson_header(R"({"format":"jobward-profiles"})"));
  CHECK(!check_lesson_header(R"({"format":"jobward-profiles","version":2})"));
}
