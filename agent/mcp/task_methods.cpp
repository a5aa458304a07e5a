// Tasks: 2025-11-25 (basic/utilities/tasks), and the extension io.modelcontextprotocol/tasks of
// 2026-07-28.
#include <array>
#include <ctime>
#include <utility>

#include "agent/mcp/methods.h"

namespace jobward::mcp {
namespace {

constexpr std::size_t kPage = 50;

// "2026-11-27T10:30:00.250Z"
std::string moment_text(std::int64_t ms) {
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
  return std::string(text.data(), length) + "." + fraction + "Z";
}

// A failed tool is a failed task in 2025-11-25; in 2026-07-28 only an error of the protocol is.
const char* status_of(Revision revision, const Task& task) {
  if (revision == Revision::stateless && task.state == Task::State::failed) return "completed";
  return to_string(task.state);
}

// Kept as long as the run is on record: no end is promised.
Json task_json(Revision revision, const Task& task) {
  const bool stateless = revision == Revision::stateless;
  Json out{{"taskId", task.id}, {"status", status_of(revision, task)}};
  if (!task.message.empty()) out["statusMessage"] = task.message;
  out["createdAt"] = moment_text(task.created_ms);
  out["lastUpdatedAt"] = moment_text(task.updated_ms);
  out[stateless ? "ttlMs" : "ttl"] = nullptr;
  out[stateless ? "pollIntervalMs" : "pollInterval"] = kPollMs;
  return out;
}

RpcError unknown_task() {
  return {rpc_code::kInvalidParams, "there is no such task (its id is that of a run)"};
}

// The id that a request of tasks is about; absent: it was answered with an error.
std::optional<std::string> task_id(Connection& connection, const Asked& asked, const Reply& reply) {
  if (asked.revision == Revision::stateless && !asked.knows_tasks) {
    reply.error(
        {rpc_code::kMissingCapability,
         "this request does not declare the extension for tasks",
         {{"requiredCapabilities", {{"extensions", {{meta_key::kTasks, Json::object()}}}}}}});
    return std::nullopt;
  }
  const Json& id = member(asked.params, "taskId");
  if (connection.service().tasks == nullptr || !id.is_string()) {
    reply.error(unknown_task());
    return std::nullopt;
  }
  return id.get<std::string>();
}

}  // namespace

Json created_task(Revision revision, const Task& task) {
  if (revision == Revision::handshake) return {{"task", task_json(revision, task)}};
  Json out{{"resultType", "task"}};
  out.update(task_json(revision, task));
  return out;
}

void tasks_get(Connection& connection, const Asked& asked, const Reply& reply) {
  const auto id = task_id(connection, asked, reply);
  if (!id) return;
  const auto task = connection.service().tasks->find(*id);
  if (!task) {
    reply.error(unknown_task());
    return;
  }
  Json out = task_json(asked.revision, *task);
  const bool inlined = asked.revision == Revision::stateless && has_ended(*task) &&
                       task->state != Task::State::cancelled;
  if (inlined) {
    out["result"] = result_of(task->answer);
    out["result"]["resultType"] = "complete";
  }
  reply.result(std::move(out));
}

void tasks_result(Connection& connection, const Asked& asked, const Reply& reply) {
  const auto id = task_id(connection, asked, reply);
  if (!id) return;
  auto let_go = connection.service().tasks->await(*id, [reply](const std::optional<Task>& task) {
    if (!task) {
      reply.error(unknown_task());
    } else if (task->state == Task::State::cancelled) {
      reply.error({rpc_code::kInternalError, "the task was cancelled: " + task->message});
    } else {
      Json out = result_of(task->answer);
      out["_meta"][meta_key::kRelatedTask] = {{"taskId", task->id}};
      reply.result(std::move(out));
    }
  });
  connection.on_cut(asked, std::move(let_go));
}

void tasks_list(Connection& connection, const Asked& asked, const Reply& reply) {
  const Json& cursor = member(asked.params, "cursor");
  auto* source = connection.service().tasks;
  if (source == nullptr || !(cursor.is_null() || cursor.is_string())) {
    reply.error({rpc_code::kInvalidParams, "cursor is no text that was given as one"});
    return;
  }
  const auto after = cursor.is_string() ? cursor.get<std::string>() : std::string();
  if (!after.empty() && !source->find(after)) {
    reply.error({rpc_code::kInvalidParams, "there is no page with this cursor"});
    return;
  }
  const auto tasks = source->list(after, kPage);
  Json list = Json::array();
  for (const auto& task : tasks)
    list.push_back(task_json(asked.revision, task));
  Json out{{"tasks", std::move(list)}};
  if (tasks.size() == kPage) out["nextCursor"] = tasks.back().id;
  reply.result(std::move(out));
}

void tasks_cancel(Connection& connection, const Asked& asked, const Reply& reply) {
  const auto id = task_id(connection, asked, reply);
  if (!id) return;
  auto* source = connection.service().tasks;
  const auto task = source->find(*id);
  if (!task) {
    reply.error(unknown_task());
    return;
  }
  const bool stateless = asked.revision == Revision::stateless;
  if (has_ended(*task)) {
    if (stateless)
      reply.result(Json::object());
    else
      reply.error({rpc_code::kInvalidParams,
                   std::string("it has ended already: ") + to_string(task->state)});
    return;
  }
  source->cancel(*id, [reply, stateless](const std::optional<Task>& after) {
    if (stateless)
      reply.result(Json::object());
    else if (!after)
      reply.error(unknown_task());
    else if (!has_ended(*after))
      reply.error({rpc_code::kInternalError, "it could not be ended: " + after->message});
    else
      reply.result(task_json(Revision::handshake, *after));
  });
}

// It would answer a question of ours. We ask none.
void tasks_update(Connection& connection, const Asked& asked, const Reply& reply) {
  const auto id = task_id(connection, asked, reply);
  if (!id) return;
  if (connection.service().tasks->find(*id))
    reply.result(Json::object());
  else
    reply.error(unknown_task());
}

}  // namespace jobward::mcp
