#include "agent/mcp/call.h"

#include <utility>

namespace jobward::mcp {

Call::Call(Origin origin) : origin_(std::move(origin)), gap_(origin_.executor) {}

bool Call::wants_progress() const { return !over_ && !origin_.progress_token.is_null(); }

void Call::progress(double done, std::optional<double> total, const std::string& message) {
  if (!wants_progress() || (done_ && done <= *done_)) return;
  done_ = done;
  told_at_ = std::chrono::steady_clock::now();
  Json params{{"progressToken", origin_.progress_token}, {"progress", done}};
  if (total) params["total"] = *total;
  if (!message.empty()) params["message"] = message;
  origin_.progressed(std::move(params));
}

void Call::answer(ToolAnswer answer) {
  if (std::exchange(over_, true)) return;
  let_go_ = nullptr;
  const auto since = std::chrono::steady_clock::now() - told_at_;
  if (!done_ || since >= kGap) {
    origin_.answered(answer);
    return;
  }
  gap_.expires_after(kGap - std::chrono::duration_cast<std::chrono::milliseconds>(since));
  held_ = std::move(answer);
  gap_.async_wait([self = shared_from_this()](const auto& failed) {
    if (failed || !self->held_) return;
    self->origin_.answered(*std::exchange(self->held_, std::nullopt));
  });
}

void Call::become_task(const Task& task) {
  if (std::exchange(over_, true)) return;
  let_go_ = nullptr;
  origin_.became_task(task);
}

void Call::cut(Cut how) {
  if (std::exchange(over_, true)) {
    // It has its answer already, which only a client that cancels does not want.
    const auto held = std::exchange(held_, std::nullopt);
    if (held && how == Cut::gone) origin_.answered(*held);
    return;
  }
  cut_ = how;
  if (auto let_go = std::exchange(let_go_, nullptr)) let_go(how);
}

}  // namespace jobward::mcp
