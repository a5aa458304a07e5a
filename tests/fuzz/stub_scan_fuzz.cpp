// The stub scanner: any bytes give a report, whose words are clean, and the same one twice.
#include <cstdint>
#include <string>
#include <string_view>

#include "common/text.h"
#include "scan/stubs.h"
#include "tests/fuzz/check.h"

using jobward::fuzz::require;

namespace {

void check_faults(const std::vector<jobward::scan::StubFault>& faults) {
  for (const auto& fault : faults) {
    require(!fault.message.empty(), "a fault says what it is");
    require(jobward::printable(fault.message) == fault.message, "in one clean line", fault.message);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  jobward::scan::StubRules rules;
  for (const auto* name : {"checkpoint", "resume", "atomic_write"})
    rules.markers.push_back(jobward::scan::standard_marker(name));
  const auto report = jobward::scan::find_stubs({{"a.py", text}, {"b.py", text}}, rules);
  for (const auto& function : report.functions) {
    require(function.line >= 1, "a function has a line");
    check_faults(function.faults);
  }
  for (const auto& marker : report.markers)
    check_faults({marker.fault});
  for (const auto& problem : report.problems)
    require(jobward::printable(problem.message) == problem.message, "a problem is one clean line");
  require(report.problems.empty() || !report.passed(), "what is not judged has not passed");
  rules.against.emplace();
  for (const auto& function : report.functions)
    if (!function.recorded.sha256.empty()) rules.against->push_back(function.recorded);
  const auto again = jobward::scan::find_stubs({{"a.py", text}, {"b.py", text}}, rules);
  require(again.faults() == report.faults(), "it is as it was recorded");
  return 0;
}
