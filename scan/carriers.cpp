#include <algorithm>
#include <set>
#include <tuple>

#include "common/text.h"
#include "scan/judge.h"

namespace jobward::scan {
namespace {

constexpr std::string_view kComment = "jobward:";

// The markers that a comment names: "# jobward: marker checkpoint, resume".
std::vector<std::string> named_in(std::string_view comment) {
  const auto start = comment.find(kComment);
  if (start == std::string_view::npos) return {};
  auto rest = trim(comment.substr(start + kComment.size()));
  if (rest.rfind("marker", 0) != 0) return {};
  rest.remove_prefix(6);
  std::vector<std::string> out;
  std::string word;
  for (const char c : rest) {
    if (c == ',' || c == ' ' || c == '\t' || c == '=' || c == ':') {
      if (!word.empty()) out.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

class Finder {
 public:
  Finder(const Program& program, const std::vector<Marker>& markers, Carriers& out)
      : program_(program), markers_(markers), out_(out) {}

  void find(std::uint32_t module);

 private:
  void by_name();
  void by_comment();
  void by_decorator(std::uint32_t index);
  void by_binding();
  void by_store();
  void bound(const std::string& marker, const Name& name);
  void assigned(const std::string& marker, const Binding& binding, bool beside_a_def);
  void stored(const std::string& marker, const AttributeStore& store);
  void add(std::uint32_t module, std::uint32_t function, const std::string& marker, Index where);
  void replace(const std::string& marker, Index where, std::string what) {
    out_.replacements.push_back({marker, module_, where, std::move(what)});
  }
  [[nodiscard]] std::string where_words(Index node) const {
    return printable(file().file) + ":" + std::to_string(file().tree.line(node));
  }
  [[nodiscard]] bool wanted(std::string_view name) const;
  [[nodiscard]] bool may_hold_functions(const AttributeStore& store, const std::string& name) const;
  [[nodiscard]] const Module& file() const { return program_.modules()[module_]; }

  const Program& program_;
  const std::vector<Marker>& markers_;
  Carriers& out_;
  std::uint32_t module_ = 0;
  std::set<std::pair<std::uint32_t, std::string>> seen_;  // of this module, by function
};

void Finder::find(std::uint32_t module) {
  module_ = module;
  seen_.clear();
  by_name();
  by_comment();
  by_binding();
  by_store();
}

bool Finder::wanted(std::string_view name) const {
  return std::any_of(markers_.begin(), markers_.end(),
                     [&](const Marker& marker) { return marker.name == name; });
}

void Finder::add(std::uint32_t module, std::uint32_t function, const std::string& marker,
                 Index where) {
  const bool own = module == module_ && where == file().functions[function].node;
  if (own && !seen_.emplace(function, marker).second) return;
  out_.found.push_back({{module, function}, marker, where});
}

void Finder::by_name() {
  for (std::uint32_t i = 0; i < file().functions.size(); ++i) {
    const Function& function = file().functions[i];
    if (file().dead[function.node]) {
      if (wanted(function.name))
        out_.hints.emplace(function.name, "its def at " + where_words(function.node) +
                                              " stands in code that never runs");
      continue;
    }
    // A variable of a function is its own business.
    const bool local =
        function.is_lambda && file().scopes[function.scope].what == Scope::What::function;
    if (!local && wanted(function.name)) add(module_, i, function.name, function.node);
    by_decorator(i);
  }
}

// @marker("checkpoint"), @jobward.marker("checkpoint")
void Finder::by_decorator(std::uint32_t index) {
  const SyntaxTree& tree = file().tree;
  for (const Index decorator : file().functions[index].decorators) {
    if (decorator == kNoNode || tree.kind(decorator) != Kind::call) continue;
    const auto callee = tree.text(tree.child(decorator, Field::function));
    if (callee != "marker" && callee != "jobward.marker") continue;
    for (const Index argument : tree.children(tree.child(decorator, Field::arguments))) {
      if (tree.kind(argument) != Kind::string) continue;
      for (const Index part : tree.children(argument))
        if (tree.kind(part) == Kind::string_content && wanted(tree.text(part)))
          add(module_, index, std::string(tree.text(part)), file().functions[index].node);
    }
  }
}

void Finder::by_comment() {
  const SyntaxTree& tree = file().tree;
  std::map<std::size_t, std::uint32_t> starts;
  for (std::uint32_t i = 0; i < file().functions.size(); ++i) {
    const Function& function = file().functions[i];
    if (file().dead[function.node] || function.is_lambda) continue;
    starts.emplace(tree.line(function.outer), i);
    starts.emplace(tree.line(function.node), i);
  }
  for (Index node = 0; node < tree.size(); ++node) {
    if (tree.kind(node) != Kind::comment) continue;
    for (const auto& name : named_in(tree.text(node))) {
      if (!wanted(name)) continue;
      std::size_t line = tree.line(node);
      auto found = starts.find(line);
      while (found == starts.end() && ++line <= tree.lines()) {
        found = starts.find(line);
        const auto text = trim(tree.line_text(line));
        if (!text.empty() && text[0] != '#') break;
      }
      if (found != starts.end())
        add(module_, found->second, name, file().functions[found->second].node);
      else
        out_.hints.emplace(name,
                           "a comment names it at " + where_words(node) + ", but no def follows");
    }
  }
}

// The name of a marker bound to something else than by a def or a lambda, in a module or a class.
void Finder::by_binding() {
  for (const auto& scope : file().scopes) {
    if (scope.what == Scope::What::function) continue;
    for (const auto& marker : markers_)
      if (const auto found = scope.names.find(marker.name); found != scope.names.end())
        bound(marker.name, found->second);
  }
}

void Finder::bound(const std::string& marker, const Name& name) {
  bool defined = false;
  for (const auto& binding : name.bindings) {
    switch (binding.what) {
      case Binding::What::function:
        defined = true;
        break;
      case Binding::What::import:
        if (defined) replace(marker, binding.node, "an import");
        out_.hints.emplace(marker, "it is only imported, at " + where_words(binding.node));
        break;
      case Binding::What::klass:
        if (defined) replace(marker, binding.node, "a class");
        out_.hints.emplace(marker, "it is a class at " + where_words(binding.node) +
                                       "; mark the method that does the work");
        break;
      case Binding::What::value:
        assigned(marker, binding, defined);
        break;
      case Binding::What::other:
        if (defined) replace(marker, binding.node, "another binding");
        break;
    }
  }
}

void Finder::assigned(const std::string& marker, const Binding& binding, bool beside_a_def) {
  const Target target = program_.resolve(module_, binding.value);
  if (target.what == Target::What::function) {
    const Function& function = program_.function(target.module, target.index);
    // A lambda that is assigned to the name has been found by it.
    if (!function.is_lambda || function.name != marker || target.module != module_)
      add(target.module, target.index, marker, binding.node);
    return;
  }
  if (beside_a_def) return replace(marker, binding.node, "an assignment");
  out_.hints.emplace(marker, "what is assigned to it at " + where_words(binding.node) +
                                 " is no function that can be looked into");
}

void Finder::by_store() {
  for (const auto& marker : markers_)
    if (const auto found = file().stores_of.find(marker.name); found != file().stores_of.end())
      for (const auto index : found->second)
        stored(marker.name, file().stores[index]);
}

void Finder::stored(const std::string& marker, const AttributeStore& store) {
  if (store.value != kNoNode) {
    const Target target = program_.resolve(module_, store.value);
    if (target.what == Target::What::function) {
      const Function& function = program_.function(target.module, target.index);
      if (!function.is_lambda || function.name != marker || target.module != module_)
        add(target.module, target.index, marker, store.node);
      return;
    }
  }
  if (may_hold_functions(store, marker)) replace(marker, store.node, "an assignment");
}

// args.resume = True is nobody's function. A module, a class, a self whose class defines the name,
// and globals() are another matter.
bool Finder::may_hold_functions(const AttributeStore& store, const std::string& name) const {
  if (file().tree.kind(store.target) == Kind::call) return true;  // globals()[…]
  const Target target = program_.resolve(module_, store.target);
  if (target.what == Target::What::module || target.what == Target::What::klass) return true;
  if (target.what == Target::What::dotted) {
    const auto text = file().tree.text(store.target);
    const auto& names = file().scopes[0].names;
    return names.find(text.substr(0, text.find('.'))) != names.end();
  }
  const auto text = file().tree.text(store.target);
  const auto around = file().function_around(store.node);
  if ((text != "self" && text != "cls") || around == kNobody) return false;
  const auto klass = file().functions[around].klass;
  return klass != kNobody && program_.method(module_, klass, name).what != Target::What::unknown;
}

}  // namespace

Carriers find_carriers(const Program& program, const std::vector<Marker>& markers) {
  Carriers out;
  Finder finder(program, markers, out);
  for (std::uint32_t i = 0; i < program.modules().size(); ++i)
    finder.find(i);
  return out;
}

}  // namespace jobward::scan
