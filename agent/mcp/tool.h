// What a tool is: an entry of a table.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/mcp/fields.h"

namespace jobward::mcp {

class Call;

// What a client may think of a tool before it is called (ToolAnnotations).
struct Hints {
  bool read_only = false;
  bool destructive = false;  // it may undo or end what somebody else relies on
  bool idempotent = false;   // once more changes nothing more
  bool open_world = false;   // what it starts may reach anything
};

// Its end: `content` has the fields of the tool's table. A failed one says why in words, with what
// to do next.
struct ToolAnswer {
  Json content = Json::object();
  bool failed = false;
};
// A failed one: {"error": what, "advice": next}.
ToolAnswer tool_error(std::string what, std::string advice = {});

struct Tool {
  std::string name;
  std::string title;
  std::string description;
  Fields takes;
  Fields gives;
  Hints hints;
  bool may_be_task = false;
  // Is called in the server's thread with arguments that fit `takes`; answers the call now or
  // later.
  std::function<void(const std::shared_ptr<Call>& call)> handler;
};

// As tools/list shows it. `execution`: with what the 2025-11-25 protocol says of tasks.
Json description_of(const Tool& tool, bool execution);

// The result of tools/call, without what the protocol's version adds.
Json result_of(const ToolAnswer& answer);

// nullptr: none.
const Tool* find_tool(const std::vector<Tool>& tools, const std::string& name);

}  // namespace jobward::mcp
