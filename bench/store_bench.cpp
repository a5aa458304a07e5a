#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench/sample_runs.h"
#include "common/clock.h"
#include "estimator/estimator.h"
#include "profiles/sqlite_run_store.h"

namespace {

using namespace jobward;

// The two durable commits of a run, on the disk of the working directory.
void begin_and_end_a_run(benchmark::State& state) {
  std::string directory = "bench-store-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return state.SkipWithError("no directory");
  {
    const SystemClock clock;
    auto store = profiles::open_sqlite_run_store(directory, clock, [](const std::string&) {},
                                                 {estimator::state_version(), estimator::learn});
    if (!store) return state.SkipWithError(store.error().message().c_str());
    std::uint64_t n = 0;
    for (auto _ : state) {
      const auto request = bench::sample_request(n, 20);
      const auto ending = bench::sample_ending(n, request);
      const profiles::Timestamps at{1, 1, 1, 2};
      const auto begun = (*store)->begin(request, at);
      const auto ended = (*store)->end(request.id, ending, at, profiles::Teaches::yes);
      if (!begun || !ended) state.SkipWithError("not recorded");
      ++n;
    }
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(begin_and_end_a_run)->Unit(benchmark::kMicrosecond);

}  // namespace
