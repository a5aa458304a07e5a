#include "launcher/admission.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace jobward::launcher;
using Catch::Contains;

namespace {

constexpr double kGiB = 1073741824.0;
constexpr auto kUnknown = std::nullopt;

// Sizes are in GiB here and in what follows, times in seconds. All that is reserved is used.
Holder holder(const std::string& run, double reserved, std::optional<double> ends_in = kUnknown) {
  return {run, reserved * kGiB, reserved * kGiB, ends_in, false};
}
Candidate wants(double need, std::optional<double> lasts = kUnknown,
                const std::string& run = "new") {
  return {run, need * kGiB, lasts};
}
Candidate no_need(const std::string& run = "new") { return {run, kUnknown, kUnknown}; }

// Nobody but the runs uses memory.
Scene machine(double capacity, std::vector<Holder> running = {},
              std::vector<Candidate> queue = {}) {
  Scene scene;
  scene.capacity = scene.available = capacity * kGiB;
  for (const auto& one : running)
    scene.available -= one.used;
  scene.running = std::move(running);
  scene.queue = std::move(queue);
  return scene;
}
// As above, with this much used by others than runs.
Scene crowded(double others, Scene scene) {
  scene.available -= others * kGiB;
  return scene;
}
Scene keeping_back(double reserve, Scene scene) {
  scene.reserve = reserve * kGiB;
  return scene;
}

// 10 GiB, 4 of them free, and the first in the queue wants 8 of them: it starts in 100 s and leaves
// 2 to others.
Scene behind_head(std::optional<double> ends_in = 100) {
  return machine(10, {holder("busy", 6, ends_in)}, {wants(8, kUnknown, "head")});
}

Verdict judged(const Candidate& candidate, const Scene& scene) {
  const auto decision = judge(candidate, scene);
  CHECK(!decision.reason.empty());
  return decision.verdict;
}
bool has(const std::vector<std::string>& list, const std::string& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

}  // namespace

TEST_CASE("admission: Free is what is available less unused reservations less the reserve") {
  auto scene = keeping_back(1, crowded(2, machine(16, {holder("a", 4), holder("b", 2)})));
  CHECK(scene.unused() == 0);
  CHECK(scene.free() == 7 * kGiB);
  scene.running[0].used = 1 * kGiB;  // of 4, the other 3 are available and not free
  scene.available += 3 * kGiB;
  CHECK(scene.unused() == 3 * kGiB);
  CHECK(scene.free() == 7 * kGiB);
}

TEST_CASE("admission: What is free is never negative") {
  CHECK(keeping_back(2, crowded(7, machine(8))).free() == 0);
  auto promised = machine(8, {holder("a", 6)});
  promised.running[0].used = 0;
  CHECK(promised.free() == 0);
  CHECK(machine(8, {holder("a", 6), holder("b", 6)}).free() == 0);
}

TEST_CASE("admission: Free is never more than the capacity less what is held") {
  auto scene = machine(8, {holder("a", 5)});
  scene.available = 8 * kGiB;
  CHECK(scene.free() == 3 * kGiB);
  CHECK(judged(wants(3), scene) == Verdict::fits);
  CHECK(judged(wants(3.5), scene) == Verdict::wait);
}

TEST_CASE("admission: A run that uses more than it reserved holds what it uses") {
  auto scene = machine(8, {holder("a", 5)});
  scene.running[0].reserved = 2 * kGiB;
  CHECK(scene.running[0].held() == 5 * kGiB);
  CHECK(scene.unused() == 0);
  CHECK(scene.free() == 3 * kGiB);
  scene.running[0].reserved = 0;  // it has no limit
  CHECK(scene.free() == 3 * kGiB);
}

TEST_CASE("admission: A run that fits into what is free is let in, to the last byte") {
  const double byte = 1 / kGiB;
  CHECK(judged(wants(8), machine(8)) == Verdict::fits);
  CHECK(judged(wants(4), machine(8, {holder("a", 4)})) == Verdict::fits);
  CHECK(judged(wants(4 + byte), machine(8, {holder("a", 4)})) == Verdict::wait);
  CHECK(judged(wants(3), keeping_back(1, machine(8, {holder("a", 4)}))) == Verdict::fits);
  CHECK(judged(wants(3 + byte), keeping_back(1, machine(8, {holder("a", 4)}))) == Verdict::wait);
  CHECK(judged(wants(1), crowded(3, machine(8, {holder("a", 4)}))) == Verdict::fits);
  CHECK(judged(wants(1 + byte), crowded(3, machine(8, {holder("a", 4)}))) == Verdict::wait);
}

TEST_CASE("admission: What running reservations have not used yet is not free") {
  auto scene = machine(8, {holder("a", 6)});
  scene.running[0].used = 1 * kGiB;
  scene.available = 7 * kGiB;
  CHECK(judged(wants(2), scene) == Verdict::fits);
  CHECK(judged(wants(3), scene) == Verdict::wait);
}

TEST_CASE("admission: What can never fit is refused, whatever goes on") {
  const double byte = 1 / kGiB;
  CHECK(judged(wants(8 + byte), machine(8)) == Verdict::refuse);
  CHECK(judged(wants(8 + byte), machine(8, {holder("a", 1, 10)})) == Verdict::refuse);
  CHECK(judged(wants(8 + byte, 1), machine(8, {}, {wants(1)})) == Verdict::refuse);
  CHECK(judged(wants(8), machine(8, {holder("a", 8)})) == Verdict::wait);
  CHECK(judged(wants(8), machine(8, {holder("a", 1)}, {wants(8)})) == Verdict::wait);
}

TEST_CASE("admission: With nothing running, one that can fit at all is let in") {
  CHECK(judged(wants(4), crowded(7, machine(8))) == Verdict::fits);
  CHECK(judged(wants(8), crowded(8, machine(8))) == Verdict::fits);
  CHECK(judged(wants(8), keeping_back(0.5, crowded(7, machine(8.5)))) == Verdict::fits);
  CHECK(judged(wants(4), crowded(6, machine(8, {holder("a", 1)}))) == Verdict::wait);
}

TEST_CASE("admission: With nothing running, it is the first in the queue that is let in") {
  CHECK(judged(wants(4), machine(8, {}, {wants(6)})) == Verdict::wait);
  CHECK(judged(wants(2), machine(8, {}, {wants(6)})) == Verdict::fits);
  CHECK(judged(wants(4), crowded(7, machine(8, {}, {wants(6)}))) == Verdict::wait);
}

TEST_CASE("admission: Another user's run counts as any other") {
  auto scene = crowded(6, machine(8, {holder("theirs", 1, 30)}));
  scene.running[0].foreign = true;
  CHECK(scene.free() == 1 * kGiB);
  const auto decision = judge(wants(4), scene);
  CHECK(decision.verdict == Verdict::wait);
  CHECK(decision.starts_in == 30.0);
}

TEST_CASE("admission: Nothing known and no limit: nothing speaks against it") {
  CHECK(judged(no_need(), machine(8)) == Verdict::fits);
  CHECK(judged(no_need(), crowded(1, machine(8, {holder("a", 7)}))) == Verdict::fits);
  CHECK(judged(no_need(), behind_head()) == Verdict::fits);
  CHECK(judged(no_need(), behind_head(kUnknown)) == Verdict::fits);
}

TEST_CASE("admission: A run without a need that is about to start holds nobody up") {
  CHECK(judged(wants(4), machine(8, {holder("a", 4)}, {no_need("first")})) == Verdict::fits);
}

TEST_CASE("admission: A later run that fits waits when it would delay the first in the queue") {
  CHECK(judged(wants(4), machine(10, {holder("busy", 6, 100)})) == Verdict::fits);
  CHECK(judged(wants(4), behind_head()) == Verdict::wait);
  CHECK(judged(wants(4, 200), behind_head()) == Verdict::wait);
}

TEST_CASE("admission: A later run goes ahead when it ends before the first in the queue starts") {
  CHECK(judged(wants(4, 50), behind_head()) == Verdict::fits);
  CHECK(judged(wants(4, 100), behind_head()) == Verdict::fits);
  CHECK(judged(wants(4, 100.5), behind_head()) == Verdict::wait);
}

TEST_CASE("admission: A later run goes ahead when it fits beside the first in the queue") {
  CHECK(judged(wants(2), behind_head()) == Verdict::fits);
  CHECK(judged(wants(2, 1000), behind_head()) == Verdict::fits);
  CHECK(judged(wants(2 + 1 / kGiB), behind_head()) == Verdict::wait);
}

TEST_CASE("admission: However short, a run that does not fit now does not go ahead") {
  CHECK(judged(wants(4.5, 1), behind_head()) == Verdict::wait);
  CHECK(judged(wants(2, 1), crowded(3, behind_head())) == Verdict::wait);
}

TEST_CASE("admission: What ends only after the first in the queue has started is no room beside") {
  const auto scene = machine(10, {holder("a", 4, 100), holder("b", 4, 200)}, {wants(6)});
  CHECK(judged(wants(2), scene) == Verdict::wait);
  CHECK(judged(wants(2, 101), scene) == Verdict::wait);
  CHECK(judged(wants(2, 100), scene) == Verdict::fits);
}

TEST_CASE("admission: Those who went ahead take from the room beside the first in the queue") {
  auto scene = behind_head();
  scene.running.push_back({"ahead", 2 * kGiB, 0, kUnknown, false});
  CHECK(judged(wants(1), scene) == Verdict::wait);
  CHECK(judged(wants(1, 100), scene) == Verdict::fits);
  scene.running.back().ends_in = 90;
  CHECK(judged(wants(1), scene) == Verdict::fits);
}

TEST_CASE("admission: All that end when the first in the queue starts make room beside it") {
  auto scene = machine(10, {holder("b", 2, 100), holder("a", 6, 100)}, {wants(8)});
  CHECK(judged(wants(2), scene) == Verdict::fits);
  std::swap(scene.running[0], scene.running[1]);
  CHECK(judged(wants(2), scene) == Verdict::fits);
}

TEST_CASE("admission: Where the first in the queue waits for the last to end, none outlasts that") {
  const auto scene =
      crowded(6, machine(10, {holder("busy", 1, 100)}, {wants(8, kUnknown, "head")}));
  CHECK(judged(wants(1, 100), scene) == Verdict::fits);
  CHECK(judged(wants(1, 101), scene) == Verdict::wait);
  CHECK(judged(wants(1), scene) == Verdict::wait);
}

TEST_CASE("admission: Nobody goes ahead when the start of the first in the queue is unknown") {
  CHECK(judged(wants(4, 1), behind_head(kUnknown)) == Verdict::wait);
  CHECK(judged(wants(1, 1), behind_head(kUnknown)) == Verdict::wait);
  CHECK(judged(wants(1), behind_head(kUnknown)) == Verdict::wait);
  const std::vector<Holder> running{holder("a", 3, 10), holder("b", 3)};
  CHECK(judged(wants(1, 1), machine(10, running, {wants(8)})) == Verdict::wait);
  CHECK(judged(wants(1, 1), machine(10, running, {wants(7)})) == Verdict::fits);
}

TEST_CASE("admission: Only the first in the queue has a start that is kept") {
  auto scene = behind_head();
  scene.queue.push_back(wants(10, kUnknown, "second"));
  CHECK(judged(wants(2), scene) == Verdict::fits);
  CHECK(judged(wants(3), scene) == Verdict::wait);
}

TEST_CASE("admission: One that waits is told its place in the queue") {
  auto scene = machine(8, {holder("a", 8)});
  CHECK(judge(wants(1), scene).place == 1);
  scene.queue.push_back(wants(8));
  CHECK(judge(wants(1), scene).place == 2);
  scene.queue.push_back(wants(1));
  CHECK(judge(wants(1), scene).place == 3);
}

TEST_CASE("admission: One that waits is told for whom") {
  const auto scene = machine(8, {holder("a", 4, 30), holder("b", 4, 90)});
  CHECK(has(judge(wants(4), scene).waits_for, "a"));
  CHECK(has(judge(wants(8), scene).waits_for, "a"));
  CHECK(has(judge(wants(8), scene).waits_for, "b"));
  CHECK(judge(wants(1), machine(8, {holder("a", 8)})).waits_for == std::vector<std::string>{"a"});
  CHECK(judge(wants(1), machine(8, {holder("a", 4)})).waits_for.empty());
  CHECK(judge(wants(9), machine(8, {holder("a", 4)})).waits_for.empty());
}

TEST_CASE("admission: One that waits only for those before it in the queue is told so") {
  const auto decision = judge(wants(4), machine(8, {}, {wants(6, kUnknown, "head")}));
  CHECK(decision.verdict == Verdict::wait);
  CHECK(decision.waits_for == std::vector<std::string>{"head"});
}

TEST_CASE("admission: A start is predicted from the ends of those that run") {
  const auto scene = machine(8, {holder("b", 4, 90), holder("a", 4, 30)});
  CHECK(judge(wants(4), scene).starts_in == 30.0);
  CHECK(judge(wants(5), scene).starts_in == 90.0);
  CHECK(judge(wants(8), scene).starts_in == 90.0);
}

TEST_CASE("admission: What ends gives back its whole reservation, used or not") {
  auto scene = machine(8, {holder("a", 4, 30), holder("b", 4, 90)});
  scene.running[0].used = 1 * kGiB;
  scene.available = 3 * kGiB;
  CHECK(scene.free() == 0);
  CHECK(judge(wants(4), scene).starts_in == 30.0);
  CHECK(judge(wants(5), scene).starts_in == 90.0);
}

TEST_CASE("admission: A predicted start takes into account what others use and what is kept back") {
  const std::vector<Holder> running{holder("a", 2, 30), holder("b", 2, 90), holder("c", 1, 200)};
  const auto start = [](double need, const Scene& scene) {
    return judge(wants(need), scene).starts_in;
  };
  CHECK(start(4, crowded(1, machine(8, running))) == 30.0);
  CHECK(start(4, crowded(2, machine(8, running))) == 90.0);
  CHECK(start(3, keeping_back(1, crowded(1, machine(8, running)))) == 30.0);
  CHECK(start(4, keeping_back(1, crowded(1, machine(8, running)))) == 90.0);
  // Others keep all but 5 GiB: it is let in when nothing runs any more.
  CHECK(start(6, crowded(3, machine(8, running))) == 200.0);
}

TEST_CASE("admission: What is promised beyond what is there has to come back first") {
  // Others have taken 4 of 8 GiB, a has used 1 of its 4: of 5 GiB there are 4. When it ends, 3 are
  // free, beside b.
  auto scene = crowded(4, machine(8, {holder("a", 4, 30), holder("b", 1, 100)}));
  scene.running[0].used = 1 * kGiB;
  scene.available = 2 * kGiB;
  CHECK(judge(wants(3), scene).starts_in == 30.0);
  CHECK(judge(wants(4), scene).starts_in == 100.0);
  // The same with the reserve: 1 GiB of it is missing now.
  const auto kept = keeping_back(2, machine(8, {holder("a", 4, 30), holder("b", 3, 100)}));
  CHECK(judge(wants(3), kept).starts_in == 30.0);
  CHECK(judge(wants(4), kept).starts_in == 100.0);
}

TEST_CASE("admission: No start is predicted when nobody knows") {
  CHECK(judge(wants(4), machine(8, {holder("a", 8)})).starts_in == std::nullopt);
  const auto scene = machine(8, {holder("a", 4, 30), holder("b", 4)});
  CHECK(judge(wants(4), scene).starts_in == 30.0);
  CHECK(judge(wants(5), scene).starts_in == std::nullopt);
}

TEST_CASE("admission: A run that is over its predicted time is expected to end now, not before") {
  CHECK(judge(wants(4), machine(8, {holder("a", 8, -20)})).starts_in == 0.0);
  CHECK(judge(wants(4), machine(8, {holder("a", 8, 0)})).starts_in == 0.0);
}

TEST_CASE("admission: The start of a later run comes after those before it") {
  const auto scene = [](std::optional<double> ends_in, std::optional<double> lasts) {
    return machine(8, {holder("a", 8, ends_in)}, {wants(8, lasts, "head")});
  };
  CHECK(judge(wants(8), scene(30, 50)).starts_in == 80.0);
  CHECK(judge(wants(8), scene(30, kUnknown)).starts_in == std::nullopt);
  CHECK(judge(wants(8), scene(kUnknown, 50)).starts_in == std::nullopt);
  auto longer = scene(30, 50);
  longer.queue.push_back(wants(6, 20, "second"));
  CHECK(judge(wants(2), longer).starts_in == 80.0);
  CHECK(judge(wants(4), longer).starts_in == 100.0);
}

TEST_CASE("admission: The reason names what is wanted and what there is") {
  const auto fits = judge(wants(4), machine(8, {holder("a", 3)}));
  CHECK_THAT(fits.reason, Contains("4.00 GiB") && Contains("5.00 GiB"));
  const auto wait = judge(wants(4), machine(8, {holder("a", 7)}));
  CHECK_THAT(wait.reason, Contains("4.00 GiB") && Contains("1.00 GiB"));
  const auto refuse = judge(wants(4), machine(2, {holder("a", 1)}));
  CHECK_THAT(refuse.reason, Contains("4.00 GiB") && Contains("2.00 GiB"));
  const auto let_in = judge(wants(4), crowded(7, machine(8)));
  CHECK_THAT(let_in.reason, Contains("4.00 GiB") && Contains("1.00 GiB"));
  const auto ahead = judge(wants(2), behind_head());
  CHECK_THAT(ahead.reason, Contains("2.00 GiB") && Contains("4.00 GiB"));
}

TEST_CASE("admission: The reason of one that would fit names what is wanted and what there is") {
  const auto behind = judge(wants(3), behind_head());
  CHECK(behind.verdict == Verdict::wait);
  CHECK_THAT(behind.reason, Contains("3.00 GiB") && Contains("4.00 GiB"));
}

TEST_CASE("admission: Verdicts have names") {
  CHECK(std::string(to_string(Verdict::fits)) == "fits");
  CHECK(std::string(to_string(Verdict::wait)) == "wait");
  CHECK(std::string(to_string(Verdict::refuse)) == "refuse");
}

TEST_CASE("admission: Within two bounds the stricter answer counts") {
  const auto roomy = machine(100, {}, {});
  const auto full = machine(10, {holder("busy", 8, 30)}, {});
  CHECK(judge(wants(5), std::vector{roomy, full}).verdict == Verdict::wait);
  CHECK(judge(wants(5), std::vector{full, roomy}).verdict == Verdict::wait);
  CHECK(judge(wants(50), std::vector{roomy, full}).verdict == Verdict::refuse);
  CHECK(judge(wants(1), std::vector{roomy, full}).verdict == Verdict::fits);
}

TEST_CASE("admission: Who goes ahead is judged by when all bounds let the first one start") {
  // Within the limit the first has to wait for `busy`; the machine alone would let it start now,
  // and then have no room for another.
  const std::vector<Candidate> queue{wants(7, kUnknown, "head")};
  auto limit = machine(10, {holder("busy", 6, 100)}, queue);
  const auto outside = machine(13.5, {holder("busy", 6, 100)}, queue);
  CHECK(judge(wants(1), outside).verdict == Verdict::wait);
  CHECK(judge(wants(1), std::vector{limit, outside}).verdict == Verdict::fits);
  CHECK(judge(wants(1), std::vector{outside, limit}).verdict == Verdict::fits);
  // It would still go on when `busy` has ended, and be in the way then.
  CHECK(judge(wants(3.5), std::vector{limit, outside}).verdict == Verdict::wait);
  CHECK(judge(wants(3.5, 99), std::vector{limit, outside}).verdict == Verdict::fits);
  // Nobody knows when the first can start.
  limit.running[0].ends_in = kUnknown;
  CHECK(judge(wants(1), std::vector{limit, outside}).verdict == Verdict::wait);
}

TEST_CASE("admission: Of two bounds that tell to wait the later one tells when") {
  const auto soon = machine(10, {holder("busy", 8, 30)}, {});
  const auto late = machine(10, {holder("other", 8, 60)}, {});
  const auto never = machine(10, {holder("server", 8)}, {});
  CHECK(judge(wants(5), std::vector{soon, late}).starts_in == 60.0);
  CHECK(judge(wants(5), std::vector{soon, never}).starts_in == std::nullopt);
}
