// The ledger: an append against what cannot be avoided for it (a bare fdatasync of as many bytes),
// and reading all of it to see whether it is whole.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/clock.h"
#include "common/fd.h"
#include "trust/ledger.h"
#include "trust/ledger_verify.h"
#include "trust/store_key.h"

namespace {

using namespace jobward;
using namespace jobward::trust;

std::string temporary_directory() {
  std::string directory = std::filesystem::current_path().string() + "/bench-ledger-XXXXXX";
  return ::mkdtemp(directory.data()) == nullptr ? std::string() : directory;
}

NewEntry sample_entry() {
  NewEntry entry;
  entry.actor = {1000, {{"agent", "coder"}, {"role", "author"}}};
  entry.run = "3k9x2m7q0a";
  entry.project = "/work/project";
  entry.source = "verify";
  entry.check = "orders_nulls";
  entry.primitive = "null_rate_ceiling";
  entry.severity = Severity::warn;
  entry.passed = false;
  entry.message = "null rate of amount is 0.8 %, above the ceiling of 0.5 %";
  entry.details = R"({"observed":0.008,"threshold":0.005,"rows":1000000})";
  return entry;
}

// In the same directory, over blocks that are there already, as SQLite's log is.
void bare_fdatasync(benchmark::State& state) {
  const std::string directory = temporary_directory();
  {
    const Fd fd(::open((directory + "/log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const std::string block(4096, 'x');
    for (int i = 0; i < 256; ++i)
      if (::pwrite(fd.get(), block.data(), block.size(), 4096 * i) < 0)
        state.SkipWithError("write");
    ::fsync(fd.get());
    int at = 0;
    for (auto _ : state) {
      if (::pwrite(fd.get(), block.data(), 512, 4096 * (at++ % 256)) < 0 ||
          ::fdatasync(fd.get()) != 0)
        state.SkipWithError("not synced");
    }
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(bare_fdatasync)->Unit(benchmark::kMicrosecond)->UseRealTime();

void ledger_append(benchmark::State& state) {
  const std::string directory = temporary_directory();
  {
    const SystemClock clock;
    auto ledger = Ledger::open({directory, "here", {}}, clock, [](const std::string&) {});
    if (!ledger) return state.SkipWithError(ledger.error().message().c_str());
    const auto entry = sample_entry();
    for (auto _ : state)
      if (!(*ledger)->append(entry)) state.SkipWithError("not appended");
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(ledger_append)->Unit(benchmark::kMicrosecond)->UseRealTime();

void ledger_verify(benchmark::State& state) {
  const std::string directory = temporary_directory();
  {
    const SystemClock clock;
    auto ledger = Ledger::open({directory, "here", {}}, clock, [](const std::string&) {});
    if (!ledger) return state.SkipWithError(ledger.error().message().c_str());
    const auto entry = sample_entry();
    {
      auto batch = (*ledger)->begin();
      for (std::int64_t i = 0; batch && i < state.range(0); ++i)
        if (!batch->append(entry)) state.SkipWithError("not appended");
      if (!batch || !batch->commit()) state.SkipWithError("not committed");
    }
    const auto key = store_public_key(directory);
    for (auto _ : state) {
      const auto report = verify_ledger((*ledger)->database(), *key, {});
      if (!report || !report->is_whole()) state.SkipWithError("not whole");
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(ledger_verify)->Arg(100000)->Unit(benchmark::kMillisecond);

}  // namespace
