#include "host/backends/limit_support.h"

#include <catch2/catch.hpp>

using namespace jobward;
using namespace jobward::host;

TEST_CASE("limit_support: Every limit that can be asked for has an answer on every backend") {
  const auto support = common_support();
  for (const Resource resource : kLimitable) {
    CAPTURE(info(resource).name);
    REQUIRE(support.contains(resource));
  }
}

TEST_CASE("limit_support: Times are polled, open files held by the kernel, the rest not held") {
  const auto how = enforcements(common_support());
  for (const Resource resource : kLimitable) {
    CAPTURE(info(resource).name);
    const bool is_time =
        resource == Resource::wall || resource == Resource::cpu_time || resource == Resource::stall;
    const auto expected = is_time                            ? Enforcement::polled
                          : resource == Resource::open_files ? Enforcement::kernel
                                                             : Enforcement::none;
    REQUIRE(how.find(resource) != nullptr);
    CHECK(*how.find(resource) == expected);
  }
}

TEST_CASE(
    "limit_support: What the kernel does not hold is explained, what it holds needs no word") {
  common_support().for_each([](Resource resource, const LimitSupport& support) {
    CAPTURE(info(resource).name);
    CHECK(support.why.empty() == (support.how == Enforcement::kernel));
  });
}

TEST_CASE("limit_support: A gap carries its reason and the command that mends it") {
  CHECK(held_by_kernel().how == Enforcement::kernel);
  const auto polled = held_by_polling("why", "mend");
  CHECK(polled.how == Enforcement::polled);
  CHECK(polled.why == "why");
  CHECK(polled.mend == "mend");
  const auto none = not_held("why", "mend");
  CHECK(none.how == Enforcement::none);
  CHECK(none.why == "why");
  CHECK(none.mend == "mend");
  CHECK(not_held("why").mend.empty());
}

TEST_CASE("limit_support: Only limits with an answer have an enforcement") {
  Support support;
  support.set(Resource::memory, held_by_kernel());
  const auto how = enforcements(support);
  CHECK(*how.find(Resource::memory) == Enforcement::kernel);
  CHECK_FALSE(how.contains(Resource::swap));
}
