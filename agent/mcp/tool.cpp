#include "agent/mcp/tool.h"

#include <algorithm>
#include <utility>

namespace jobward::mcp {

ToolAnswer tool_error(std::string what, std::string advice) {
  ToolAnswer out;
  out.failed = true;
  out.content["error"] = std::move(what);
  if (!advice.empty()) out.content["advice"] = std::move(advice);
  return out;
}

Json description_of(const Tool& tool, bool execution) {
  Json out{{"name", tool.name},
           {"title", tool.title},
           {"description", tool.description},
           {"inputSchema", schema_of(tool.takes, false)},
           {"outputSchema", schema_of(tool.gives, true)},
           {"annotations",
            {{"title", tool.title},
             {"readOnlyHint", tool.hints.read_only},
             {"destructiveHint", tool.hints.destructive},
             {"idempotentHint", tool.hints.idempotent},
             {"openWorldHint", tool.hints.open_world}}}};
  if (execution) out["execution"] = {{"taskSupport", tool.may_be_task ? "optional" : "forbidden"}};
  return out;
}

Json result_of(const ToolAnswer& answer) {
  const auto text = answer.content.dump(-1, ' ', false, Json::error_handler_t::replace);
  Json out{{"content", Json::array({Json{{"type", "text"}, {"text", text}}})}};
  // A failed call need not have the fields that are promised of a good one.
  if (!answer.failed) out["structuredContent"] = answer.content;
  out["isError"] = answer.failed;
  return out;
}

const Tool* find_tool(const std::vector<Tool>& tools, const std::string& name) {
  const auto found =
      std::find_if(tools.begin(), tools.end(), [&](const Tool& tool) { return tool.name == name; });
  return found == tools.end() ? nullptr : &*found;
}

}  // namespace jobward::mcp
