// Does a run fit beside what is going on, and if not, when will it? Pure: everything is data.
//
// Rules. What is free is what the tightest enclosing limit has left, less what running reservations
// have not used yet, less the configured reserve; reservations together never exceed the capacity.
// First come first served; a later run goes ahead only if the predicted start of the first in the
// queue does not move by it (EASY backfilling: Lifka, JSSPP 1995). With nothing running, one that
// can fit at all is let in: waiting would help nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jobward::launcher {

enum class Verdict { fits, wait, refuse };
constexpr const char* to_string(Verdict verdict) {
  return verdict == Verdict::fits ? "fits" : verdict == Verdict::wait ? "wait" : "refuse";
}

// A reservation of a run that is going on. Bytes, seconds.
struct Holder {
  std::string run;
  double reserved = 0;
  double used = 0;                // of memory that cannot be had back while it runs
  std::optional<double> ends_in;  // predicted, from now; absent: nobody knows
  bool foreign = false;           // another user's, or of another state directory
  [[nodiscard]] double held() const { return reserved > used ? reserved : used; }
  [[nodiscard]] double unused() const { return held() - used; }
};

// A run that wants to start.
struct Candidate {
  std::string run;
  std::optional<double> need;   // what it will reserve; absent: nothing is known, no limit is set
  std::optional<double> lasts;  // predicted seconds, rather too long; absent: nobody knows
};

// The machine, or the enclosing run, at one moment.
struct Scene {
  double capacity = 0;   // in the tightest enclosing limit, with nothing running
  double available = 0;  // not used by anybody now
  double reserve = 0;    // kept back from all runs
  std::vector<Holder> running;
  std::vector<Candidate> queue;     // those that came before the one in question, first come first
  std::string bound = "there are";  // in words: "more than the 2 GiB that there are"

  [[nodiscard]] double unused() const;  // of running reservations
  [[nodiscard]] double balance()
      const;                          // free(), but negative where more is promised than is there
  [[nodiscard]] double free() const;  // for one more; never negative
};

struct Decision {
  Verdict verdict = Verdict::fits;
  std::string reason;
  // When it has to wait: its place (1 is next), the runs that go on or wait before it, and when it
  // starts at the latest if all predictions hold.
  std::size_t place = 0;
  std::vector<std::string> waits_for;
  std::optional<double> starts_in;
};

Decision judge(const Candidate& candidate, const Scene& scene);
// Within several bounds at once (a limit around us, the machine): the strictest answer, and of two
// that tell to wait the one whose end is later or unknown. The first in the queue starts when all
// bounds let it. `scenes`: at least one, with the same queue.
Decision judge(const Candidate& candidate, const std::vector<Scene>& scenes);
// The one with the least free.
const Scene& tightest(const std::vector<Scene>& scenes);

}  // namespace jobward::launcher
