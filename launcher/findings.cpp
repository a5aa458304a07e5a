#include "launcher/findings.h"

#include <algorithm>

#include "common/exit_codes.h"
#include "common/units.h"
#include "launcher/endings.h"

namespace jobward::launcher {
namespace {

Finding own(const char* source, const char* check, Severity severity, std::string message) {
  return {source, check, check, severity, severity, false, std::move(message), {}};
}

}  // namespace

void add_own_findings(RunResult& result) {
  auto& ending = result.ending;
  if (!result.started) return;
  const auto need = ending.usage.get(Metric::memory_need);
  const auto* predicted = result.request.estimate.by.find(Resource::memory);
  if (need && predicted != nullptr && *need > predicted->p99)
    ending.findings.push_back(own("launcher", "need_within_estimate", Severity::warn,
                                  "the job needed " + format_bytes(*need) + ", more than the " +
                                      format_bytes(predicted->p99) +
                                      " that 99 of 100 such runs were predicted to stay within"));
  if (ending.outcome == Outcome::watchdog_killed)
    ending.findings.push_back(own("watchdog", "not_killed", Severity::hard_fail, ending.cause));
}

void check_product(const RunHooks& hooks, RunResult& result) {
  auto& ending = result.ending;
  if (!hooks.check_product || !result.started || ending.outcome != Outcome::ok) return;
  auto found = hooks.check_product();
  const auto halting = std::find_if(found.begin(), found.end(), halts);
  if (halting != found.end()) {
    ending.outcome = Outcome::verify_failed;
    ending.cause = "check " + halting->check + ": " + halting->message;
    const auto others = std::count_if(found.begin(), found.end(), halts) - 1;
    if (others > 0) ending.cause += " (and " + std::to_string(others) + " more)";
    ending.exit_code = exit_code::kVerifyFailed;
    ending.exit_source = "jobward";
  }
  std::move(found.begin(), found.end(), std::back_inserter(ending.findings));
}

}  // namespace jobward::launcher
