// Verification as the commands use it: bounds from this machine, remembered counts, signals and
// progress.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/result.h"
#include "verify/verify.h"

namespace jobward::cli {

struct VerifyLimits {
  std::optional<std::string> memory;  // as --memory has it
  std::optional<std::string> spill;   // as --spill has it
  std::optional<int> threads;
  std::size_t samples = 5;
  std::string run;  // the run that it is part of, whose own reservation counts for nothing
};

// "2G"; not less than verification needs.
Result<std::uint64_t> verify_memory(const std::string& text);

// What is free in the tightest limit around us, less what running jobs have reserved and not used
// yet, and how many CPUs there are, decide what was not asked for. Without progress.
Result<verify::Options> verify_options(const VerifyLimits& limits);

// Lies the engine where verification will look for it? The error says how to get it.
Status find_engine();

// Verifies, comparing with the counts that were accepted last in this project (its identity: linked
// worktrees share them).
Result<verify::Report> verify_contract(const verify::Contract& contract, const std::string& project,
                                       verify::Options options);
// Remembers the counts of a report that nothing halts, and that is on record.
Status accept_counts(const verify::Report& report, const std::string& project);

// While it lives, signals that would end the process are held, so that nothing is left behind; a
// terminal sees how far it is.
class VerifyWatch {
 public:
  VerifyWatch();
  VerifyWatch(const VerifyWatch&) = delete;
  VerifyWatch& operator=(const VerifyWatch&) = delete;
  ~VerifyWatch();

  // For verify::Options::progress, from any thread. False: a signal has come.
  bool tick(const std::string& what, std::optional<double> percent);
  void clear();                // takes the line off the terminal
  [[nodiscard]] int signal();  // that has come; 0: none

 private:
  void take_signal();
  std::atomic<int> signal_{0};
  MonotonicTime begin_ = std::chrono::steady_clock::now();
  MonotonicTime drawn_at_ = begin_;
  bool terminal_ = false;
  bool drawn_ = false;
};

}  // namespace jobward::cli
