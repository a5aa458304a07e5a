// stubs: marked functions in sources.
#include "common/text.h"
#include "profiles/paths.h"
#include "scan/request.h"
#include "verify/examination.h"

namespace jobward::verify {
namespace {

std::vector<std::string> absolute(const Contract& contract, const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  for (const auto& path : paths)
    out.push_back(profiles::absolute_path(contract.directory, path));
  return out;
}

scan::StubRequest request_of(const Contract& contract, const Stubs& demand) {
  scan::StubRequest out;
  out.paths = absolute(contract, demand.paths);
  out.markers = demand.markers;
  out.required = demand.required;
  out.trusted_decorators = demand.trusted_decorators;
  out.known_stubs = absolute(contract, demand.known_stubs);
  if (demand.against.empty()) return out;
  out.against = profiles::absolute_path(contract.directory, demand.against);
  out.record = demand.record;
  return out;
}

std::string place_words(const Contract& contract, const std::string& file, std::size_t line) {
  return printable(profiles::path_within(contract.project, file)) +
         (line > 0 ? ":" + std::to_string(line) : "");
}

// One sentence for each fault.
std::vector<std::string> fault_words(const Contract& contract, const scan::StubReport& report) {
  std::vector<std::string> out;
  for (const auto& function : report.functions)
    for (const auto& fault : function.faults)
      out.push_back(function.marker + ", " + place_words(contract, function.file, function.line) +
                    " " + printable(function.function) + ": " +
                    std::string(to_string(fault.reason)) + ": " + fault.message);
  for (const auto& marker : report.markers)
    out.push_back(marker.marker + ": " + std::string(to_string(marker.fault.reason)) + ": " +
                  marker.fault.message);
  return out;
}

std::vector<Facts> function_facts(const Contract& contract, const scan::StubReport& report) {
  std::vector<Facts> out;
  for (const auto& function : report.functions) {
    Facts one;
    one.put("marker", function.marker);
    one.put("function", printable(function.function));
    one.put("place", place_words(contract, function.file, function.line));
    one.put("sha256", function.recorded.sha256);
    one.put("reached_sha256", function.recorded.reached_sha256);
    out.push_back(std::move(one));
  }
  return out;
}

Result<Outcome> judge_stubs(const CheckContext& context, const Stubs& demand) {
  const auto& contract = *context.contract;
  auto request = request_of(contract, demand);
  bool stopped = false;
  request.go_on = [&] {
    return !(stopped = stopped || (context.tick && !context.tick(std::nullopt)));
  };
  const auto scanned = scan::scan_stubs(request);
  if (stopped) return interrupted_error();
  if (!scanned) return tl::unexpected(scanned.error());
  const auto& report = scanned->report;
  if (!report.problems.empty()) {
    const auto& first = report.problems.front();
    return error("judge", place_words(contract, first.file, first.line), first.message);
  }
  const auto faults = fault_words(contract, report);
  Outcome out;
  out.passed = report.passed();
  out.observed = static_cast<std::int64_t>(faults.size());
  out.threshold = static_cast<std::int64_t>(0);
  out.message =
      faults.empty()
          ? std::to_string(report.functions.size()) +
                " marked functions do something, as far as can be told"
          : faults[0] +
                (faults.size() > 1 ? "; and " + std::to_string(faults.size() - 1) + " more" : "");
  out.details.put("faults", faults);
  out.details.put("functions", function_facts(contract, report));
  out.details.put("left_out", scanned->sources.left_out);
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext&, const Check&, const Stubs& demand) {
  return [demand](const CheckContext& at) { return judge_stubs(at, demand); };
}

}  // namespace jobward::verify
