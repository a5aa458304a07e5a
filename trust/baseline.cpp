#include "trust/baseline.h"

#include <algorithm>

#include "common/text.h"
#include "trust/canonical.h"
#include "trust/terms_codec.h"

namespace jobward::trust {
namespace {

using Loosened = std::vector<std::string>;

std::string of(const std::string& check) { return "check " + printable(check) + ": "; }

std::string words(const std::optional<double>& value) {
  return value ? number_text(*value) : "no bound";
}

// NaN is looser than anything: nothing compares with it.
bool is_looser(const Bound& before, const Bound& after) {
  if (!before.value) return false;
  if (!after.value) return true;
  const bool holds = before.loosens == Bound::Loosens::up ? *after.value <= *before.value
                                                          : *after.value >= *before.value;
  return !holds;
}

void compare_bounds(const Term& before, const Term& after, Loosened& out) {
  for (const auto& [name, bound] : before.bounds) {
    const auto found = after.bounds.find(name);
    const Bound now =
        found == after.bounds.end() ? Bound{std::nullopt, bound.loosens} : found->second;
    if (now.loosens != bound.loosens)
      out.push_back(of(before.check) + printable(name) + " is now a bound of another kind");
    else if (is_looser(bound, now))
      out.push_back(
          of(before.check) + printable(name) +
          (bound.loosens == Bound::Loosens::up ? " was raised from " : " was lowered from ") +
          words(bound.value) + " to " + words(now.value));
  }
}

void compare_choices(const Term& before, const Term& after, Loosened& out) {
  for (const auto& [name, choice] : before.choices) {
    const auto found = after.choices.find(name);
    if (found != after.choices.end() && found->second.value == choice.value) continue;
    const std::string now = found == after.choices.end() ? "nothing" : found->second.value;
    const auto& order = choice.strict_to_loose;
    const auto old_at = std::find(order.begin(), order.end(), choice.value);
    const auto new_at = std::find(order.begin(), order.end(), now);
    if (old_at == order.end() || new_at == order.end() || new_at > old_at)
      out.push_back(of(before.check) + printable(name) + " was " + printable(choice.value) +
                    " and is " + printable(now));
  }
  // Not named before: only the strictest cannot be a step down.
  for (const auto& [name, choice] : after.choices)
    if (before.choices.count(name) == 0 &&
        (choice.strict_to_loose.empty() || choice.value != choice.strict_to_loose.front()))
      out.push_back(of(before.check) + printable(name) + " is now " + printable(choice.value) +
                    ", and was not said before");
}

std::string missing_from(const std::vector<std::string>& all,
                         const std::vector<std::string>& from) {
  std::string text;
  for (const auto& member : all)
    if (std::find(from.begin(), from.end(), member) == from.end())
      text += (text.empty() ? "" : ", ") + printable(member);
  return text;
}

void compare_sets(const Term& before, const Term& after, Loosened& out) {
  for (const auto& [name, set] : before.sets) {
    const auto found = after.sets.find(name);
    if (found == after.sets.end() || found->second.larger_is_looser != set.larger_is_looser) {
      out.push_back(of(before.check) + printable(name) + " is gone");
      continue;
    }
    const auto& now = found->second.members;
    const std::string change =
        set.larger_is_looser ? missing_from(now, set.members) : missing_from(set.members, now);
    if (!change.empty())
      out.push_back(of(before.check) + printable(name) +
                    (set.larger_is_looser ? " has in addition " : " has no longer ") + change);
  }
}

void compare_fixed(const Term& before, const Term& after, Loosened& out) {
  for (const auto& [name, value] : before.fixed) {
    const auto found = after.fixed.find(name);
    if (found == after.fixed.end())
      out.push_back(of(before.check) + printable(name) + " was " + printable(value) +
                    " and is gone");
    else if (found->second != value)
      out.push_back(of(before.check) + printable(name) + " was " + printable(value) + " and is " +
                    printable(found->second));
  }
  for (const auto& [name, value] : after.fixed)
    if (before.fixed.count(name) == 0)
      out.push_back(of(before.check) + printable(name) + " is now " + printable(value) +
                    ", and was not said before");
}

void compare_terms(const Term& before, const Term& after, Loosened& out) {
  if (after.primitive != before.primitive) {
    out.push_back(of(before.check) + "it was " + printable(before.primitive) + " and is " +
                  printable(after.primitive));
    return;
  }
  if (after.severity < before.severity)
    out.push_back(of(before.check) + "its severity was lowered from " +
                  std::string(to_string(before.severity)) + " to " +
                  std::string(to_string(after.severity)));
  compare_bounds(before, after, out);
  compare_choices(before, after, out);
  compare_sets(before, after, out);
  compare_fixed(before, after, out);
}

const Term* find(const ContractTerms& terms, const std::string& check) {
  for (const auto& term : terms.terms)
    if (term.check == check) return &term;
  return nullptr;
}

// What is asked, but for the data it is asked of: those may go by another pattern.
std::map<std::string, std::string> question_of(const Term& term) {
  auto out = term.fixed;
  std::erase_if(out, [](const auto& one) { return one.first.starts_with("dataset"); });
  return out;
}

bool is_alike(const Term& one, const Term& other, bool same_data) {
  if (one.primitive != other.primitive) return false;
  if (one.check == other.check || (!one.fixed.empty() && one.fixed == other.fixed)) return true;
  if (!same_data) return false;
  const auto members = [](const Term& term) {
    std::map<std::string, std::vector<std::string>> out;
    for (const auto& [name, set] : term.sets)
      if (!set.members.empty()) out[name] = set.members;
    return out;
  };
  return !members(one).empty() && members(one) == members(other) &&
         question_of(one) == question_of(other);
}

// As they come back from the ledger.
ContractTerms as_kept(const ContractTerms& terms) {
  return read_terms(canonical_text(terms)).value_or(terms);
}

}  // namespace

std::vector<std::string> compare(const ContractTerms& before, const ContractTerms& after) {
  const auto old_terms = as_kept(before);
  const auto new_terms = as_kept(after);
  Loosened out;
  for (const auto& term : old_terms.terms) {
    if (const Term* now = find(new_terms, term.check))
      compare_terms(term, *now, out);
    else
      out.push_back(of(term.check) + "it was removed");
  }
  return out;
}

bool same(const ContractTerms& before, const ContractTerms& after) {
  return canonical_text(before) == canonical_text(after);
}

bool is_copy(const ContractTerms& before, const ContractTerms& after, bool same_data) {
  const auto old_terms = as_kept(before);
  const auto new_terms = as_kept(after);
  // Of either: checks that are added must not hide those that were taken over.
  const auto shared = [same_data](const ContractTerms& of, const ContractTerms& in) {
    return std::count_if(of.terms.begin(), of.terms.end(), [&](const Term& term) {
      return std::any_of(in.terms.begin(), in.terms.end(),
                         [&](const Term& other) { return is_alike(term, other, same_data); });
    });
  };
  return shared(new_terms, old_terms) * 2 > std::ssize(new_terms.terms) ||
         shared(old_terms, new_terms) * 2 > std::ssize(old_terms.terms);
}

}  // namespace jobward::trust
