#include "agent/mcp/line_buffer.h"

#include <utility>

namespace jobward::mcp {
namespace {

constexpr std::string_view kBlank = " \t\r";

}  // namespace

LineBuffer::LineBuffer(std::function<void(std::string_view)> line, std::function<void()> too_long,
                       std::size_t limit)
    : line_(std::move(line)), too_long_(std::move(too_long)), limit_(limit) {}

void LineBuffer::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) {
      keep(bytes);
      return;
    }
    complete(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
}

void LineBuffer::finish() { complete({}); }

void LineBuffer::keep(std::string_view part) {
  if (dropping_) return;
  if (held_.size() + part.size() <= limit_) {
    held_ += part;
    return;
  }
  dropping_ = true;
  std::string().swap(held_);
  too_long_();
}

void LineBuffer::complete(std::string_view tail) {
  if (held_.empty() && !dropping_ && tail.size() <= limit_) {
    if (tail.find_first_not_of(kBlank) != std::string_view::npos) line_(tail);
    return;
  }
  keep(tail);
  if (!std::exchange(dropping_, false)) {
    // Moved out first: whoever is called may bring more.
    const std::string whole = std::move(held_);
    held_.clear();
    if (whole.find_first_not_of(kBlank) != std::string::npos) line_(whole);
  }
}

}  // namespace jobward::mcp
