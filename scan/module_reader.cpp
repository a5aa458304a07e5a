// One pass over the tree, in the order of the text.
#include <algorithm>
#include <utility>

#include "scan/dead_code.h"
#include "scan/program.h"

namespace jobward::scan {

Module::Module(SyntaxTree parsed, std::string path)
    : tree(std::move(parsed)), file(std::move(path)) {
  const auto slash = file.rfind('/');
  stem = slash == std::string::npos ? file : file.substr(slash + 1);
  stem = stem.substr(0, stem.rfind('.'));
  if (stem == "__init__" && slash != std::string::npos) {
    const auto before = file.rfind('/', slash - 1);
    stem = file.substr(before == std::string::npos ? 0 : before + 1,
                       slash - (before == std::string::npos ? 0 : before + 1));
  }
  scope_of.resize(tree.size(), 0);
  function_at.resize(tree.size(), kNobody);
  dead.resize(tree.size(), false);
}

std::uint32_t Module::function_around(Index node) const {
  for (auto scope = scope_of[node]; scope != kNobody; scope = scopes[scope].parent)
    if (scopes[scope].what == Scope::What::function) return scopes[scope].owner;
  return kNobody;
}

namespace {

// The text of a string without interpolation; absent: it is something else.
std::optional<std::string> plain_string(const SyntaxTree& tree, Index node) {
  if (node == kNoNode || tree.kind(node) != Kind::string) return std::nullopt;
  std::string out;
  for (const Index part : tree.children(node)) {
    if (tree.kind(part) == Kind::interpolation) return std::nullopt;
    if (tree.kind(part) != Kind::string_content) continue;
    if (tree.first_named(part) != kNoNode) return std::nullopt;  // an escape
    out += tree.text(part);
  }
  return out;
}

class Reader {
 public:
  explicit Reader(Module& module) : module_(module), tree_(module.tree) {
    module_.scopes.emplace_back();
  }
  void read();

 private:
  struct Open {
    std::uint32_t scope;
    Index end;
  };

  void visit(Index node);
  void visit_target_statement(Index node);
  void bind(const std::string& name, Binding binding);
  void bind_target(Index target, Index value);
  void bind_import(Index node);
  void bind_from(Index node);
  void bind_parameters(Index node);
  void bind_patterns(Index node);
  void open_function(Index node);
  void open_class(Index node);
  void open_scope(Scope::What what, std::uint32_t owner, Index node);
  void note_call(Index node);
  void note_subscript(Index target, Index value);
  [[nodiscard]] std::string title_of(const std::string& name) const;
  [[nodiscard]] std::string lambda_name(Index node) const;
  [[nodiscard]] std::uint32_t here() const { return open_.empty() ? 0 : open_.back().scope; }
  [[nodiscard]] std::string text(Index node) const { return std::string(tree_.text(node)); }

