#include <benchmark/benchmark.h>

#include <string>

#include "host/observe/proc_parse.h"

namespace {

using namespace jobward;

// memory.stat is parsed at every sample: up to 500 times a second while a job grows fast.
void parse_memory_stat(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < 60; ++i)
    text += "total_counter_" + std::to_string(i) + " 1234567890\n";
  for (auto _ : state)
    benchmark::DoNotOptimize(host::parse_flat_keyed(text));
}
BENCHMARK(parse_memory_stat);

void parse_process_stat(benchmark::State& state) {
  const std::string text =
      "4242 (a name) with ) parens) S 1 4242 4242 0 -1 4194560 1 2 3 4 55 66 7 8 20 0 3 0 123456 "
      "1000 200 0";
  for (auto _ : state)
    benchmark::DoNotOptimize(host::parse_stat(text));
}
BENCHMARK(parse_process_stat);

}  // namespace
