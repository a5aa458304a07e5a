// Long calls as tasks: each is something durable with an id, which any server process can tell of.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/mcp/tool.h"

namespace jobward::mcp {

struct Task {
  enum class State { working, completed, failed, cancelled };
  std::string id;
  State state = State::working;
  std::string message;  // one sentence on how it stands
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
  ToolAnswer answer;  // once it is completed or failed
};
constexpr const char* to_string(Task::State state) {
  switch (state) {
    case Task::State::working:
      return "working";
    case Task::State::completed:
      return "completed";
    case Task::State::failed:
      return "failed";
    case Task::State::cancelled:
      return "cancelled";
  }
  return "failed";
}
constexpr bool has_ended(const Task& task) { return task.state != Task::State::working; }

// How often a client should ask again.
inline constexpr int kPollMs = 2000;

// Where tasks are found. Functions are called in the server's thread; `then` is called once, later
// or before it returns. Absent: there is no such task.
class TaskSource {
 public:
  virtual ~TaskSource() = default;
  using Then = std::function<void(std::optional<Task>)>;
  virtual std::optional<Task> find(const std::string& id) = 0;
  // Newest first, at most `limit`, those that come after the one named `after` (empty: all).
  virtual std::vector<Task> list(const std::string& after, std::size_t limit) = 0;
  // Until it has ended. What comes back lets go of it: `then` is not called any more.
  virtual std::function<void()> await(const std::string& id, Then then) = 0;
  // Ends it, whatever it does; then tells how it stands.
  virtual void cancel(const std::string& id, Then then) = 0;
};

}  // namespace jobward::mcp
