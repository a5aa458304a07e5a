// What the names of a Python program are bound to, as far as its text tells.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scan/syntax.h"

namespace jobward::scan {

inline constexpr std::uint32_t kNobody = UINT32_MAX;

// A def or a lambda.
struct Function {
  Index node = 0;
  Index body = 0;                 // a block; of a lambda its expression
  Index outer = 0;                // with its decorators; else the node itself
  std::string name;               // of a lambda: what it is assigned to, or nothing
  std::string title;              // "Writer.commit", "outer.<locals>.inner", "<lambda>"
  std::uint32_t scope = 0;        // where it is defined
  std::uint32_t klass = kNobody;  // of a method
  std::vector<Index> decorators;  // what stands behind the @
  bool is_lambda = false;
  bool is_async = false;
  bool yields = false;           // somewhere, dead or not: it is a generator then
  bool runs_parameters = false;  // it calls something that it was given
};

struct Class {
  Index node = 0;
  std::string name;
  std::uint32_t scope = 0;  // its own
  std::vector<Index> bases;
};

// One place where a name gets a meaning.
struct Binding {
  enum class What : std::uint8_t { function, klass, import, value, other };
  What what = What::other;
  Index node = 0;
  std::uint32_t target = kNobody;  // the function or class
  Index value = kNoNode;           // what is assigned
  std::string dotted;              // what is imported: "os", "os.fsync"
};

struct Name {
  std::vector<Binding> bindings;  // in the order of the text
  // Known once the names are settled: what it stands for at the end. The last binding counts, but
  // an import only where there is no other meaning besides.
  Binding meaning;
};

struct Scope {
  enum class What : std::uint8_t { module, klass, function };
  What what = What::module;
  std::uint32_t parent = kNobody;
  std::uint32_t owner = kNobody;  // the function or class
  std::map<std::string, Name, std::less<>> names;
  std::vector<std::string> globals;    // declared so
  std::vector<std::string> nonlocals;  // declared so
};

// TARGET.NAME = VALUE, or setattr(TARGET, "NAME", VALUE) and its like.
struct AttributeStore {
  Index node = 0;
  Index target = 0;
  std::optional<std::string> name;  // absent: computed, so it may be any
  Index value = kNoNode;            // kNoNode: not told in one expression
};

struct Module {
  Module(SyntaxTree parsed, std::string path);

  SyntaxTree tree;
  std::string file;
  std::string stem;           // "writer" of "lib/writer.py"; of an __init__.py its directory's
  std::vector<Scope> scopes;  // 0: the module's
  std::vector<Function> functions;
  std::vector<Class> classes;
  std::vector<AttributeStore> stores;
  std::vector<std::uint32_t> scope_of;     // a node's
  std::vector<std::uint32_t> function_at;  // defined by a node; kNobody
  std::map<std::string, std::vector<std::size_t>, std::less<>> stores_of;  // by name, settled
  std::vector<bool> dead;  // a node that is never reached (scan/dead_code.h)

  // The innermost function around a node; kNobody: none.
  [[nodiscard]] std::uint32_t function_around(Index node) const;
};

// Reads one file's bindings, marks what is dead, and settles its names: a ready module.
Module read_module(SyntaxTree tree, std::string file);
// The last step alone: what dead code binds and stores is dropped, the rest decided.
void settle_names(Module& module);

// What an expression names.
struct Target {
  enum class What : std::uint8_t { unknown, function, klass, dotted, module };
  What what = What::unknown;
  std::uint32_t module = 0;  // of the function or class, or the module itself
  std::uint32_t index = 0;
  std::string dotted;  // "os.fsync"; of a builtin its name
};

// Some files that belong together: an import of one by another is followed.
class Program {
 public:
  explicit Program(std::vector<Module> modules);

  [[nodiscard]] const std::vector<Module>& modules() const { return modules_; }
  [[nodiscard]] const Function& function(std::uint32_t module, std::uint32_t index) const {
    return modules_[module].functions[index];
  }
  // What an identifier, a dotted name, a method of a known class stand for. Dead code binds
  // nothing.
  [[nodiscard]] Target resolve(std::uint32_t module, Index expression) const;
  // A method, of the class or of its bases.
  [[nodiscard]] Target method(std::uint32_t module, std::uint32_t klass,
                              std::string_view name) const;

 private:
  struct Depth {
    int left;
    int* steps;  // of the whole question
    bool spent() { return --left < 0 || --*steps < 0; }
  };
  [[nodiscard]] Target resolve(std::uint32_t module, Index expression, Depth depth) const;
  [[nodiscard]] Target resolve_name(std::uint32_t module, std::string_view name,
                                    std::uint32_t scope, Depth depth) const;
  [[nodiscard]] Target resolve_binding(std::uint32_t module, const Binding& binding,
                                       Depth depth) const;
  [[nodiscard]] Target resolve_attribute(std::uint32_t module, Index attribute, Depth depth) const;
  [[nodiscard]] Target resolve_import(const std::string& dotted, Depth depth) const;
  [[nodiscard]] Target module_member(std::uint32_t module, std::string_view name,
                                     Depth depth) const;
  [[nodiscard]] Target method(std::uint32_t module, std::uint32_t klass, std::string_view name,
                              Depth depth) const;
  // The class of what an expression gives: Writer(path), self.writer, a variable that holds one.
  [[nodiscard]] Target class_of(std::uint32_t module, Index expression, Depth depth) const;
  [[nodiscard]] Target class_of_member(std::uint32_t module, Index attribute, Depth depth) const;

  std::vector<Module> modules_;
  std::map<std::string, std::vector<std::uint32_t>, std::less<>> by_stem_;
};

}  // namespace jobward::scan
