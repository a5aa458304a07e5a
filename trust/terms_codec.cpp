#include "trust/terms_codec.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "trust/canonical.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

Json texts(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const auto& word : words)
    out.push_back(json_text(word));
  return out;
}

Json term_json(const Term& term) {
  Json out{{"check", json_text(term.check)},
           {"primitive", json_text(term.primitive)},
           {"severity", to_string(term.severity)},
           {"bounds", Json::object()},
           {"choices", Json::object()},
           {"sets", Json::object()},
           {"fixed", Json::object()}};
  for (const auto& [name, bound] : term.bounds) {
    Json& one = out["bounds"][json_key(name)];
    one["loosens"] = bound.loosens == Bound::Loosens::up ? "up" : "down";
    if (bound.value) one["value"] = number_text(*bound.value);
  }
  for (const auto& [name, choice] : term.choices)
    out["choices"][json_key(name)] = {{"strict_to_loose", texts(choice.strict_to_loose)},
                                      {"value", json_text(choice.value)}};
  for (const auto& [name, set] : term.sets)
    out["sets"][json_key(name)] = {{"larger_is_looser", set.larger_is_looser},
                                   {"members", texts(set.members)}};
  for (const auto& [name, value] : term.fixed)
    out["fixed"][json_key(name)] = json_text(value);
  return out;
}

// The library throws where a member is missing or of another type; see read_terms.
std::vector<std::string> read_texts(const Json& array) {
  return array.get<std::vector<std::string>>();
}

double read_number(const std::string& text) {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::optional<Term> read_term(const Json& value) {
  Term out;
  const auto severity = parse_severity(value.at("severity").get<std::string>());
  if (!severity) return std::nullopt;
  out.severity = *severity;
  out.check = value.at("check").get<std::string>();
  out.primitive = value.at("primitive").get<std::string>();
  for (const auto& [name, one] : value.at("bounds").items()) {
    Bound& bound = out.bounds[name];
    bound.loosens = one.at("loosens") == "up" ? Bound::Loosens::up : Bound::Loosens::down;
    if (one.contains("value")) bound.value = read_number(one["value"].get<std::string>());
  }
  for (const auto& [name, one] : value.at("choices").items())
    out.choices[name] = {read_texts(one.at("strict_to_loose")), one.at("value").get<std::string>()};
  for (const auto& [name, one] : value.at("sets").items())
    out.sets[name] = {read_texts(one.at("members")), one.at("larger_is_looser").get<bool>()};
  for (const auto& [name, one] : value.at("fixed").items())
    out.fixed[name] = one.get<std::string>();
  return out;
}

}  // namespace

std::string canonical_text(const ContractTerms& terms) {
  Json list = Json::array();
  for (const auto& term : terms.terms)
    list.push_back(term_json(term));
  return canonical({{"id", json_text(terms.id)}, {"terms", std::move(list)}});
}

std::optional<ContractTerms> read_terms(std::string_view text) {
  const auto value = Json::parse(text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  try {
    ContractTerms out;
    out.id = value.at("id").get<std::string>();
    for (const auto& one : value.at("terms")) {
      auto term = read_term(one);
      if (!term) return std::nullopt;
      out.terms.push_back(std::move(*term));
    }
    return out;
  } catch (const Json::exception&) {  // the library's only way to say that a member is missing
    return std::nullopt;
  }
}

}  // namespace jobward::trust
