// What a tool takes and what it answers, as a table: from it come the JSON Schema that clients see
// and the check of what they send.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/mcp/json.h"

namespace jobward::mcp {

enum class Kind {
  text,
  number,
  integer,
  boolean,
  texts,    // an array of texts
  command,  // a command line as one text, or argv as an array of texts
  numbers,  // an object whose values are numbers
  object,   // whatever is in it
  objects,  // an array of objects
};

struct Field {
  std::string name;  // with its unit
  Kind kind = Kind::text;
  std::string description;
  bool required = false;
  std::vector<std::string> choices = {};  // of a text; empty: any
  std::optional<double> least = {};       // of a number
  std::optional<double> most = {};
};
using Fields = std::vector<Field>;

// `open`: others may be there, too.
Json schema_of(const Fields& fields, bool open);

// Why these arguments are not what the table says, for whoever has sent them; empty: they are.
// Unknown names are refused: a limit that was spelled wrong must not be left out silently.
std::string objection(const Fields& fields, const Json& arguments);

}  // namespace jobward::mcp
