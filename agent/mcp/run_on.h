// Running a server's loop: whatever a handler throws, the server goes on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <exception>
#include <string>

#include "common/log.h"

namespace jobward::mcp {

// Until it is stopped or has nothing left to do. What is thrown is logged: a call may go without
// its answer then, the others do not.
inline void run_on(boost::asio::io_context& context) {
  while (true) {
    try {
      context.run();
      return;
    } catch (const std::exception& broken) {
      log::error(std::string("mcp: ") + broken.what());
    }
  }
}

}  // namespace jobward::mcp
