// Contracts: a contract whose every part is in range, or an error that names the file in one clean
// line; and the terms of it are complete.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/text.h"
#include "tests/fuzz/check.h"
#include "verify/contract_reader.h"
#include "verify/terms.h"

using jobward::fuzz::require;

namespace {

namespace verify = jobward::verify;

void check_contract(const verify::Contract& contract) {
  require(!contract.id.empty(), "a contract has an id");
  require(!contract.checks.empty(), "a contract has checks");
  for (const auto& check : contract.checks)
    for (const auto& name : verify::datasets_of(check))
      require(contract.dataset(name) != nullptr, "a check's datasets are declared", name);
  const auto terms = verify::terms_of(contract);
  require(terms.terms.size() == contract.checks.size(), "every check has a term");
  for (const auto& term : terms.terms)
    for (const auto& [name, bound] : term.bounds)
      require(!bound.value || std::isfinite(*bound.value), "a bound is a number", name);
}

void check_text(std::string_view text, verify::Form form) {
  const auto beside = [](const std::string& path) -> jobward::Result<std::string> {
    return jobward::error("read", jobward::printable(path), "there is none");
  };
  const auto contract = verify::parse_contract(text, "FILE", form, beside);
  if (contract) return check_contract(*contract);
  const auto message = contract.error().message();
  const std::string place = form == verify::Form::toml ? "FILE:" : "FILE#";
  require(message.find(place) != std::string::npos, "the error names the place", message);
  require(jobward::printable(message) == message, "the error is one clean line", message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_text(text, verify::Form::toml);
  check_text(text, verify::Form::json);
  return 0;
}
