// The bytes of a history, unpacked if they are gzip. Private to traces/.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"

struct z_stream_s;  // zlib's state; its header stays out of ours

namespace jobward::traces {

class ByteSource {
 public:
  // A file, or "-" for standard input. Gzip is told by its first bytes, not by the name. A
  // directory, an empty file, and what is compressed or encoded in another way are errors.
  static Result<ByteSource> open(const std::string& path);
  // Text that is in memory already; `name` is for messages.
  static Result<ByteSource> from_text(std::string text, const std::string& name);

  // Puts at most `size` bytes at `to`; 0: the end. Gzip data that is damaged or cut off is an
  // error, never an end.
  Result<std::size_t> read(char* to, std::size_t size);

  [[nodiscard]] const std::string& name() const { return name_; }  // printable

 private:
  struct EndInflate {
    void operator()(z_stream_s* stream) const;
  };

  ByteSource() = default;
  Status begin();
  Status begin_gzip();
  Status fill();
  Result<std::size_t> read_gzip(char* to, std::size_t size);
  Status end_member();
  [[nodiscard]] std::size_t waiting() const { return packed_.size() - at_; }
  [[nodiscard]] tl::unexpected<Error> damaged(std::string detail) const;

  std::string name_;
  Fd fd_;               // none: all there is stands in packed_
  std::string packed_;  // as read; from at_ on not used yet
  std::size_t at_ = 0;
  bool at_end_ = false;                                // nothing comes after packed_
  std::unique_ptr<z_stream_s, EndInflate> unpacking_;  // on the heap: zlib keeps its address
  bool between_members_ = false;  // a gzip file may be several, one after another
};

}  // namespace jobward::traces
