// jobward_fill_store N DIRECTORY COMMAND...: a store with N runs, every fourth of them of COMMAND
// here, for measuring how commands scale with it.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/sample_runs.h"
#include "common/clock.h"
#include "common/files.h"
#include "estimator/estimator.h"
#include "profiles/fingerprint.h"
#include "profiles/program.h"
#include "profiles/project.h"
#include "profiles/sqlite_run_store.h"

namespace {

constexpr std::uint64_t kKinds = 200;

int fail(const jobward::Error& error) {
  std::fprintf(stderr, "fill_store: %s\n", error.message().c_str());
  return 1;
}

// The keys that `jobward estimate -- COMMAND` will look up.
jobward::profiles::Fingerprint fingerprint_of(const std::vector<std::string>& command) {
  using namespace jobward;
  const profiles::RealFileProbe files;
  const Job job{command, std::filesystem::current_path().string()};
  const auto project = profiles::find_project(job.cwd, files);
  return profiles::fingerprint(profiles::find_program(job, project.root, files), project);
}

int fill(std::uint64_t runs, const std::string& directory,
         const std::vector<std::string>& command) {
  using namespace jobward;
  const SystemClock clock;
  if (auto made = make_private_directories(directory); !made) return fail(made.error());
  auto store = profiles::open_sqlite_run_store(directory, clock, [](const std::string&) {});
  if (!store) return fail(store.error());
  const auto asked = fingerprint_of(command);
  for (std::uint64_t n = 0; n < runs; ++n) {
    auto request = bench::sample_request(n, kKinds);
    if (n % 4 == 0) request.fingerprint = asked;
    const auto ending = bench::sample_ending(n, request);
    const profiles::Timestamps at{static_cast<UnixMillis>(n), static_cast<UnixMillis>(n),
                                  static_cast<UnixMillis>(n), static_cast<UnixMillis>(n + 1)};
    if (auto begun = (*store)->begin(request, at); !begun) return fail(begun.error());
    const profiles::Learn learn = [&](const profiles::LearnedState& old) {
      return estimator::learn(old, ending.observation);
    };
    if (auto ended = (*store)->end(request.id, ending, at, learn); !ended)
      return fail(ended.error());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: jobward_fill_store N DIRECTORY COMMAND...\n");
    return 2;
  }
  return fill(std::strtoull(argv[1], nullptr, 10), argv[2], {argv + 3, argv + argc});
}
