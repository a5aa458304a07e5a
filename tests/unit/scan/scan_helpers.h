// Sources as text, judged.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "scan/stubs.h"

namespace jobward::scan {

inline StubReport judged(std::vector<SourceFile> files, std::vector<std::string> markers,
                         StubRules rules = {}) {
  if (rules.markers.empty())
    for (auto& marker : markers)
      rules.markers.push_back(standard_marker(std::move(marker)));
  return find_stubs(std::move(files), rules);
}

// "ok", or the reasons of all faults in their order, or "problem".
inline std::string words(const StubReport& report) {
  if (!report.problems.empty()) return "problem";
  std::string out;
  const auto add = [&](StubReason reason) {
    out += (out.empty() ? "" : " ") + std::string(to_string(reason));
  };
  for (const auto& function : report.functions)
    for (const auto& fault : function.faults)
      add(fault.reason);
  for (const auto& marker : report.markers)
    add(marker.fault.reason);
  return out.empty() ? "ok" : out;
}

inline std::string judge_of(const std::string& source, const std::string& marker) {
  return words(judged({{"m.py", source}}, {marker}));
}

// The body of def NAME(path, data), with `import os`.
inline std::string body_of(const std::string& body, const std::string& name = "checkpoint") {
  std::string out = "import os\nimport logging\nlog = logging.getLogger(__name__)\n\ndef " + name +
                    "(path, data):\n";
  std::string line;
  for (const char c : body + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    out += "    " + line + "\n";
    line.clear();
  }
  return out;
}

}  // namespace jobward::scan
