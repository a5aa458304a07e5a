#include "scan/request.h"

#include <algorithm>
#include <utility>

#include "common/files.h"
#include "common/text.h"
#include "scan/record.h"

namespace jobward::scan {
namespace {

Result<std::vector<Marker>> markers_of(const StubRequest& request) {
  std::vector<Marker> out;
  const auto find = [&](std::string_view name) {
    return std::find_if(out.begin(), out.end(), [&](const auto& one) { return one.name == name; });
  };
  for (const auto& name : request.markers) {
    if (!is_marker_name(name))
      return error("use", "the marker " + printable(name),
                   "it is nothing that a function is called");
    if (find(name) == out.end()) out.push_back(standard_marker(name));
  }
  for (const auto& text : request.required) {
    const auto equals = text.find('=');
    const auto marker = find(text.substr(0, equals));
    const std::string what = "the required calls " + printable(text);
    if (equals == std::string::npos || equals + 1 == text.size())
      return error("use", what, "they are no NAME=CALL, such as checkpoint=torch.save|.save");
    if (marker == out.end())
      return error("use", what, printable(text.substr(0, equals)) + " is not among the markers");
    RequiredCalls calls{"a required call", {}};
    for (const auto call : split(std::string_view(text).substr(equals + 1), '|'))
      if (!trim(call).empty()) calls.any_of.emplace_back(trim(call));
    if (calls.any_of.empty()) return error("use", what, "they name no call");
    marker->required.push_back(std::move(calls));
  }
  return out;
}

Result<std::set<std::string>> known_bodies(const StubRequest& request) {
  std::set<std::string> out;
  for (const auto& path : request.known_stubs) {
    auto sources = read_sources({path}, request.max_bytes);
    for (const auto& problem : sources.problems)
      return error("read", printable(problem.file), problem.message);
    for (auto& file : sources.files) {
      auto bodies = bodies_of(std::move(file));
      if (!bodies) {
        const auto& problem = bodies.error();
        return error("read", printable(problem.file) + ":" + std::to_string(problem.line),
                     problem.message);
      }
      out.merge(*bodies);
    }
  }
  return out;
}

Result<StubRules> rules_of(const StubRequest& request, const Sources& sources) {
  StubRules rules;
  auto markers = markers_of(request);
  if (!markers) return tl::unexpected(std::move(markers).error());
  rules.markers = *std::move(markers);
  rules.trusted_decorators.insert(request.trusted_decorators.begin(),
                                  request.trusted_decorators.end());
  auto known = known_bodies(request);
  if (!known) return tl::unexpected(std::move(known).error());
  rules.known_stubs = *std::move(known);
  if (request.against.empty()) return rules;
  auto text = request.record ? Result<std::string>(*request.record) : read_file(request.against);
  if (!text) return tl::unexpected(std::move(text).error());
  auto record = read_record(*text, request.against);
  if (!record) return tl::unexpected(std::move(record).error());
  from_record_paths(*record, request.against, sources.files);
  rules.against = *std::move(record);
  return rules;
}

}  // namespace

Status check_words(const StubRequest& request) {
  auto markers = markers_of(request);
  if (!markers) return tl::unexpected(std::move(markers).error());
  return {};
}

Result<StubScan> scan_stubs(const StubRequest& request) {
  if (!can_parse()) return error("look for", "stubs", std::string(how_to_parse()));
  StubScan out;
  out.sources = read_sources(request.paths, request.max_bytes, request.go_on);
  auto rules = rules_of(request, out.sources);
  if (!rules) return tl::unexpected(std::move(rules).error());
  out.report = find_stubs(out.sources.files, *rules, request.go_on);
  auto& problems = out.report.problems;
  problems.insert(problems.begin(), out.sources.problems.begin(), out.sources.problems.end());
  return out;
}

}  // namespace jobward::scan
