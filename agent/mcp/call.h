// One call of a tool that goes on. To be used in the server's thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/mcp/revision.h"
#include "agent/mcp/tasks.h"
#include "agent/mcp/tool.h"

namespace jobward::mcp {

class Call : public std::enable_shared_from_this<Call> {
 public:
  enum class Cut {
    cancelled,  // by the client: it wants no answer
    gone,       // the client has ended
    lost,       // its answer would reach nobody, by which nothing is meant
  };
  struct Origin {
    boost::asio::any_io_executor executor;
    Client client;
    Json arguments;
    Json progress_token = nullptr;  // null: no progress is wanted
    bool as_task = false;           // it should go on as a task
    // Each once, unless the call is cut: one of the two.
    std::function<void(const ToolAnswer&)> answered;
    std::function<void(const Task&)> became_task;
    std::function<void(Json params)> progressed;
  };
  explicit Call(Origin origin);

  [[nodiscard]] const Json& arguments() const { return origin_.arguments; }
  [[nodiscard]] const Client& client() const { return origin_.client; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return origin_.executor; }
  [[nodiscard]] bool wants_progress() const;
  [[nodiscard]] bool wants_task() const { return origin_.as_task; }
  // Answered, or cut.
  [[nodiscard]] bool is_over() const { return over_; }
  [[nodiscard]] std::optional<Cut> was_cut() const { return cut_; }

  // `done` grows from one to the next; one that does not is left out.
  void progress(double done, std::optional<double> total, const std::string& message);
  // The first that is said counts; nothing is sent once it is cut.
  void answer(ToolAnswer answer);
  void become_task(const Task& task);

  // What has to be let go when it is cut before it has answered. One at a time.
  void on_cut(std::function<void(Cut)> let_go) { let_go_ = std::move(let_go); }
  void cut(Cut how);

 private:
  // Both npm clients lose progress that comes right before the answer (reference: measured).
  static constexpr std::chrono::milliseconds kGap{25};

  Origin origin_;
  std::function<void(Cut)> let_go_;
  bool over_ = false;
  std::optional<Cut> cut_;
  std::optional<double> done_;
  std::optional<ToolAnswer> held_;  // until the gap is over
  std::chrono::steady_clock::time_point told_at_{};
  boost::asio::steady_timer gap_;
};

}  // namespace jobward::mcp
