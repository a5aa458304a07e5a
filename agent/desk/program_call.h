// Another program, run while the server goes on: argv, no shell, its output bounded.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"

namespace jobward::desk {

struct ProgramOrder {
  std::vector<std::string> argv;         // argv[0]: a path
  std::string cwd;                       // absolute
  std::vector<std::string> environment;  // all of it, "NAME=value"
};

struct ProgramEnd {
  int status = 0;  // its exit status, or 128 + the signal that ended it
  std::string output;
  std::string errors;
  bool cut = false;  // it wrote more than kMostOutput to one of them, which is not kept
};
inline constexpr std::size_t kMostOutput = std::size_t{4} << 20U;

class ProgramCall : public std::enable_shared_from_this<ProgramCall> {
 public:
  using Then = std::function<void(Result<ProgramEnd>)>;
  // `then` is called once, from the context, after it has exited; not if it was let go.
  static std::shared_ptr<ProgramCall> start(boost::asio::io_context& context,
                                            const ProgramOrder& order, Then then);
  virtual ~ProgramCall() = default;
  // Ends it and what it has started, unless that has left its process group.
  virtual void kill() = 0;
};

}  // namespace jobward::desk
