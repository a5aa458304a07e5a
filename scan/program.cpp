#include "scan/program.h"

#include <algorithm>
#include <array>
#include <utility>

namespace jobward::scan {
namespace {

// A name may stand for another name, and so on; the text of a program is no bound for that.
constexpr int kMaxLinks = 16;
constexpr int kMaxSteps = 1000;

Target of_function(std::uint32_t module, std::uint32_t index) {
  return {Target::What::function, module, index, {}};
}
Target of_dotted(std::string dotted) { return {Target::What::dotted, 0, 0, std::move(dotted)}; }

bool calls_a_parameter(const Module& module, Index node) {
  const SyntaxTree& tree = module.tree;
  if (tree.kind(node) != Kind::call || module.dead[node]) return false;
  const Index callee = tree.child(node, Field::function);
  const auto around = module.function_around(node);
  if (callee == kNoNode || tree.kind(callee) != Kind::identifier || around == kNobody) return false;
  const auto& names = module.scopes[module.scope_of[callee]].names;
  const auto found = names.find(tree.text(callee));
  if (found == names.end() || found->second.bindings.size() != 1) return false;
  const Function& function = module.functions[around];
  const Index bound = found->second.meaning.node;
  return bound > function.node && bound < function.body;
}

// partial(f, …), staticmethod(f) and the like stand for what they wrap.
bool is_wrapper(std::string_view callee) {
  static constexpr std::array<std::string_view, 4> kWrappers{"partial", "functools.partial",
                                                             "staticmethod", "classmethod"};
  return std::count(kWrappers.begin(), kWrappers.end(), callee) > 0;
}

}  // namespace

void settle_names(Module& module) {
  const auto dead = [&](Index node) { return module.dead[node]; };
  for (auto& scope : module.scopes)
    for (auto at = scope.names.begin(); at != scope.names.end();) {
      auto& bindings = at->second.bindings;
      std::erase_if(bindings, [&](const Binding& binding) { return dead(binding.node); });
      if (bindings.empty()) {
        at = scope.names.erase(at);
        continue;
      }
      Binding& meaning = at->second.meaning;
      meaning = bindings.back();
      for (const auto& other : bindings)
        if (meaning.what == Binding::What::import &&
            (other.what != Binding::What::import || other.dotted != meaning.dotted))
          meaning.what = Binding::What::other;
      ++at;
    }
  for (Index node = 0; node < module.tree.size(); ++node)
    if (calls_a_parameter(module, node))
      module.functions[module.function_around(node)].runs_parameters = true;
  std::erase_if(module.stores, [&](const AttributeStore& store) { return dead(store.node); });
  for (std::size_t i = 0; i < module.stores.size(); ++i)
    if (module.stores[i].name) module.stores_of[*module.stores[i].name].push_back(i);
}

Program::Program(std::vector<Module> modules) : modules_(std::move(modules)) {
  for (std::uint32_t i = 0; i < modules_.size(); ++i)
    by_stem_[modules_[i].stem].push_back(i);
}

Target Program::resolve(std::uint32_t module, Index expression) const {
  int steps = kMaxSteps;
  return resolve(module, expression, Depth{kMaxLinks, &steps});
}

Target Program::method(std::uint32_t module, std::uint32_t klass, std::string_view name) const {
  int steps = kMaxSteps;
  return method(module, klass, name, Depth{kMaxLinks, &steps});
}

Target Program::resolve(std::uint32_t module, Index expression, Depth depth) const {
  if (expression == kNoNode || depth.spent()) return {};
  const Module& file = modules_[module];
  switch (file.tree.kind(expression)) {
    case Kind::identifier:
      return resolve_name(module, file.tree.text(expression), file.scope_of[expression], depth);
    case Kind::attribute:
      return resolve_attribute(module, expression, depth);
    case Kind::parenthesized_expression:
      return resolve(module, file.tree.first_named(expression), depth);
    case Kind::lambda:
      return of_function(module, file.function_at[expression]);
    case Kind::call: {
      if (!is_wrapper(file.tree.text(file.tree.child(expression, Field::function)))) return {};
      return resolve(module, file.tree.first_named(file.tree.child(expression, Field::arguments)),
                     depth);
    }
    default:
      return {};
  }
}

Target Program::resolve_name(std::uint32_t module, std::string_view name, std::uint32_t scope,
                             Depth depth) const {
  const Module& file = modules_[module];
  for (auto at = scope; at != kNobody; at = file.scopes[at].parent) {
    if (at != scope && file.scopes[at].what == Scope::What::klass) continue;
    const auto found = file.scopes[at].names.find(name);
    if (found == file.scopes[at].names.end()) continue;
    return resolve_binding(module, found->second.meaning, depth);
  }
  return of_dotted(std::string(name));
}

Target Program::resolve_binding(std::uint32_t module, const Binding& binding, Depth depth) const {
  switch (binding.what) {
    case Binding::What::function:
      return of_function(module, binding.target);
    case Binding::What::klass:
      return {Target::What::klass, module, binding.target, {}};
    case Binding::What::value:
      return resolve(module, binding.value, depth);
    case Binding::What::import:
      return resolve_import(binding.dotted, depth);
    default:
      return {};
  }
}

Target Program::resolve_import(const std::string& dotted, Depth depth) const {
  const auto dot = dotted.rfind('.');
  const std::string last = dotted.substr(dot == std::string::npos ? 0 : dot + 1);
  if (dot != std::string::npos) {
    const auto before = dotted.rfind('.', dot - 1);
    const auto start = before == std::string::npos ? 0 : before + 1;
    if (const auto owners = by_stem_.find(dotted.substr(start, dot - start));
        owners != by_stem_.end())
      for (const auto owner : owners->second)
        if (auto found = module_member(owner, last, depth); found.what != Target::What::unknown)
          return found;
  }
  if (const auto own = by_stem_.find(last); own != by_stem_.end())
    return {Target::What::module, own->second[0], 0, dotted};
  return of_dotted(dotted);
}

Target Program::module_member(std::uint32_t module, std::string_view name, Depth depth) const {
  if (depth.spent()) return {};
  const auto& names = modules_[module].scopes[0].names;
  const auto found = names.find(name);
  if (found == names.end()) return {};
  return resolve_binding(module, found->second.meaning, depth);
}

Target Program::resolve_attribute(std::uint32_t module, Index attribute, Depth depth) const {
  const SyntaxTree& tree = modules_[module].tree;
  const Index object = tree.child(attribute, Field::object);
  const std::string name(tree.text(tree.child(attribute, Field::attribute)));
  const Target owner = resolve(module, object, depth);
  switch (owner.what) {
    case Target::What::dotted: {
      // A name that is bound nowhere is a builtin, and its attributes are no module's.
      if (auto followed = resolve_import(owner.dotted + "." + name, depth);
          followed.what != Target::What::dotted)
        return followed;
      return of_dotted(owner.dotted + "." + name);
    }
    case Target::What::module: {
      auto member = module_member(owner.module, name, depth);
      return member.what == Target::What::unknown ? of_dotted(owner.dotted + "." + name) : member;
    }
    case Target::What::klass:
      return method(owner.module, owner.index, name, depth);
    default:
      break;
  }
  const Target klass = class_of(module, object, depth);
  if (klass.what == Target::What::klass) return method(klass.module, klass.index, name, depth);
  return {};
}

Target Program::method(std::uint32_t module, std::uint32_t klass, std::string_view name,
                       Depth depth) const {
  if (depth.spent()) return {};
  const Class& owner = modules_[module].classes[klass];
  const auto& names = modules_[module].scopes[owner.scope].names;
  if (const auto found = names.find(name); found != names.end())
    return resolve_binding(module, found->second.meaning, depth);
  for (const Index base : owner.bases) {
    const Target parent = resolve(module, base, depth);
    if (parent.what != Target::What::klass) continue;
    auto found = method(parent.module, parent.index, name, depth);
    if (found.what != Target::What::unknown) return found;
  }
  return {};
}

Target Program::class_of(std::uint32_t module, Index expression, Depth depth) const {
  if (expression == kNoNode || depth.spent()) return {};
  const Module& file = modules_[module];
  const SyntaxTree& tree = file.tree;
  if (tree.kind(expression) == Kind::call) {
    const Index callee = tree.child(expression, Field::function);
    Target made = resolve(module, callee, depth);
    if (made.what == Target::What::klass) return made;
    const auto around = file.function_around(expression);
    if (tree.text(callee) != "super" || around == kNobody) return {};
    const auto klass = file.functions[around].klass;
    if (klass == kNobody || file.classes[klass].bases.empty()) return {};
    return resolve(module, file.classes[klass].bases[0], depth);
  }
  if (tree.kind(expression) == Kind::attribute) return class_of_member(module, expression, depth);
  if (tree.kind(expression) != Kind::identifier) return {};
  const auto name = tree.text(expression);
  for (auto at = file.scope_of[expression]; at != kNobody; at = file.scopes[at].parent) {
    const auto found = file.scopes[at].names.find(name);
    if (found == file.scopes[at].names.end()) continue;
    const auto& bindings = found->second.bindings;
    const bool method_self = (name == "self" || name == "cls") &&
                             file.scopes[at].what == Scope::What::function && bindings.size() == 1;
    if (method_self) {
      const auto klass = file.functions[file.scopes[at].owner].klass;
      if (klass != kNobody) return {Target::What::klass, module, klass, {}};
    }
    // More than one meaning: none is known.
    return bindings.size() == 1 ? class_of(module, bindings[0].value, depth) : Target{};
  }
  return {};
}

// self.writer, where the class sets it once, to Writer(…).
Target Program::class_of_member(std::uint32_t module, Index attribute, Depth depth) const {
  const Module& file = modules_[module];
  const SyntaxTree& tree = file.tree;
  const Target owner = class_of(module, tree.child(attribute, Field::object), depth);
  if (owner.what != Target::What::klass || owner.module != module) return {};
  const auto name = tree.text(tree.child(attribute, Field::attribute));
  const auto stores = file.stores_of.find(name);
  if (stores == file.stores_of.end()) return {};
  Target out;
  for (const auto index : stores->second) {
    if (depth.spent()) return {};
    const AttributeStore& store = file.stores[index];
    const auto around = file.function_around(store.node);
    if (around == kNobody || file.functions[around].klass != owner.index) continue;
    if (out.what != Target::What::unknown) return {};
    out = class_of(module, store.value, depth);
    if (out.what == Target::What::unknown) return {};
  }
  return out;
}

}  // namespace jobward::scan
