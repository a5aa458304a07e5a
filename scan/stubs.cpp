#include "scan/stubs.h"

#include <algorithm>
#include <cctype>
#include <tuple>
#include <utility>

#include "common/text.h"
#include "scan/body_hash.h"
#include "scan/judge.h"

namespace jobward::scan {
namespace {

std::vector<Module> read_modules(std::vector<SourceFile> files,
                                 std::vector<SourceProblem>& problems,
                                 const std::function<bool()>& go_on) {
  std::vector<Module> out;
  for (auto& file : files) {
    if (go_on && !go_on()) {
      problems.push_back({file.name, 0, "it was to stop"});
      break;
    }
    auto tree = parse_python(std::move(file.text), file.name);
    if (!tree) {
      problems.push_back(std::move(tree).error());
      continue;
    }
    out.push_back(read_module(*std::move(tree), std::move(file.name)));
  }
  return out;
}

void add_replacements(const Program& program, const Carriers& carriers, StubReport& report) {
  for (const auto& replacement : carriers.replacements) {
    const Module& module = program.modules()[replacement.module];
    MarkedFunction out;
    out.marker = replacement.marker;
    out.file = module.file;
    out.line = module.tree.line(replacement.where);
    out.function = std::string(module.tree.text(replacement.where).substr(0, 80));
    if (const auto end = out.function.find('\n'); end != std::string::npos)
      out.function.resize(end);
    out.faults.push_back({StubReason::replaced, replacement.what +
                                                    " puts something else in its place that cannot "
                                                    "be looked into"});
    report.functions.push_back(std::move(out));
  }
}

const RecordedBody* find_record(const std::vector<RecordedBody>& record, const RecordedBody& now) {
  const auto found = std::find_if(record.begin(), record.end(), [&](const RecordedBody& entry) {
    return std::tie(entry.marker, entry.file, entry.function) ==
           std::tie(now.marker, now.file, now.function);
  });
  return found == record.end() ? nullptr : &*found;
}

// Two definitions of one name in one scope have one title: any of the records may be the one.
bool matches(const std::vector<RecordedBody>& record, const RecordedBody& now) {
  return std::find(record.begin(), record.end(), now) != record.end();
}

void compare_function(const std::vector<RecordedBody>& record, MarkedFunction& function) {
  if (function.recorded.sha256.empty() || matches(record, function.recorded)) return;
  const RecordedBody* then = find_record(record, function.recorded);
  if (then == nullptr) {
    function.faults.push_back(
        {StubReason::not_recorded, "it is not in the record; look at it, then record it"});
  } else if (then->sha256 != function.recorded.sha256) {
    function.faults.push_back(
        {StubReason::changed, "it is not what was recorded; look at it, then record it again"});
  } else {
    function.faults.push_back(
        {StubReason::calls_changed,
         "a function that it calls is not what was recorded; look at it, then "
         "record it again"});
  }
}

void compare(const StubRules& rules, StubReport& report) {
  for (auto& function : report.functions)
    compare_function(*rules.against, function);
  for (const auto& then : *rules.against) {
    const bool asked =
        std::any_of(rules.markers.begin(), rules.markers.end(),
                    [&](const Marker& marker) { return marker.name == then.marker; });
    const bool there = std::any_of(
        report.functions.begin(), report.functions.end(), [&](const MarkedFunction& function) {
          return std::tie(function.recorded.marker, function.recorded.file,
                          function.recorded.function) ==
                 std::tie(then.marker, then.file, then.function);
        });
    if (asked && !there)
      report.markers.push_back(
          {then.marker,
           {StubReason::gone, printable(then.function) + " of " + printable(then.file) +
                                  " is recorded and not there any more"}});
  }
}

void add_missing(const StubRules& rules, const Carriers& carriers, StubReport& report) {
  for (const auto& marker : rules.markers) {
    const bool found =
        std::any_of(report.functions.begin(), report.functions.end(),
                    [&](const MarkedFunction& function) { return function.marker == marker.name; });
    if (found) continue;
    std::string message = "no function carries it";
    if (const auto hint = carriers.hints.find(marker.name); hint != carriers.hints.end())
      message += ": " + hint->second;
    report.markers.push_back({marker.name, {StubReason::missing, std::move(message)}});
  }
}

}  // namespace

Marker standard_marker(std::string name) {
  Marker out{std::move(name), {}};
  if (out.name == "atomic_write")
    out.required = {
        {"a rename", {"os.replace", "os.rename", "os.renames", ".replace/1", ".rename/1"}},
        {"an fsync", {"os.fsync", "os.fdatasync"}}};
  return out;
}

bool is_marker_name(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
         });
}

std::size_t StubReport::faults() const {
  std::size_t out = markers.size();
  for (const auto& function : functions)
    out += function.faults.size();
  return out;
}

StubReport find_stubs(std::vector<SourceFile> files, const StubRules& rules,
                      const std::function<bool()>& go_on) {
  StubReport report;
  const Program program(read_modules(std::move(files), report.problems, go_on));
  const Carriers carriers = find_carriers(program, rules.markers);
  Judge judge(program, rules);
  for (const auto& marker : rules.markers)
    for (const auto& carrier : carriers.found)
      if (carrier.marker == marker.name) report.functions.push_back(judge.judge(carrier, marker));
  add_replacements(program, carriers, report);
  const auto place = [&](const MarkedFunction& function) {
    const auto marker =
        std::find_if(rules.markers.begin(), rules.markers.end(),
                     [&](const Marker& one) { return one.name == function.marker; });
    return std::make_tuple(marker - rules.markers.begin(), function.file, function.line);
  };
  std::stable_sort(
      report.functions.begin(), report.functions.end(),
      [&](const MarkedFunction& a, const MarkedFunction& b) { return place(a) < place(b); });
  add_missing(rules, carriers, report);
  if (rules.against) compare(rules, report);
  return report;
}

tl::expected<std::set<std::string>, SourceProblem> bodies_of(SourceFile file) {
  auto tree = parse_python(std::move(file.text), file.name);
  if (!tree) return tl::unexpected(std::move(tree).error());
  const Module module = read_module(*std::move(tree), std::move(file.name));
  std::set<std::string> out;
  for (const auto& function : module.functions)
    out.insert(body_digest(module, function));
  return out;
}

}  // namespace jobward::scan
