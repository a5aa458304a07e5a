// Messages end with a line feed. Holds what has come until one has, within a bound.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace jobward::mcp {

// A longer message is no call of a tool: the largest commands and contracts are far below it.
inline constexpr std::size_t kLongestMessage = std::size_t{8} << 20U;

class LineBuffer {
 public:
  // `line`: a whole message without its end, valid during the call; blank ones are left out.
  // `too_long`: one was longer than `limit` and was let go; called once for it.
  LineBuffer(std::function<void(std::string_view line)> line, std::function<void()> too_long,
             std::size_t limit = kLongestMessage);

  void take(std::string_view bytes);
  // The input has ended. What was not ended by a line feed is a message all the same.
  void finish();

 private:
  void complete(std::string_view tail);
  void keep(std::string_view part);

  std::function<void(std::string_view)> line_;
  std::function<void()> too_long_;
  std::size_t limit_;
  std::string held_;
  bool dropping_ = false;
};

}  // namespace jobward::mcp
