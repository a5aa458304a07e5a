#include "scan/constant.h"

#include <charconv>

namespace jobward::scan {
namespace {

// Names that name names can ask for any amount of work.
constexpr int kSteps = 200;

Constant boolean(bool truth) { return {Constant::What::boolean, truth ? 1 : 0, {}}; }

// An integer literal; absent: too large, or another base.
std::optional<Constant> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    // 0x0, 0b0, 0_0: only whether it is 0 matters.
    if (text.find_first_not_of("0xXoObB_") == std::string_view::npos)
      return Constant{Constant::What::integer, 0, {}};
    return Constant{Constant::What::other, 1, {}};
  }
  return Constant{Constant::What::integer, value, {}};
}

bool is_number(const Constant& value) {
  return value.what == Constant::What::integer || value.what == Constant::What::boolean;
}

bool same(const Constant& a, const Constant& b) {
  if (is_number(a) && is_number(b)) return a.number == b.number;
  return a.what == b.what && a.text == b.text;
}

std::optional<bool> compare(const Constant& a, std::string_view sign, const Constant& b) {
  if (a.what == Constant::What::other || b.what == Constant::What::other) return std::nullopt;
  if (sign == "==" || sign == "is") return same(a, b);
  if (sign == "!=" || sign == "is not") return !same(a, b);
  if (!is_number(a) || !is_number(b)) return std::nullopt;
  if (sign == "<") return a.number < b.number;
  if (sign == ">") return a.number > b.number;
  if (sign == "<=") return a.number <= b.number;
  if (sign == ">=") return a.number >= b.number;
  return std::nullopt;
}

}  // namespace

Constants::Constants(const Module& module) : module_(module) {
  std::map<std::string_view, int> times;
  for (const auto& scope : module.scopes)
    for (const auto& [text, name] : scope.names) {
      times[text] += static_cast<int>(name.bindings.size());
      const Binding& first = name.bindings[0];
      if (first.what == Binding::What::value) named_[text] = first.value;
    }
  for (const auto& store : module.stores)  // globals()["NAME"] = …
    if (store.name) ++times[*store.name];
  for (auto at = named_.begin(); at != named_.end();)
    at = times[at->first] == 1 ? std::next(at) : named_.erase(at);
}

std::optional<Constant> Constants::value(Index expression) const {
  int steps = kSteps;
  return value(expression, steps);
}

std::optional<bool> Constants::truth(Index expression) const {
  const auto found = value(expression);
  return found ? std::optional(found->truth()) : std::nullopt;
}

std::optional<Constant> Constants::value(Index node, int& steps) const {
  if (node == kNoNode || --steps < 0) return std::nullopt;
  const SyntaxTree& tree = module_.tree;
  switch (tree.kind(node)) {
    case Kind::parenthesized_expression:
      return value(tree.first_named(node), steps);
    case Kind::named_expression:
      return value(tree.child(node, Field::value), steps);
    case Kind::identifier: {
      const auto name = tree.text(node);
      if (name == "TYPE_CHECKING") return boolean(false);
      if (name == "__debug__") return boolean(true);
      const auto found = named_.find(name);
      return found == named_.end() ? std::nullopt : value(found->second, steps);
    }
    case Kind::attribute:
      return tree.text(node) == "typing.TYPE_CHECKING" ? std::optional(boolean(false))
                                                       : std::nullopt;
    case Kind::not_operator: {
      const auto inner = value(tree.child(node, Field::argument), steps);
      return inner ? std::optional(boolean(!inner->truth())) : std::nullopt;
    }
    case Kind::boolean_operator:
      return logical(node, steps);
    case Kind::comparison_operator:
      return compared(node, steps);
    case Kind::unary_operator:
    case Kind::binary_operator:
      return computed(node, steps);
    default:
      return literal(node);
  }
}

std::optional<Constant> Constants::literal(Index node) const {
  const SyntaxTree& tree = module_.tree;
  const auto collection = [&] {
    return Constant{Constant::What::other, tree.first_named(node) == kNoNode ? 0 : 1, {}};
  };
  switch (tree.kind(node)) {
    case Kind::none:
      return Constant{};
    case Kind::true_literal:
      return boolean(true);
    case Kind::false_literal:
      return boolean(false);
    case Kind::ellipsis:
      return Constant{Constant::What::other, 1, {}};
    case Kind::integer:
      return integer(tree.text(node));
    case Kind::floating:
      return Constant{Constant::What::other,
                      tree.text(node).find_first_of("123456789") == std::string_view::npos ? 0 : 1,
                      {}};
    case Kind::tuple:
    case Kind::list:
    case Kind::dictionary:
      return collection();
    case Kind::string: {
      std::string_view text;
      for (const Index part : tree.children(node)) {
        if (tree.kind(part) == Kind::interpolation) return std::nullopt;
        if (tree.kind(part) == Kind::string_content) text = tree.text(part);
      }
      return Constant{Constant::What::text, static_cast<std::int64_t>(text.size()), text};
    }
    default:
      return std::nullopt;
  }
}

std::optional<Constant> Constants::logical(Index node, int& steps) const {
  const SyntaxTree& tree = module_.tree;
  const bool is_and = tree.text(tree.child(node, Field::operator_word)) == "and";
  const auto left = value(tree.child(node, Field::left), steps);
  const auto right = value(tree.child(node, Field::right), steps);
  // x and False is never true, whatever x is.
  if (left && left->truth() != is_and) return left;
  if (!left && right && right->truth() != is_and) return boolean(!is_and);
  return left ? right : std::nullopt;
}

std::optional<Constant> Constants::compared(Index node, int& steps) const {
  const SyntaxTree& tree = module_.tree;
  const auto operands = tree.children(node);
  std::string_view sign;
  for (Index at = node + 1; at < tree[node].next; at = tree[at].next)
    if (tree[at].field == Field::operators) sign = tree.text(at);
  if (operands.size() != 2) return std::nullopt;
  const auto left = value(operands[0], steps);
  const auto right = value(operands[1], steps);
  if (!left || !right) return std::nullopt;
  const auto result = compare(*left, sign, *right);
  return result ? std::optional(boolean(*result)) : std::nullopt;
}

std::optional<Constant> Constants::computed(Index node, int& steps) const {
  const SyntaxTree& tree = module_.tree;
  const auto sign = tree.text(tree.child(node, Field::operator_word));
  const bool unary = tree.kind(node) == Kind::unary_operator;
  const auto left = unary ? Constant{Constant::What::integer, 0, {}}
                          : value(tree.child(node, Field::left), steps);
  const auto right = value(tree.child(node, unary ? Field::argument : Field::right), steps);
  if (!left || !right || !is_number(*left) || !is_number(*right)) return std::nullopt;
  Constant out{Constant::What::integer, 0, {}};
  bool overflow = true;
  if (sign == "+") overflow = __builtin_add_overflow(left->number, right->number, &out.number);
  if (sign == "-") overflow = __builtin_sub_overflow(left->number, right->number, &out.number);
  if (sign == "*") overflow = __builtin_mul_overflow(left->number, right->number, &out.number);
  return overflow ? std::nullopt : std::optional(out);
}

}  // namespace jobward::scan
