// What a client may ask for: a table.
#pragma once

#include <string>

#include "agent/mcp/connection.h"

namespace jobward::mcp {

struct Method {
  const char* name;
  bool in_handshake;  // there up to 2025-11-25
  bool in_stateless;  // there from 2026-07-28 on
  void (*function)(Connection& connection, const Asked& asked, const Reply& reply);
};

// nullptr: there is no such method in this revision.
const Method* find_method(const std::string& name, Revision revision);

// Those of tasks, in a file of their own.
void tasks_get(Connection& connection, const Asked& asked, const Reply& reply);
void tasks_result(Connection& connection, const Asked& asked, const Reply& reply);
void tasks_list(Connection& connection, const Asked& asked, const Reply& reply);
void tasks_cancel(Connection& connection, const Asked& asked, const Reply& reply);
void tasks_update(Connection& connection, const Asked& asked, const Reply& reply);

// A task as the first answer to a call of a tool.
Json created_task(Revision revision, const Task& task);

}  // namespace jobward::mcp
