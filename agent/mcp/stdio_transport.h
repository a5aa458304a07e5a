// The protocol over two descriptors: a message a line.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

#include "agent/mcp/connection.h"
#include "common/result.h"

namespace jobward::mcp {

// Serves one client until its input ends or a signal comes (SIGINT, SIGTERM, SIGHUP), and what was
// answered by then is written; a client that reads nothing for kLastWordsSeconds then is left.
// Calls that go on are cut. Runs `context`, in the calling thread. The descriptors are borrowed;
// they are nonblocking meanwhile, and as they were afterwards. An error: reading failed.
// `before_leaving` is called when nothing is read any more; it may run the context.
Status serve_stdio(boost::asio::io_context& context, const Service& service, int in, int out,
                   const std::function<void()>& before_leaving);

inline constexpr int kLastWordsSeconds = 2;
// With so many bytes that the client has not read yet, no further message is read; progress is left
// out from half of it on.
inline constexpr std::size_t kMostUnread = std::size_t{8} << 20U;

}  // namespace jobward::mcp
