// The lines of a history with their numbers: of a file, plain or gzip, of standard input, or of a
// text in memory. Streams: memory does not grow with the file.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "traces/byte_source.h"

namespace jobward::traces {

// No tool writes lines as long as this; a file without line ends is not a table.
inline constexpr std::size_t kLongestLine = 1U << 20U;  // bytes, without its end

class TextSource {
 public:
  struct Line {
    std::string_view text;   // without its LF or CRLF; until the next call of next()
    std::size_t number = 0;  // counted from 1
  };

  // `path` "-" is standard input. Whether it is gzip is told by its first bytes, not by the name. A
  // file that cannot be read, is a directory, or is empty is an error that names it.
  static Result<TextSource> open(const std::string& path);
  static Result<TextSource> from_text(std::string text, const std::string& name);

  // The next line; absent at the end. The last one need not be ended; a UTF-8 byte order mark is
  // dropped. A line over kLongestLine, a read error, and gzip data that is damaged or cut off are
  // errors that name the file (and line); what came before has been given.
  Result<std::optional<Line>> next();

  [[nodiscard]] const std::string& name() const { return bytes_.name(); }  // printable

 private:
  explicit TextSource(ByteSource bytes) : bytes_(std::move(bytes)) {}
  Status more();

  ByteSource bytes_;
  std::string buffer_;  // bytes [begin_, end_) are not given yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t line_ = 0;
  bool at_end_ = false;
};

}  // namespace jobward::traces
