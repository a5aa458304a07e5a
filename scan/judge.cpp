#include "scan/judge.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/identity.h"
#include "common/text.h"
#include "scan/body_hash.h"

namespace jobward::scan {
namespace {

// Decorators that call what they wrap, or only mark it.
constexpr std::array<std::string_view, 24> kTrustedDecorators{"staticmethod",
                                                              "classmethod",
                                                              "property",
                                                              "override",
                                                              "typing.override",
                                                              "typing_extensions.override",
                                                              "final",
                                                              "typing.final",
                                                              "functools.wraps",
                                                              "functools.cache",
                                                              "functools.lru_cache",
                                                              "functools.cached_property",
                                                              "contextlib.contextmanager",
                                                              "contextlib.asynccontextmanager",
                                                              "abc.abstractmethod",
                                                              "abstractmethod",
                                                              "typing.no_type_check",
                                                              "typing.overload",
                                                              "overload",
                                                              "marker",
                                                              "jobward.marker",
                                                              "functools.singledispatch",
                                                              "functools.singledispatchmethod",
                                                              "typing.deprecated"};

constexpr std::array<std::string_view, 2> kManagers{"contextlib.contextmanager",
                                                    "contextlib.asynccontextmanager"};

void fault(MarkedFunction& out, StubReason reason, std::string message) {
  out.faults.push_back({reason, std::move(message)});
}

// The name of a decorator, as far as it can be told: imports followed, arguments left out.
std::string decorator_name(const Program& program, std::uint32_t module, Index decorator) {
  const SyntaxTree& tree = program.modules()[module].tree;
  if (decorator == kNoNode) return "";
  if (tree.kind(decorator) == Kind::call) decorator = tree.child(decorator, Field::function);
  const Target target = program.resolve(module, decorator);
  if (target.what == Target::What::dotted) return target.dotted;
  return std::string(tree.text(decorator));
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

StubFault without_effect(const Effects& own, bool delegates, bool logs) {
  if (delegates)
    return {StubReason::delegates_to_stub,
            "it only calls functions of these files, and none of them does anything"};
  if (own.raises && !own.returns)
    return {StubReason::only_raises, "all it does is to raise an exception"};
  if (own.returns_computed)
    return {StubReason::only_returns, "it only computes a value; nothing outlives the call"};
  if (logs) return {StubReason::only_logs, "it only prints or logs"};
  if (own.returns || own.statements)
    return {StubReason::constant, "it only returns or sets what is fixed"};
  return {StubReason::empty, "its body is empty"};
}

}  // namespace

const Effects& Judge::effects(FunctionId id) {
  const auto found = effects_.find(id);
  if (found != effects_.end()) return found->second;
  return effects_.emplace(id, effects_of(program_, id, replaced_)).first->second;
}

std::vector<FunctionId> Judge::reached(FunctionId id) {
  std::vector<FunctionId> out{id};
  std::set<FunctionId> seen{id};
  for (std::size_t i = 0; i < out.size(); ++i)
    for (const auto& next : effects(out[i]).calls)
      if (seen.insert(next).second) out.push_back(next);
  return out;
}

MarkedFunction Judge::judge(const Carrier& carrier, const Marker& marker) {
  const Module& module = program_.modules()[carrier.id.module];
  const Function& function = module.functions[carrier.id.index];
  MarkedFunction out;
  out.marker = marker.name;
  out.file = module.file;
  out.line = module.tree.line(function.node);
  out.function = function.title;
  out.body_sha256 = body_digest(module, function);
  const auto all = reached(carrier.id);
  out.recorded = {marker.name, module.file, function.title, definition_digest(module, function),
                  reached_digest(all)};
  const bool overload =
      std::any_of(function.decorators.begin(), function.decorators.end(), [&](Index decorator) {
        const auto name = decorator_name(program_, carrier.id.module, decorator);
        return name == "typing.overload" || name == "overload";
      });
  // An overload is a declaration, as long as a later def of the same name takes its place.
  const auto& names = module.scopes[function.scope].names;
  const auto bound = names.find(function.name);
  if (overload && bound != names.end() && bound->second.meaning.what == Binding::What::function &&
      bound->second.meaning.target != carrier.id.index)
    return out;
  if (rules_.known_stubs.count(out.body_sha256) > 0)
    fault(out, StubReason::known_stub, "its body is one that is known as a stub");
  judge_effects(carrier.id, all, out);
  if (out.faults.empty()) judge_calls(all, marker, out);
  judge_decorators(carrier.id, out);
  return out;
}

void Judge::judge_effects(FunctionId id, const std::vector<FunctionId>& all, MarkedFunction& out) {
  const Effects& own = effects(id);
  const Function& function = program_.function(id.module, id.index);
  if (function.yields && !own.yields)
    fault(out, StubReason::never_runs,
          "a yield that is never reached makes it a generator: calling it runs nothing");
  bool acts = false;
  bool logs = false;
  for (const auto& one : all) {
    acts = acts || effects(one).acts;
    logs = logs || effects(one).logs;
  }
  if (acts) return;
  auto nothing = without_effect(own, all.size() > 1, logs);
  fault(out, nothing.reason, std::move(nothing.message));
}

void Judge::judge_calls(const std::vector<FunctionId>& all, const Marker& marker,
                        MarkedFunction& out) {
  std::set<std::string> outside;
  for (const auto& one : all)
    outside.insert(effects(one).outside.begin(), effects(one).outside.end());
  for (const auto& required : marker.required) {
    const auto& wanted = required.any_of;
    if (std::any_of(wanted.begin(), wanted.end(),
                    [&](const std::string& call) { return outside.count(call) > 0; }))
      continue;
    std::string message = "it never reaches " + required.label + " (" + joined(wanted) + ")";
    for (const auto& one : replaced_) {
      const std::string& member = one.first;  // LLVM 14: no binding in a lambda
      if (std::any_of(wanted.begin(), wanted.end(), [&](const std::string& call) {
            return call == member || member == "*" ||
                   member == call.substr(0, call.rfind('.')) + ".*";
          }))
        message += "; " + printable(member) + " is replaced at " + printable(one.second);
    }
    fault(out, StubReason::unreached_calls, std::move(message));
  }
}

void Judge::judge_decorators(FunctionId id, MarkedFunction& out) {
  const Function& function = program_.function(id.module, id.index);
  for (const Index decorator : function.decorators) {
    const auto name = decorator_name(program_, id.module, decorator);
    const auto is = [&](std::string_view known) { return known == name; };
    if (std::any_of(kTrustedDecorators.begin(), kTrustedDecorators.end(), is)) continue;
    if (rules_.trusted_decorators.count(name) > 0) continue;
    const auto tail = name.size() > 7 ? name.substr(name.size() - 7) : "";
    if (tail == ".setter" || tail == ".getter") continue;
    fault(out, StubReason::replaced,
          "the decorator @" + printable(name) +
              " may put something else in its place; name it as trusted if it calls what it wraps");
  }
  const bool managed =
      std::any_of(function.decorators.begin(), function.decorators.end(), [&](Index decorator) {
        const auto name = decorator_name(program_, id.module, decorator);
        return std::find(kManagers.begin(), kManagers.end(), name) != kManagers.end();
      });
  if (managed && !function.yields)
    fault(out, StubReason::never_runs, "it is declared a context manager and never yields");
}

std::string Judge::reached_digest(const std::vector<FunctionId>& all) {
  std::vector<std::string> lines;
  for (const auto& one : all) {
    const Module& module = program_.modules()[one.module];
    const Function& function = module.functions[one.index];
    lines.push_back(function.title + " " + definition_digest(module, function));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines)
    text += line + "\n";
  return sha256_hex(text);
}

}  // namespace jobward::scan
