#include "common/result.h"

#include <cerrno>
#include <cstring>

namespace jobward {

std::string Error::message() const {
  std::string text;
  for (std::size_t i = context.size(); i > 0; --i)
    text += context[i - 1] + ": ";
  text += "cannot " + operation;
  if (!object.empty()) text += " " + object;
  if (!detail.empty()) text += ": " + detail;
  if (errnum != 0) text += std::string(detail.empty() ? ": " : " (") + std::strerror(errnum);
  if (errnum != 0 && !detail.empty()) text += ")";
  return text;
}

tl::unexpected<Error> errno_error(std::string operation, std::string object) {
  const int saved = errno;
  return errno_error(std::move(operation), std::move(object), saved);
}

tl::unexpected<Error> errno_error(std::string operation, std::string object, int errnum) {
  return tl::unexpected(Error{std::move(operation), std::move(object), errnum, {}, {}});
}

tl::unexpected<Error> error(std::string operation, std::string object, std::string detail) {
  return tl::unexpected(Error{std::move(operation), std::move(object), 0, std::move(detail), {}});
}

}  // namespace jobward
