// A scan as users ask for it: the flags of `jobward scan stubs`, the fields of a contract's check.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "scan/sources.h"
#include "scan/stubs.h"

namespace jobward::scan {

struct StubRequest {
  std::vector<std::string> paths;  // Python files, or directories of them
  std::vector<std::string> markers;
  // "NAME=CALL|CALL": the marker NAME has to reach one of these calls, beside what it has to reach
  // anyway.
  std::vector<std::string> required;
  std::vector<std::string> trusted_decorators;
  std::vector<std::string> known_stubs;  // files of which every function is a stub
  std::string against;                   // a record (record.h); empty: none
  std::optional<std::string> record;     // its text, where it has been read already
  std::size_t max_bytes = kMaxSourceBytes;
  std::function<bool()> go_on;  // asked between files; false: the rest is a problem of the report
};

struct StubScan {
  Sources sources;
  StubReport report;  // with what could not be read
};

// Are the words of a request well formed? Reads no file.
Status check_words(const StubRequest& request);

// An error: the request itself is wrong, or a file that decides (known stubs, the record) cannot be
// read, or this build cannot parse. Sources that cannot be judged are problems of the report.
Result<StubScan> scan_stubs(const StubRequest& request);

}  // namespace jobward::scan
