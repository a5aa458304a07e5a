#include "launcher/admission.h"

#include <catch2/catch.hpp>
#include <optional>

using namespace jobward::launcher;

namespace {

constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr double kNeed = 4.0 * kGiB;

Verdict judged(std::optional<double> need, const MemoryRoom& room) {
  const auto decision = judge(need, room);
  CHECK(!decision.reason.empty());
  return decision.verdict;
}

}  // namespace

TEST_CASE("admission: What is free is what is available less what is reserved, never less than 0") {
  CHECK(MemoryRoom{10, 7, 3, 1}.free() == 4);
  CHECK(MemoryRoom{10, 3, 3, 1}.free() == 0);
  CHECK(MemoryRoom{10, 3, 7, 1}.free() == 0);
}

TEST_CASE("admission: A run that fits into what is free is let in, to the last byte") {
  CHECK(judged(kNeed, {8 * kGiB, 4 * kGiB, 0, 3}) == Verdict::fits);
  CHECK(judged(kNeed, {8 * kGiB, 5 * kGiB, kGiB, 3}) == Verdict::fits);
  CHECK(judged(kNeed, {8 * kGiB, 4 * kGiB - 1, 0, 3}) == Verdict::wait);
}

TEST_CASE("admission: What running reservations have not used yet is not free") {
  CHECK(judged(kNeed, {16 * kGiB, 8 * kGiB, 5 * kGiB, 2}) == Verdict::wait);
}

TEST_CASE("admission: More than there can ever be is refused, also with nothing running") {
  CHECK(judged(kNeed, {4 * kGiB - 1, 4 * kGiB - 1, 0, 0}) == Verdict::refuse);
  CHECK(judged(kNeed, {kGiB, 0, 0, 5}) == Verdict::refuse);
  CHECK(judged(kNeed, {4 * kGiB, 4 * kGiB, 0, 0}) == Verdict::fits);
}

TEST_CASE("admission: With nothing running, one that can fit at all is let in") {
  CHECK(judged(kNeed, {8 * kGiB, kGiB, 0, 0}) == Verdict::fits);
  CHECK(judged(kNeed, {8 * kGiB, kGiB, 0, 1}) == Verdict::wait);
}

TEST_CASE("admission: Nothing known and no limit: nothing speaks against it") {
  CHECK(judged(std::nullopt, {kGiB, 0, 0, 9}) == Verdict::fits);
}

TEST_CASE("admission: The reason names what is wanted and what there is") {
  const auto wait = judge(kNeed, {8 * kGiB, kGiB, 0, 2});
  CHECK_THAT(wait.reason, Catch::Contains("4.00 GiB") && Catch::Contains("1.00 GiB"));
  const auto refuse = judge(kNeed, {2 * kGiB, kGiB, 0, 2});
  CHECK_THAT(refuse.reason, Catch::Contains("4.00 GiB") && Catch::Contains("2.00 GiB"));
}
