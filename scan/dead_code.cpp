#include "scan/dead_code.h"

#include <algorithm>
#include <array>

#include "scan/constant.h"

namespace jobward::scan {
namespace {

// How a statement can end.
struct Flow {
  bool falls = true;    // into the next
  bool breaks = false;  // out of the loop around it
  bool raised = false;  // it does not fall because of an exception
};

class Marker {
 public:
  explicit Marker(Module& module) : module_(module), tree_(module.tree), constants_(module) {}
  void mark();

 private:
  Flow block(Index node);
  Flow statement(Index node);
  Flow branches(Index node);
  Flow loop_while(Index node);
  Flow loop_for(Index node);
  Flow attempt(Index node);
  Flow context(Index node);
  Flow cases(Index node);
  // The block of a clause that has no field for it.
  Flow clause(Index node);
  void expressions();
  void short_circuit(Index node);
  void comprehension(Index node);
  void bury(Index node) {
    if (node == kNoNode) return;
    std::fill(module_.dead.begin() + node, module_.dead.begin() + tree_[node].next, true);
  }
  [[nodiscard]] bool is_exit(Index statement) const;
  [[nodiscard]] bool can_raise(Index block) const;
  [[nodiscard]] bool is_nothing(Index iterable) const;

  Module& module_;
  const SyntaxTree& tree_;
  Constants constants_;
};

void Marker::mark() {
  block(0);
  expressions();
}

Flow Marker::block(Index node) {
  Flow out;
  if (node == kNoNode) return out;
  for (const Index at : tree_.children(node)) {
    if (!out.falls) {
      bury(at);
      continue;
    }
    const Flow flow = statement(at);
    out.falls = flow.falls;
    out.raised = flow.raised;
    out.breaks = out.breaks || flow.breaks;
  }
  return out;
}

Flow Marker::statement(Index node) {
  switch (tree_.kind(node)) {
    case Kind::return_statement:
    case Kind::continue_statement:
      return {false, false, false};
    case Kind::raise_statement:
      return {false, false, true};
    case Kind::break_statement:
      return {false, true, false};
    case Kind::if_statement:
      return branches(node);
    case Kind::while_statement:
      return loop_while(node);
    case Kind::for_statement:
      return loop_for(node);
    case Kind::try_statement:
      return attempt(node);
    case Kind::with_statement:
      return context(node);
    case Kind::match_statement:
      return cases(node);
    case Kind::decorated_definition:
      return statement(tree_.child(node, Field::definition));
    case Kind::function_definition:
    case Kind::class_definition:
      block(tree_.child(node, Field::body));
      return {};
    case Kind::assert_statement:
      if (constants_.truth(tree_.first_named(node)) == false) return {false, false, true};
      return {};
    case Kind::expression_statement:
      return {!is_exit(node), false, false};
    default:
      return {};
  }
}

Flow Marker::branches(Index node) {
  Flow out{false, false, false};
  bool open = true;  // may this branch be reached at all?
  const auto take = [&](Index body, std::optional<bool> truth) {
    if (!open || truth == false) {
      bury(body);
      return;
    }
    const Flow flow = block(body);
    out.falls = out.falls || flow.falls;
    out.breaks = out.breaks || flow.breaks;
    out.raised = out.raised || flow.raised;
    if (truth == true) open = false;
  };
  take(tree_.child(node, Field::consequence),
       constants_.truth(tree_.child(node, Field::condition)));
  for (Index at = node + 1; at < tree_[node].next; at = tree_[at].next) {
    if (tree_[at].field != Field::alternative) continue;
    if (!open) {
      bury(at);
    } else if (tree_.kind(at) == Kind::elif_clause) {
      take(tree_.child(at, Field::consequence),
           constants_.truth(tree_.child(at, Field::condition)));
    } else {
      take(tree_.child(at, Field::body), true);
    }
  }
  out.falls = out.falls || open;
  return out;
}

Flow Marker::loop_while(Index node) {
  const auto truth = constants_.truth(tree_.child(node, Field::condition));
  const Index body = tree_.child(node, Field::body);
  const Index otherwise = tree_.child(node, Field::alternative);
  if (truth == false) {
    bury(body);
    return otherwise == kNoNode ? Flow{} : clause(otherwise);
  }
  const Flow inner = block(body);
  if (truth == true) {
    bury(otherwise);
    return {inner.breaks, false, false};
  }
  if (otherwise == kNoNode) return {};
  const Flow after = clause(otherwise);
  return {after.falls || inner.breaks, after.breaks, after.raised};
}

Flow Marker::loop_for(Index node) {
  const Index body = tree_.child(node, Field::body);
  Flow inner;
  if (is_nothing(tree_.child(node, Field::right))) {
    bury(body);
  } else {
    inner = block(body);
  }
  const Index otherwise = tree_.child(node, Field::alternative);
  if (otherwise == kNoNode) return {};
  const Flow after = clause(otherwise);
  return {after.falls || inner.breaks, after.breaks, after.raised};
}

Flow Marker::clause(Index node) {
  for (Index at = node + 1; at < tree_[node].next; at = tree_[at].next)
    if (tree_.kind(at) == Kind::block) return block(at);
  return {};
}

Flow Marker::attempt(Index node) {
  const Index body = tree_.child(node, Field::body);
  Flow out = block(body);
  const bool raises = can_raise(body);
  Flow ending;
  for (const Index at : tree_.children(node)) {
    const Kind kind = tree_.kind(at);
    if (kind == Kind::else_clause) {
      if (!out.falls) {
        bury(at);
        continue;
      }
      const Flow flow = clause(at);
      out = {flow.falls, out.breaks || flow.breaks, flow.raised};
    } else if (kind == Kind::finally_clause) {
      ending = clause(at);
    }
  }
  for (const Index at : tree_.children(node)) {
    if (tree_.kind(at) != Kind::except_clause && tree_.kind(at) != Kind::except_group_clause)
      continue;
    if (!raises) {
      bury(at);
      continue;
    }
    const Flow flow = clause(at);
    out = {out.falls || flow.falls, out.breaks || flow.breaks, out.raised || flow.raised};
  }
  return {out.falls && ending.falls, out.breaks || ending.breaks, out.raised};
}

// A context manager may swallow what is raised in it.
Flow Marker::context(Index node) {
  const Flow inner = block(tree_.child(node, Field::body));
  return {inner.falls || inner.raised, inner.breaks, false};
}

Flow Marker::cases(Index node) {
  Flow out;
  for (const Index at : tree_.children(tree_.child(node, Field::body)))
    if (const Index body = tree_.child(at, Field::consequence); body != kNoNode)
      out.breaks = block(body).breaks || out.breaks;
  return out;
}

bool Marker::is_exit(Index statement) const {
  const Index call = tree_.first_named(statement);
  if (call == kNoNode || tree_.kind(call) != Kind::call) return false;
  static constexpr std::array<std::string_view, 5> kExits{"sys.exit", "os._exit", "exit", "quit",
                                                          "os.abort"};
  const auto name = tree_.text(tree_.child(call, Field::function));
  return std::count(kExits.begin(), kExits.end(), name) > 0;
}

// Does it do anything at all that could fail? Literals, pass, jumps and plain assignments cannot.
bool Marker::can_raise(Index block) const {
  for (Index at = block; at < tree_[block].next; ++at) {
    switch (tree_.kind(at)) {
      case Kind::call:
      case Kind::attribute:
      case Kind::subscript:
      case Kind::binary_operator:
      case Kind::augmented_assignment:
      case Kind::comparison_operator:
      case Kind::raise_statement:
      case Kind::assert_statement:
      case Kind::import_statement:
      case Kind::import_from_statement:
      case Kind::await:
      case Kind::yield_expression:
      case Kind::with_statement:
      case Kind::for_statement:
      case Kind::interpolation:
      case Kind::delete_statement:
      case Kind::pattern_list:
        if (!module_.dead[at]) return true;
        break;
      default:
        break;
    }
  }
  return false;
}

bool Marker::is_nothing(Index iterable) const {
  if (iterable == kNoNode) return false;
  if (tree_.kind(iterable) == Kind::call) {
    const auto text = tree_.text(iterable);
    return text == "range(0)" || text == "list()" || text == "tuple()" || text == "dict()" ||
           text == "set()" || text == "iter(())" || text == "iter([])";
  }
  const auto value = constants_.value(iterable);
  return value && !value->truth();
}

void Marker::expressions() {
  for (Index node = 0; node < tree_.size(); ++node) {
    switch (tree_.kind(node)) {
      case Kind::boolean_operator:
      case Kind::conditional_expression:
        short_circuit(node);
        break;
      case Kind::list_comprehension:
      case Kind::set_comprehension:
      case Kind::dictionary_comprehension:
      case Kind::generator_expression:
        comprehension(node);
        break;
      default:
        break;
    }
  }
}

void Marker::short_circuit(Index node) {
  if (tree_.kind(node) == Kind::boolean_operator) {
    const bool is_and = tree_.text(tree_.child(node, Field::operator_word)) == "and";
    const auto left = constants_.truth(tree_.child(node, Field::left));
    if (left && *left != is_and) bury(tree_.child(node, Field::right));
    return;
  }
  const auto parts = tree_.children(node);  // A if CONDITION else B
  if (parts.size() != 3) return;
  if (const auto truth = constants_.truth(parts[1])) bury(*truth ? parts[2] : parts[0]);
}

void Marker::comprehension(Index node) {
  bool never = false;
  for (const Index at : tree_.children(node)) {
    if (tree_.kind(at) == Kind::for_in_clause)
      never = never || is_nothing(tree_.child(at, Field::right));
    if (tree_.kind(at) == Kind::if_clause)
      never = never || constants_.truth(tree_.first_named(at)) == false;
  }
  if (never) bury(tree_.child(node, Field::body));
}

}  // namespace

void mark_dead_code(Module& module) { Marker(module).mark(); }

}  // namespace jobward::scan