  Module& module_;
  const SyntaxTree& tree_;
  std::vector<Open> open_;
};

void Reader::read() {
  for (Index node = 0; node < tree_.size(); ++node) {
    while (!open_.empty() && node >= open_.back().end)
      open_.pop_back();
    module_.scope_of[node] = here();
    visit(node);
  }
}

void Reader::visit(Index node) {
  switch (tree_.kind(node)) {
    case Kind::function_definition:
    case Kind::lambda:
      return open_function(node);
    case Kind::class_definition:
      return open_class(node);
    case Kind::parameters:
    case Kind::lambda_parameters:
      return bind_parameters(node);
    case Kind::import_statement:
    case Kind::future_import_statement:
      return bind_import(node);
    case Kind::import_from_statement:
      return bind_from(node);
    case Kind::case_pattern:
      return bind_patterns(node);
    case Kind::call:
      return note_call(node);
    case Kind::yield_expression:
      if (const auto function = module_.function_around(node); function != kNobody)
        module_.functions[function].yields = true;
      return;
    default:
      return visit_target_statement(node);
  }
}

void Reader::visit_target_statement(Index node) {
  switch (tree_.kind(node)) {
    case Kind::assignment:
      if (const Index value = tree_.child(node, Field::right); value != kNoNode)
        bind_target(tree_.child(node, Field::left), value);
      return;
    case Kind::augmented_assignment:
    case Kind::for_statement:
    case Kind::for_in_clause:
      return bind_target(tree_.child(node, Field::left), kNoNode);
    case Kind::named_expression:
      return bind_target(tree_.child(node, Field::name), tree_.child(node, Field::value));
    case Kind::as_pattern_target: {
      const Index parent = tree_[node].parent;
      const bool with = tree_.kind(tree_[parent].parent) == Kind::with_item;
      return bind_target(tree_.first_named(node), with ? tree_.first_named(parent) : kNoNode);
    }
    case Kind::delete_statement:
      return bind_target(tree_.first_named(node), kNoNode);
    case Kind::global_statement:
      for (const Index name : tree_.children(node))
        module_.scopes[here()].globals.push_back(text(name));
      return;
    case Kind::nonlocal_statement:
      for (const Index name : tree_.children(node))
        module_.scopes[here()].nonlocals.push_back(text(name));
      return;
    default:
      return;
  }
}

void Reader::bind(const std::string& name, Binding binding) {
  Scope& scope = module_.scopes[here()];
  const bool global = std::count(scope.globals.begin(), scope.globals.end(), name) > 0;
  (global ? module_.scopes[0] : scope).names[name].bindings.push_back(std::move(binding));
}

void Reader::bind_target(Index target, Index value) {
  if (target == kNoNode) return;
  switch (tree_.kind(target)) {
    case Kind::identifier: {
      Binding binding;
      binding.what = value == kNoNode ? Binding::What::other : Binding::What::value;
      binding.node = target;
      binding.value = value;
      return bind(text(target), std::move(binding));
    }
    case Kind::attribute:
      module_.stores.push_back({target, tree_.child(target, Field::object),
                                text(tree_.child(target, Field::attribute)), value});
      return;
    case Kind::subscript:
      return note_subscript(target, value);
    default:
      for (const Index part : tree_.children(target))
        bind_target(part, kNoNode);
  }
}

void Reader::bind_import(Index node) {
  for (Index at = node + 1; at < tree_[node].next; at = tree_[at].next) {
    if (tree_[at].field != Field::name) continue;
    Binding binding;
    binding.what = Binding::What::import;
    binding.node = at;
    if (tree_.kind(at) == Kind::aliased_import) {
      binding.dotted = text(tree_.child(at, Field::name));
      bind(text(tree_.child(at, Field::alias)), binding);
    } else {
      const std::string whole = text(at);
      binding.dotted = whole.substr(0, whole.find('.'));  // import a.b binds a
      bind(binding.dotted, binding);
    }
  }
}

void Reader::bind_from(Index node) {
  const Index from = tree_.child(node, Field::module_name);
  std::string module = from == kNoNode ? "" : text(from);
  module.erase(0, module.find_first_not_of('.') == std::string::npos
                      ? module.size()
                      : module.find_first_not_of('.'));
  for (Index at = node + 1; at < tree_[node].next; at = tree_[at].next) {
    if (tree_[at].field != Field::name) continue;
    const bool aliased = tree_.kind(at) == Kind::aliased_import;
    const std::string name = text(aliased ? tree_.child(at, Field::name) : at);
    Binding binding;
    binding.what = Binding::What::import;
    binding.node = at;
    binding.dotted = module.empty() ? name : module + "." + name;
    bind(aliased ? text(tree_.child(at, Field::alias)) : name, std::move(binding));
  }
}

void Reader::bind_parameters(Index node) {
  for (const Index parameter : tree_.children(node)) {
    Index name = tree_.child(parameter, Field::name);
    if (name == kNoNode) name = parameter;
    while (tree_.kind(name) != Kind::identifier) {
      name = tree_.first_named(name);
      if (name == kNoNode) break;
    }
    if (name == kNoNode) continue;
    Binding binding;
    binding.node = name;
    bind(text(name), std::move(binding));
  }
}

// What a case captures is bound as well.
void Reader::bind_patterns(Index node) {
  for (Index at = node + 1; at < tree_[node].next; ++at) {
    if (tree_.kind(at) != Kind::identifier) continue;
    Binding binding;
    binding.node = at;
    bind(text(at), std::move(binding));
  }
}

std::string Reader::title_of(const std::string& name) const {
  std::string out = name;
  for (auto at = here(); at != kNobody && at != 0; at = module_.scopes[at].parent) {
    const Scope& scope = module_.scopes[at];
    out = scope.what == Scope::What::klass
              ? module_.classes[scope.owner].name + "." + out
              : module_.functions[scope.owner].title + ".<locals>." + out;
    if (scope.what == Scope::What::function) break;
  }
  return out;
}

std::string Reader::lambda_name(Index node) const {
  const Index parent = tree_[node].parent;
  if (tree_.kind(parent) != Kind::assignment && tree_.kind(parent) != Kind::named_expression)
    return "";
  Index target = tree_.child(parent, Field::left);
  if (target == kNoNode) target = tree_.child(parent, Field::name);
  if (target == kNoNode || tree_[node].field == Field::left) return "";
  if (tree_.kind(target) == Kind::attribute) target = tree_.child(target, Field::attribute);
  return tree_.kind(target) == Kind::identifier ? text(target) : "";
}

void Reader::open_function(Index node) {
  Function function;
  function.node = node;
  function.outer = node;
  function.body = tree_.child(node, Field::body);
  function.is_lambda = tree_.kind(node) == Kind::lambda;
  function.scope = here();
  function.name = function.is_lambda ? lambda_name(node) : text(tree_.child(node, Field::name));
  function.title = title_of(function.name.empty() ? "<lambda>" : function.name);
  if (module_.scopes[here()].what == Scope::What::klass)
    function.klass = module_.scopes[here()].owner;
  function.is_async = !function.is_lambda && tree_.text(node + 1) == "async";
  const Index parent = tree_[node].parent;
  if (tree_.kind(parent) == Kind::decorated_definition) {
    function.outer = parent;
    for (const Index at : tree_.children(parent))
      if (tree_.kind(at) == Kind::decorator) function.decorators.push_back(tree_.first_named(at));
  }
  const auto index = static_cast<std::uint32_t>(module_.functions.size());
  if (!function.is_lambda) {
    Binding binding;
    binding.what = Binding::What::function;
    binding.node = node;
    binding.target = index;
    bind(function.name, std::move(binding));
  }
  module_.function_at[node] = index;
  module_.functions.push_back(std::move(function));
  open_scope(Scope::What::function, index, node);
}

void Reader::open_class(Index node) {
  Class klass;
  klass.node = node;
  klass.name = text(tree_.child(node, Field::name));
  klass.scope = static_cast<std::uint32_t>(module_.scopes.size());
  if (const Index bases = tree_.child(node, Field::superclasses); bases != kNoNode)
    for (const Index base : tree_.children(bases))
      if (tree_.kind(base) != Kind::keyword_argument) klass.bases.push_back(base);
  const auto index = static_cast<std::uint32_t>(module_.classes.size());
  Binding binding;
  binding.what = Binding::What::klass;
  binding.node = node;
  binding.target = index;
  bind(klass.name, std::move(binding));
  module_.classes.push_back(std::move(klass));
  open_scope(Scope::What::klass, index, node);
}

void Reader::open_scope(Scope::What what, std::uint32_t owner, Index node) {
  Scope scope;
  scope.what = what;
  scope.parent = here();
  scope.owner = owner;
  open_.push_back({static_cast<std::uint32_t>(module_.scopes.size()), tree_[node].next});
  module_.scopes.push_back(std::move(scope));
}

// setattr(TARGET, "NAME", VALUE), delattr; mock.patch.object and monkeypatch.setattr say it alike.
void Reader::note_call(Index node) {
  Index callee = tree_.child(node, Field::function);
  if (callee != kNoNode && tree_.kind(callee) == Kind::attribute)
    callee = tree_.child(callee, Field::attribute);
  if (callee == kNoNode || tree_.kind(callee) != Kind::identifier) return;
  const auto name = tree_.text(callee);
  if (name != "setattr" && name != "delattr" && name != "__setattr__") return;
  const Index list = tree_.child(node, Field::arguments);
  if (list == kNoNode) return;
  const auto arguments = tree_.children(list);
  if (arguments.size() < 2) return;
  module_.stores.push_back({node, arguments[0], plain_string(tree_, arguments[1]),
                            arguments.size() > 2 ? arguments[2] : kNoNode});
}

// globals()["NAME"] = VALUE, TARGET.__dict__["NAME"] = VALUE, vars(TARGET)["NAME"] = VALUE,
// sys.modules["NAME"] = VALUE.
void Reader::note_subscript(Index target, Index value) {
  const Index base = tree_.child(target, Field::value);
  if (base == kNoNode) return;
  const auto parts = tree_.children(target);
  const auto name = parts.size() > 1 ? plain_string(tree_, parts[1]) : std::nullopt;
  if (tree_.kind(base) == Kind::attribute) {
    const auto attribute = tree_.text(tree_.child(base, Field::attribute));
    if (attribute == "__dict__")
      module_.stores.push_back({target, tree_.child(base, Field::object), name, value});
    if (attribute == "modules") module_.stores.push_back({target, base, name, value});
    return;
  }
  if (tree_.kind(base) != Kind::call) return;
  const auto callee = tree_.text(tree_.child(base, Field::function));
  if (callee != "globals" && callee != "vars" && callee != "locals") return;
  const auto arguments = tree_.children(tree_.child(base, Field::arguments));
  module_.stores.push_back({target, arguments.empty() ? base : arguments[0], name, value});
}

}  // namespace

Module read_module(SyntaxTree tree, std::string file) {
  Module module(std::move(tree), std::move(file));
  Reader(module).read();
  mark_dead_code(module);
  settle_names(module);
  return module;
}

}  // namespace jobward::scan
