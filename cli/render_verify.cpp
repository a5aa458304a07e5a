#include "cli/render_verify.h"

#include <algorithm>

#include "cli/render_text.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using verify::CheckResult;
using verify::State;

std::string state_words(const CheckResult& check) {
  switch (check.state) {
    case State::passed:
      return "ok";
    case State::failed:
      return std::string(to_string(check.effective));
    case State::error:
      return "ERROR";
  }
  return {};
}

std::string sample_words(const verify::Sample& sample) {
  std::string out;
  for (const auto& [name, cell] : sample)
    out += (out.empty() ? "" : ", ") + printable(name) + " = " +
           (cell ? shortened(printable(*cell), 60) : "NULL");
  return out;
}

std::size_t widest(const std::vector<CheckResult>& checks, std::string CheckResult::*member) {
  std::size_t out = 5;
  for (const auto& check : checks)
    out = std::max(out, std::min<std::size_t>((check.*member).size(), 40));
  return out + 2;
}

std::string counted(std::ptrdiff_t count, const char* what) {
  return std::to_string(count) + " " + what;
}

std::string verdict(const verify::Report& report) {
  const auto count = [&](auto matches) {
    return std::count_if(report.checks.begin(), report.checks.end(), matches);
  };
  std::string out =
      counted(count([](const auto& one) { return one.state == State::passed; }), "passed");
  for (const auto severity : {Severity::hard_fail, Severity::warn, Severity::info}) {
    const auto failed = count([&](const CheckResult& one) {
      return one.state == State::failed && one.effective == severity;
    });
    if (failed > 0) out += ", " + counted(failed, "failed as ") + std::string(to_string(severity));
  }
  const auto errors = count([](const auto& one) { return one.state == State::error; });
  if (errors > 0) out += ", " + counted(errors, "could not be checked");
  return out;
}

std::string guard_words(const std::vector<Finding>& findings) {
  std::string out;
  for (const auto& finding : findings)
    if (finding.source == "guard")
      out += "  " + padded(std::string(to_string(finding.effective)), 11) +
             printable(finding.check) + "  " + printable(finding.message) + "\n";
  return out;
}

// What a check has looked at, and what that cost.
std::string cost_words(const CheckResult& check) {
  std::string out = format_duration(check.seconds);
  if (check.shared_scan) out += " (with a scan that others used, too)";
  if (check.rows) out += ", " + verify::grouped(*check.rows) + " rows";
  return out;
}

std::string digest_words(const verify::DatasetFacts& dataset) {
  if (!dataset.digest) return dataset.no_digest.empty() ? "no digest" : dataset.no_digest;
  if (dataset.digest->basis == verify::DatasetDigest::Basis::content)
    return "SHA-256 " + dataset.digest->sha256;
  return "no digest (size and time only: no evidence of content)";
}

// With --verbose: what was read, and by which engine.
std::string evidence_words(const verify::Report& report) {
  std::string out;
  for (const auto& dataset : report.datasets)
    out += "  " + dataset.name + ": " + std::to_string(dataset.file_count) +
           (dataset.file_count == 1 ? " file, " : " files, ") +
           format_bytes(static_cast<double>(dataset.bytes)) +
           (dataset.rows ? ", " + verify::grouped(*dataset.rows) + " rows" : std::string()) + ", " +
           printable(digest_words(dataset)) + "\n";
  if (!report.engine_version.empty())
    out += "  DuckDB " + report.engine_version + " (" + printable(report.engine_path) +
           "), at most " + format_bytes(static_cast<double>(report.memory_cap)) + "\n";
  return out + "  contract SHA-256 " + report.contract_sha256 + "\n";
}

std::string report_text(const verify::Report& report, bool verbose) {
  std::string out;
  const auto id = widest(report.checks, &CheckResult::id);
  const auto primitive = widest(report.checks, &CheckResult::primitive);
  for (const auto& check : report.checks) {
    out += "  " + padded(state_words(check), 11) + padded(printable(check.id), id) +
           padded(check.primitive, primitive) + check.message + "\n";
    if (verbose) out += std::string(15, ' ') + cost_words(check) + "\n";
    for (const auto& sample : check.samples)
      out += std::string(15, ' ') + sample_words(sample) + "\n";
  }
  if (verbose) out += evidence_words(report);
  return out + verdict(report) + "; " + format_duration(report.seconds) + "\n";
}

}  // namespace

std::string verify_text(const ContractVerdict& verdict, bool verbose) {
  const std::string head = printable(verdict.contract) + " (" + printable(verdict.path) + ")\n" +
                           guard_words(verdict.findings);
  return head + (verdict.report ? report_text(*verdict.report, verbose)
                                : std::string("refused; no data were looked at\n"));
}

}  // namespace jobward::cli
