#include "verify/report.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "common/exit_codes.h"
#include "verify/report_json.h"

namespace jobward::verify {

void Facts::put(std::string name, bool value) { all_.emplace_back(std::move(name), value); }
void Facts::put(std::string name, std::int64_t value) { all_.emplace_back(std::move(name), value); }
void Facts::put(std::string name, double value) { all_.emplace_back(std::move(name), value); }
void Facts::put(std::string name, std::string value) {
  all_.emplace_back(std::move(name), std::move(value));
}
void Facts::put(std::string name, std::vector<std::string> value) {
  all_.emplace_back(std::move(name), std::move(value));
}
void Facts::put(std::string name, std::vector<Facts> value) {
  all_.emplace_back(std::move(name), std::move(value));
}

std::string_view to_string(State state) {
  static constexpr std::array<std::string_view, 3> kNames{"passed", "failed", "error"};
  return kNames[static_cast<std::size_t>(state)];
}

bool Report::any_hard_fail() const {
  return std::any_of(checks.begin(), checks.end(), [](const CheckResult& one) {
    return one.state == State::failed && one.effective == Severity::hard_fail;
  });
}

bool Report::any_error() const {
  return std::any_of(checks.begin(), checks.end(),
                     [](const CheckResult& one) { return one.state == State::error; });
}

int Report::exit_status() const {
  if (any_hard_fail()) return 1;
  return any_error() ? exit_code::kUsage : 0;
}

std::vector<Finding> findings(const Report& report) {
  std::vector<Finding> out;
  for (const auto& check : report.checks) {
    Finding finding;
    finding.source = "verify";
    finding.check = check.id;
    finding.primitive = check.primitive;
    finding.declared = check.declared;
    finding.effective = check.effective;
    finding.passed = check.state == State::passed;
    finding.message = check.message;
    finding.details = details_json(report, check);
    out.push_back(std::move(finding));
  }
  return out;
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string percent(double share) {
  // Never "0 %" for something, nor "100 %" for not all.
  const double value = share * 100;
  std::array<char, 64> text{};
  if (value != 0 && value < 0.01)
    std::snprintf(text.data(), text.size(), "%.2g %%", value);
  else if (value != 100 && value > 99.99)
    for (int digits = 6; digits <= 17; ++digits) {
      std::snprintf(text.data(), text.size(), "%.*g %%", digits, value);
      if (std::strtod(text.data(), nullptr) < 100) break;
    }
  else
    std::snprintf(text.data(), text.size(), "%.4g %%", value);
  return text.data();
}

std::string shown(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return grouped(*whole);
  if (const auto* words = std::get_if<std::string>(&value)) return *words;
  const auto* number = std::get_if<double>(&value);
  if (number == nullptr) return {};
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), *number).ptr;
  return {buffer.data(), end};
}

}  // namespace jobward::verify
