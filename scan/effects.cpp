#include "scan/effects.h"

#include <algorithm>
#include <array>

#include "scan/harmless.h"

namespace jobward::scan {
namespace {

bool is_literal(const SyntaxTree& tree, Index node) {
  switch (tree.kind(node)) {
    case Kind::none:
    case Kind::true_literal:
    case Kind::false_literal:
    case Kind::integer:
    case Kind::floating:
    case Kind::string:
    case Kind::concatenated_string:
    case Kind::ellipsis:
      return true;
    case Kind::parenthesized_expression:
    case Kind::unary_operator:
    case Kind::tuple:
    case Kind::list:
    case Kind::dictionary:
    case Kind::pair:
    case Kind::expression_list: {
      for (const Index part : tree.children(node))
        if (!is_literal(tree, part)) return false;
      return true;
    }
    default:
      return tree.text(node).empty();
  }
}

class Collector {
 public:
  Collector(const Program& program, FunctionId id, const Replaced& replaced)
      : program_(program),
        module_(program.modules()[id.module]),
        tree_(module_.tree),
        id_(id),
        function_(module_.functions[id.index]),
        replaced_(replaced) {}
  Effects collect();

 private:
  void visit(Index node);
  void note_store(Index target, Index value);
  void note_call(Index node);
  void note_outside(Index call, const Target& target);
  void note_methods(const Target& klass, Index call);
  void note_given(Index call);
  void reach(const Target& target);
  [[nodiscard]] bool is_run(Index call, const Function& callee) const;
  [[nodiscard]] bool is_own_collection(Index object) const;
  [[nodiscard]] bool is_replaced(const std::string& dotted) const;
  [[nodiscard]] std::string last_name(Index callee) const;

