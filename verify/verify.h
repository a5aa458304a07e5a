// Checks data against a contract.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/result.h"
#include "verify/contract.h"
#include "verify/duckdb_library.h"
#include "verify/report.h"

namespace jobward::verify {

// The least that a check can be given: below it DuckDB cannot read a CSV file.
inline constexpr std::uint64_t kLeastMemory = 128U << 20U;

struct Options {
  // What the process as a whole may use, at least kLeastMemory. DuckDB is given less: its own
  // accounting is no bound on what it has (see engine_memory).
  std::uint64_t memory_cap = 1U << 30U;
  int threads = 1;
  std::string spill_parent;               // where a private directory for spilling is made
  std::uint64_t spill_limit = 1U << 30U;  // bytes in it
  std::size_t samples = 5;                // offending keys or rows shown of each check
  UnixMillis now = 0;
  Environment environment;        // for finding the engine, once it is needed
  std::string program_directory;  // the same
  // The count of rows that a row_count_parity check accepted last; absent: none yet.
  std::function<std::optional<std::int64_t>(const std::string& check)> last_accepted;
  // Called about ten times a second, from another thread while the engine works; false: stop.
  std::function<bool(const std::string& what, std::optional<double> percent)> progress;
};

// Makes every check of the contract, also after a HARD_FAIL: those that share a scan cost nothing
// more, and who has to mend something wants to know all. What cannot be checked is a result of its
// own (State::error). An error: nothing was checked (no engine, no memory, interrupted).
Result<Report> verify(const Contract& contract, const Options& options);

// How much DuckDB is given of a cap. Measured: what it has at its peak is up to twice its limit,
// plus 60 MiB for the program and the library.
std::uint64_t engine_memory(std::uint64_t cap);

}  // namespace jobward::verify
