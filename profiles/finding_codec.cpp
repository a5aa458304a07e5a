#include "profiles/finding_codec.h"

#include <nlohmann/json.hpp>

namespace jobward::profiles {

using Json = nlohmann::json;

Json findings_json(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const auto& finding : findings)
    out.push_back({{"source", finding.source},
                   {"check", finding.check},
                   {"primitive", finding.primitive},
                   {"declared", to_string(finding.declared)},
                   {"effective", to_string(finding.effective)},
                   {"passed", finding.passed},
                   {"message", finding.message},
                   {"details", finding.details}});
  return out;
}

std::vector<Finding> read_findings(const Json& json) {
  std::vector<Finding> out;
  const auto severity = [](const Json& one, const char* key) {
    return parse_severity(one.at(key).get<std::string>()).value_or(Severity::hard_fail);
  };
  for (const auto& one : json)
    out.push_back({one.at("source"), one.at("check"), one.at("primitive"),
                   severity(one, "declared"), severity(one, "effective"), one.at("passed"),
                   one.at("message"), one.at("details")});
  return out;
}

}  // namespace jobward::profiles
