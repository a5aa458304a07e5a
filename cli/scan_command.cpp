// jobward scan stubs: functions that say they do something and do not.
#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "common/files.h"
#include "common/text.h"
#include "common/units.h"
#include "scan/record.h"
#include "scan/request.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFailed = 1;
constexpr int kUnreadable = 2;

struct Options {
  std::vector<std::string> paths;
  std::vector<std::string> markers;
  std::vector<std::string> required;
  std::vector<std::string> trusted;
  std::vector<std::string> known_stubs;
  std::string record;
  std::string against;
  std::string max_bytes;
  bool json = false;
};

struct Scan : scan::StubScan {
  std::string recorded_to;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("--markers", options.markers, "What the functions are called, or marked as")
      ->type_name("NAME,…")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->required();
  app.add_option("PATH", options.paths, "Python files, or directories of them")->required();
  app.add_option("--require", options.required,
                 "Calls of which one must be reached (repeatable): each demand has to be met. "
                 "atomic_write demands a rename and an fsync anyway")
      ->type_name("NAME=CALL|CALL…")
      ->allow_extra_args(false);
  app.add_option("--trust-decorators", options.trusted, "They call what they wrap")
      ->type_name("NAME,…")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--known-stubs", options.known_stubs,
                 "Every function of this file is a stub (repeatable)")
      ->type_name("FILE.py")
      ->allow_extra_args(false);
  auto* record = app.add_option("--record", options.record,
                                "If nothing is at fault, record what the functions are now")
                     ->type_name("FILE");
  app.add_option("--against", options.against, "Fail where a function is not what was recorded")
      ->type_name("FILE")
      ->excludes(record);
  app.add_option("--max-bytes", options.max_bytes, "Larger files are not judged (2MiB)")
      ->type_name("SIZE");
  app.add_flag("--json", options.json, "One JSON object instead of text");
  app.footer(
      "Exit status: 0 all is as it says; 1 a function is a stub, has changed or is missing; 2 "
      "usage,\nor something could not be judged. docs/stubs.md tells what is caught and what not.");
}

Status write_down(const Options& options, Scan& scan) {
  if (options.record.empty() || !scan.report.passed()) return {};
  std::vector<scan::RecordedBody> functions;
  for (const auto& function : scan.report.functions)
    functions.push_back(function.recorded);
  scan::to_record_paths(functions, options.record);
  JOBWARD_RETURN_IF_ERROR(
      write_file_atomic(options.record, scan::write_record(std::move(functions))));
  scan.recorded_to = options.record;
  return {};
}

Result<Scan> scan_sources(const Options& options) {
  scan::StubRequest request;
  request.paths = options.paths;
  request.markers = options.markers;
  request.required = options.required;
  request.trusted_decorators = options.trusted;
  request.known_stubs = options.known_stubs;
  request.against = options.against;
  if (!options.max_bytes.empty()) {
    const auto parsed = parse_bytes(options.max_bytes);
    if (!parsed) return rethrow(parsed.error(), "--max-bytes");
    if (*parsed == 0 || *parsed > UINT32_MAX / 2)
      return error("use", "--max-bytes", "more than 0 and less than 2GiB is possible");
    request.max_bytes = *parsed;
  }
  auto scanned = scan::scan_stubs(request);
  if (!scanned) return tl::unexpected(std::move(scanned).error());
  Scan out{std::move(*scanned), {}};
  JOBWARD_RETURN_IF_ERROR(write_down(options, out));
  return out;
}

Json faults_json(const std::vector<scan::StubFault>& faults) {
  Json out = Json::array();
  for (const auto& fault : faults)
    out.push_back({{"reason", scan::to_string(fault.reason)}, {"message", fault.message}});
  return out;
}

Json scan_json(const Scan& scan) {
  Json functions = Json::array();
  for (const auto& function : scan.report.functions) {
    Json entry{{"marker", function.marker},
               {"function", function.function},
               {"file", function.file},
               {"line", function.line},
               {"passed", function.faults.empty()}};
    if (!function.body_sha256.empty()) {
      entry["body_sha256"] = function.body_sha256;
      entry["sha256"] = function.recorded.sha256;
      entry["reached_sha256"] = function.recorded.reached_sha256;
    }
    entry["faults"] = faults_json(function.faults);
    functions.push_back(std::move(entry));
  }
  Json markers = Json::array();
  for (const auto& marker : scan.report.markers)
    markers.push_back({{"marker", marker.marker}, {"faults", faults_json({marker.fault})}});
  Json problems = Json::array();
  for (const auto& problem : scan.report.problems) {
    Json entry{{"file", problem.file}};
    if (problem.line > 0) entry["line"] = problem.line;
    entry["message"] = problem.message;
    problems.push_back(std::move(entry));
  }
  Json out{{"schema_version", kSchemaVersion},       {"passed", scan.report.passed()},
           {"files", scan.sources.files.size()},     {"functions", std::move(functions)},
           {"markers_at_fault", std::move(markers)}, {"problems", std::move(problems)},
           {"left_out", scan.sources.left_out}};
  if (!scan.recorded_to.empty()) out["recorded_to"] = scan.recorded_to;
  return out;
}

std::string place_words(const std::string& file, std::size_t line) {
  return printable(file) + (line > 0 ? ":" + std::to_string(line) : "");
}

std::string scan_text(const Scan& scan) {
  std::string out;
  for (const auto& function : scan.report.functions) {
    const std::string where = function.marker + "  " + place_words(function.file, function.line) +
                              " " + printable(function.function);
    if (function.faults.empty()) out += "ok    " + where + "\n";
    for (const auto& fault : function.faults)
      out += "FAIL  " + where + ": " + std::string(scan::to_string(fault.reason)) + ": " +
             fault.message + "\n";
  }
  for (const auto& marker : scan.report.markers)
    out += "FAIL  " + marker.marker + ": " + std::string(scan::to_string(marker.fault.reason)) +
           ": " + marker.fault.message + "\n";
  for (const auto& problem : scan.report.problems)
    out += "not judged: " + place_words(problem.file, problem.line) + ": " + problem.message + "\n";
  for (const auto& path : scan.sources.left_out)
    out += "left out: " + printable(path) + "\n";
  const auto& report = scan.report;
  out += std::to_string(report.functions.size()) + " marked in " +
         std::to_string(scan.sources.files.size()) + " files: " + std::to_string(report.faults()) +
         " at fault, " + std::to_string(report.problems.size()) + " files not judged\n";
  if (!scan.recorded_to.empty()) out += "recorded in " + printable(scan.recorded_to) + "\n";
  return out;
}

int stubs(const Options& options) {
  const auto scan = scan_sources(options);
  if (!scan) return failure("scan stubs", scan.error().message(), kUnreadable);
  const auto text = options.json ? dump(scan_json(*scan), true) : scan_text(*scan);
  std::fputs(text.c_str(), stdout);
  if (!scan->report.problems.empty()) return kUnreadable;
  return scan->report.passed() ? 0 : kFailed;
}

}  // namespace

int scan_command(const Arguments& arguments) {
  Options options;
  CLI::App app("Reads sources and finds what only seems to be there.", "scan");
  set_usage(app, "jobward scan stubs --markers NAME,… [OPTIONS] PATH…");
  app.require_subcommand(1);
  auto& command = *app.add_subcommand("stubs", "Functions that say they do something and do not");
  command.get_formatter()->column_width(34);
  declare(command, options);
  if (const auto done = parse_options(app, arguments.options, kUnreadable)) return *done;
  if (arguments.command) return usage_error("scan", "no command is expected here", kUnreadable);
  return stubs(options);
}

}  // namespace jobward::cli
