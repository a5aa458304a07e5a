// Which functions carry which marker, and what is wrong with them.
#pragma once

#include <map>
#include <vector>

#include "scan/effects.h"
#include "scan/stubs.h"

namespace jobward::scan {

// A function that carries a marker.
struct Carrier {
  FunctionId id;
  std::string marker;
  Index where = 0;  // of an alias its assignment, else the function
};

// All places where one of the names is carried, in the order of files and lines. `replacements`: a
// marker's name that is bound to something that cannot be looked into.
struct Carriers {
  struct Replacement {
    std::string marker;
    std::uint32_t module = 0;
    Index where = 0;
    std::string what;  // "an assignment", "an import"
  };
  std::vector<Carrier> found;
  std::vector<Replacement> replacements;
  // Of each marker, why something of its name is not a function: for the message that it is
  // missing.
  std::map<std::string, std::string> hints;
};
Carriers find_carriers(const Program& program, const std::vector<Marker>& markers);

// Judges functions of one program, each seen once.
class Judge {
 public:
  Judge(const Program& program, const StubRules& rules)
      : program_(program), rules_(rules), replaced_(replaced_members(program)) {}

  MarkedFunction judge(const Carrier& carrier, const Marker& marker);

 private:
  const Effects& effects(FunctionId id);
  // The function, then all that it reaches.
  std::vector<FunctionId> reached(FunctionId id);
  void judge_effects(FunctionId id, const std::vector<FunctionId>& all, MarkedFunction& out);
  void judge_calls(const std::vector<FunctionId>& all, const Marker& marker, MarkedFunction& out);
  void judge_decorators(FunctionId id, MarkedFunction& out);
  std::string reached_digest(const std::vector<FunctionId>& all);

  const Program& program_;
  const StubRules& rules_;
  Replaced replaced_;
  std::map<FunctionId, Effects> effects_;
};

}  // namespace jobward::scan