  const Program& program_;
  const Module& module_;
  const SyntaxTree& tree_;
  FunctionId id_;
  const Function& function_;
  const Replaced& replaced_;
  Effects out_;
};

Effects Collector::collect() {
  if (function_.is_lambda && function_.body != kNoNode) {
    out_.returns = out_.statements = true;
    out_.returns_computed = !is_literal(tree_, function_.body);
    out_.statements = out_.returns_computed;
  }
  if (function_.body == kNoNode) return out_;
  for (Index node = function_.body; node < tree_[function_.body].next;) {
    const Kind kind = tree_.kind(node);
    if (module_.dead[node] || kind == Kind::function_definition || kind == Kind::lambda ||
        kind == Kind::type) {
      node = tree_[node].next;
      continue;
    }
    visit(node);
    ++node;
  }
  return out_;
}

void Collector::visit(Index node) {
  const Kind parent = tree_.kind(tree_[node].parent);
  const bool statement = parent == Kind::block && tree_[node].named;
  if (statement) {
    const Kind kind = tree_.kind(node);
    const bool literal =
        kind == Kind::expression_statement && is_literal(tree_, tree_.first_named(node));
    if (kind != Kind::pass_statement && kind != Kind::comment && kind != Kind::global_statement &&
        !literal)
      out_.statements = true;
  }
  switch (tree_.kind(node)) {
    case Kind::call:
      return note_call(node);
    case Kind::assignment:
    case Kind::augmented_assignment:
      return note_store(tree_.child(node, Field::left), tree_.child(node, Field::right));
    case Kind::delete_statement:
      return note_store(tree_.first_named(node), kNoNode);
    case Kind::yield_expression:
      out_.yields = true;
      return;
    case Kind::raise_statement:
      out_.raises = true;
      return;
    case Kind::exec_statement:
      out_.acts = true;
      return;
    case Kind::print_statement:
      out_.logs = true;
      return;
    case Kind::return_statement: {
      const Index value = tree_.first_named(node);
      out_.returns = out_.returns || value != kNoNode;
      if (value != kNoNode && !is_literal(tree_, value)) out_.returns_computed = true;
      return;
    }
    default:
      return;
  }
}

// Only a store that outlives the call acts, and one of a literal is a constant like a return of
// one.
void Collector::note_store(Index target, Index value) {
  if (target == kNoNode) return;
  const bool literal = value != kNoNode && is_literal(tree_, value);
  switch (tree_.kind(target)) {
    case Kind::attribute:
      if (!literal && !is_own_collection(tree_.child(target, Field::object))) out_.acts = true;
      return;
    case Kind::subscript:
      if (!literal && !is_own_collection(tree_.child(target, Field::value))) out_.acts = true;
      return;
    case Kind::identifier: {
      const Scope& scope = module_.scopes[module_.scope_of[target]];
      const auto name = tree_.text(target);
      const auto declared = [&](const std::vector<std::string>& names) {
        return std::count(names.begin(), names.end(), name) > 0;
      };
      if (!literal && value != kNoNode && (declared(scope.globals) || declared(scope.nonlocals)))
        out_.acts = true;
      return;
    }
    default:
      for (const Index part : tree_.children(target))
        note_store(part, kNoNode);
  }
}

// A variable of this function that holds a collection it made itself.
bool Collector::is_own_collection(Index object) const {
  while (tree_.kind(object) == Kind::subscript)
    object = tree_.child(object, Field::value);
  if (tree_.kind(object) != Kind::identifier) return false;
  const Scope& scope = module_.scopes[module_.scope_of[object]];
  const auto found = scope.names.find(tree_.text(object));
  if (found == scope.names.end() || found->second.bindings.size() != 1) return false;
  const Index value = found->second.meaning.value;
  if (value == kNoNode) return false;
  const auto text = tree_.text(value);
  return tree_.kind(value) == Kind::dictionary || tree_.kind(value) == Kind::list ||
         text == "dict()" || text == "list()" || text == "set()";
}

std::string Collector::last_name(Index callee) const {
  if (tree_.kind(callee) == Kind::attribute) callee = tree_.child(callee, Field::attribute);
  return tree_.kind(callee) == Kind::identifier ? std::string(tree_.text(callee)) : "";
}

void Collector::note_call(Index node) {
  const Index callee = tree_.child(node, Field::function);
  const Target target = program_.resolve(id_.module, callee);
  switch (target.what) {
    case Target::What::function: {
      const Function& called = program_.function(target.module, target.index);
      if (!is_run(node, called)) return;
      reach(target);
      if (called.runs_parameters) note_given(node);
      return;
    }
    case Target::What::klass:
      return note_methods(target, node);
    default:
      break;
  }
  if (runs_what_it_is_given(last_name(callee))) note_given(node);
  note_outside(node, target);
}

void Collector::reach(const Target& target) {
  if (target.what == Target::What::function) out_.calls.push_back({target.module, target.index});
}

// Calling a coroutine runs nothing until it is awaited, calling a generator until it is asked.
bool Collector::is_run(Index call, const Function& callee) const {
  const Kind parent = tree_.kind(tree_[call].parent);
  if (callee.is_async) {
    if (parent == Kind::await || parent == Kind::return_statement) return true;
    if (parent != Kind::argument_list) return false;
    const Index outer = tree_[tree_[call].parent].parent;
    const Index runner = tree_.child(outer, Field::function);
    return runner != kNoNode && awaits_what_it_is_given(last_name(runner));
  }
  return !callee.yields || parent != Kind::expression_statement;
}

// Making an object runs its __init__, and `with` what it is there for.
void Collector::note_methods(const Target& klass, Index call) {
  for (const auto* name : {"__new__", "__init__", "__post_init__"})
    reach(program_.method(klass.module, klass.index, name));
  Index around = tree_[call].parent;
  if (tree_.kind(around) == Kind::as_pattern) around = tree_[around].parent;
  if (tree_.kind(around) != Kind::with_item) return;
  for (const auto* name : {"__enter__", "__exit__", "__aenter__", "__aexit__"})
    reach(program_.method(klass.module, klass.index, name));
}

void Collector::note_given(Index call) {
  const Index list = tree_.child(call, Field::arguments);
  if (list == kNoNode) return;
  for (Index argument : tree_.children(list)) {
    if (tree_.kind(argument) == Kind::keyword_argument)
      argument = tree_.child(argument, Field::value);
    if (argument != kNoNode) reach(program_.resolve(id_.module, argument));
  }
}

bool Collector::is_replaced(const std::string& dotted) const {
  if (replaced_.empty()) return false;
  const auto module = dotted.substr(0, dotted.rfind('.'));
  return replaced_.count(dotted) > 0 || replaced_.count(module + ".*") > 0 ||
         replaced_.count("*") > 0;
}

void Collector::note_outside(Index call, const Target& target) {
  const Index callee = tree_.child(call, Field::function);
  if (target.what == Target::What::dotted) {
    switch (harm_of_call(target.dotted)) {
      case Harm::none:
        break;
      case Harm::log:
        out_.logs = true;
        break;
      case Harm::unknown:
        out_.acts = true;
        break;
    }
    if (!is_replaced(target.dotted)) out_.outside.push_back(target.dotted);
    return;
  }
  if (tree_.kind(callee) != Kind::attribute) {
    out_.acts = true;
    return;
  }
  const std::string name = last_name(callee);
  const Index object = tree_.child(callee, Field::object);
  switch (harm_of_method(tree_.text(object), name)) {
    case Harm::none:
      break;
    case Harm::log:
      out_.logs = true;
      break;
    case Harm::unknown:
      out_.acts = out_.acts || !is_own_collection(object);
      break;
  }
  if (tree_.kind(object) == Kind::string) return;
  out_.outside.push_back("." + name);
  const Index list = tree_.child(call, Field::arguments);
  if (list == kNoNode) return;
  const auto arguments = tree_.children(list);
  const bool positional = std::none_of(arguments.begin(), arguments.end(), [&](Index argument) {
    return tree_.kind(argument) == Kind::keyword_argument ||
           tree_.text(argument).substr(0, 1) == "*";
  });
  if (positional) out_.outside.push_back("." + name + "/" + std::to_string(arguments.size()));
}

}  // namespace

Replaced replaced_members(const Program& program) {
  Replaced out;
  for (std::uint32_t i = 0; i < program.modules().size(); ++i) {
    const Module& module = program.modules()[i];
    for (const auto& store : module.stores) {
      const Target target = program.resolve(i, store.target);
      if (target.what != Target::What::dotted) continue;
      const std::string name = store.name.value_or("*");
      std::string key = target.dotted + "." + name;
      if (target.dotted == "sys.modules") key = store.name ? name + ".*" : "*";
      out.emplace(std::move(key), module.file + ":" + std::to_string(module.tree.line(store.node)));
    }
  }
  return out;
}

Effects effects_of(const Program& program, FunctionId function, const Replaced& replaced) {
  return Collector(program, function, replaced).collect();
}

}  // namespace jobward::scan
