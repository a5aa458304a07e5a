#include <benchmark/benchmark.h>

#include "bench/sample_runs.h"
#include "estimator/estimator.h"

namespace {

using namespace jobward;

std::string state_after(std::uint64_t runs) {
  profiles::LearnedState state{Level::masked, {}};
  for (std::uint64_t n = 0; n < runs; ++n) {
    const auto request = bench::sample_request(n, 1);
    state.blob = estimator::learn({state}, bench::sample_ending(n, request).observation)[0];
  }
  return state.blob;
}

// One finished run, learned at one level; the thousandth must cost what the hundredth does.
void learn_one_run(benchmark::State& state) {
  const auto runs = static_cast<std::uint64_t>(state.range(0));
  const profiles::LearnedState old{Level::masked, state_after(runs)};
  const auto next = bench::sample_ending(runs, bench::sample_request(runs, 1)).observation;
  for (auto _ : state)
    benchmark::DoNotOptimize(estimator::learn({old}, next));
}
BENCHMARK(learn_one_run)->Arg(0)->Arg(10)->Arg(100)->Arg(1000);

void predict(benchmark::State& state) {
  const auto blob = state_after(static_cast<std::uint64_t>(state.range(0)));
  const std::vector<profiles::LearnedState> levels{
      {Level::exact, {}}, {Level::masked, blob}, {Level::program, blob}, {Level::everything, blob}};
  const profiles::Features query{{"size:--data", 5e7}};
  for (auto _ : state)
    benchmark::DoNotOptimize(estimator::predict(levels, query));
}
BENCHMARK(predict)->Arg(0)->Arg(3)->Arg(100)->Arg(1000);

// As a run ends: all levels, and how far off the estimate would have been.
void learn_at_all_levels(benchmark::State& state) {
  const auto runs = static_cast<std::uint64_t>(state.range(0));
  std::vector<profiles::LearnedState> levels;
  for (const auto level : kLevels)
    levels.push_back({level, {}});
  for (std::uint64_t n = 0; n < runs; ++n) {
    auto now =
        estimator::learn(levels, bench::sample_ending(n, bench::sample_request(n, 1)).observation);
    for (std::size_t i = 0; i < levels.size(); ++i)
      levels[i].blob = std::move(now[i]);
  }
  const auto next = bench::sample_ending(runs, bench::sample_request(runs, 1)).observation;
  for (auto _ : state)
    benchmark::DoNotOptimize(estimator::learn(levels, next));
}
BENCHMARK(learn_at_all_levels)->Arg(0)->Arg(10)->Arg(100)->Arg(1000);

}  // namespace
