#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "launcher/admission.h"

namespace {

using namespace jobward::launcher;

constexpr double kGiB = 1073741824;

// So many reservations of 1 GiB, each half used, with ends spread over an hour.
Scene scene_of(std::int64_t running, std::int64_t waiting) {
  Scene scene;
  scene.capacity = (static_cast<double>(running) + 2) * kGiB;
  scene.available = (static_cast<double>(running) / 2 + 2) * kGiB;
  for (std::int64_t i = 0; i < running; ++i)
    scene.running.push_back({"run" + std::to_string(i), kGiB, kGiB / 2,
                             static_cast<double>(i * 7919 % 3600), i % 10 == 0});
  for (std::int64_t i = 0; i < waiting; ++i)
    scene.queue.push_back({"wait" + std::to_string(i), 4 * kGiB, 600});
  return scene;
}

void admission_that_fits(benchmark::State& state) {
  const auto scene = scene_of(state.range(0), 0);
  for (auto _ : state)
    benchmark::DoNotOptimize(judge({"new", kGiB, 60}, scene));
}
BENCHMARK(admission_that_fits)->Arg(1000)->Unit(benchmark::kMicrosecond);

// It must find out when there will be room, also for those before it.
void admission_that_waits(benchmark::State& state) {
  const auto scene = scene_of(state.range(0), state.range(1));
  for (auto _ : state)
    benchmark::DoNotOptimize(judge({"new", 100 * kGiB, 60}, scene));
}
BENCHMARK(admission_that_waits)
    ->Args({1000, 0})
    ->Args({1000, 10})
    ->Args({1000, 100})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
