// Errors as values. Below the front ends nothing throws for what the outside world can cause: a
// function that can fail returns Result<T>. Only programming errors and exhaustion throw.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace jobward {

// What went wrong, in parts: the operation tried, the object it was tried on, and the errno if the
// kernel gave one (0 if not). `detail` says in words what an errno cannot. `context` holds what the
// callers were doing, innermost first; each layer that passes an error on may add one entry.
struct Error {
  std::string operation;
  std::string object;
  int errnum = 0;
  std::string detail;
  std::vector<std::string> context;

  // One line for a person: "outer: inner: cannot OPERATION OBJECT: DETAIL (strerror)".
  [[nodiscard]] std::string message() const;

  [[nodiscard]] Error with_context(std::string what) && {
    context.push_back(std::move(what));
    return std::move(*this);
  }
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// An error from a system call. Call it first thing after the failure: it captures errno.
tl::unexpected<Error> errno_error(std::string operation, std::string object);
tl::unexpected<Error> errno_error(std::string operation, std::string object, int errnum);

// An error that has no errno: bad input, a broken file, a missing feature.
tl::unexpected<Error> error(std::string operation, std::string object, std::string detail);

// Passes an error on, with what the caller was doing.
inline tl::unexpected<Error> rethrow(Error inner, std::string what) {
  return tl::unexpected(std::move(inner).with_context(std::move(what)));
}

}  // namespace jobward

// Evaluates a Status or Result and returns its error from the enclosing function, if it is one.
#define JOBWARD_RETURN_IF_ERROR(expression)                     \
  do {                                                          \
    if (auto jobward_status = (expression); !jobward_status)    \
      return tl::unexpected(std::move(jobward_status).error()); \
  } while (false)
