#include "verify/compressed.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/fd.h"
#include "verify/engine.h"

namespace jobward::verify {
namespace {

constexpr std::size_t kChunk = 256U << 10U;

// The members of a gzip file one after the other, in pieces.
class Gzip {
 public:
  explicit Gzip(const std::string& shown) : shown_(shown), packed_(kChunk), plain_(kChunk) {}
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip() {
    if (ready_) ::inflateEnd(&stream_);
  }

  Status open(const std::string& path) {
    fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd_) return errno_error("open", shown_);
    constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib.h, inflateInit2
    if (::inflateInit2(&stream_, kGzipOnly) != Z_OK) return damaged("zlib cannot be started");
    ready_ = true;
    return {};
  }

  // What comes next; empty: the end. zlib has compared length and checksum of each member then.
  Result<std::string_view> next() {
    while (true) {
      if (stream_.avail_in == 0) JOBWARD_RETURN_IF_ERROR(fill());
      if (at_end_) return end();
      if (!within_) JOBWARD_RETURN_IF_ERROR(begin_member());
      if (padding_) continue;
      stream_.next_out = plain_.data();
      stream_.avail_out = static_cast<uInt>(plain_.size());
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END)
        within_ = false;
      else if (result != Z_OK && result != Z_BUF_ERROR)
        return damaged(result == Z_MEM_ERROR ? "out of memory" : "its gzip data is damaged");
      const auto got = plain_.size() - stream_.avail_out;
      if (got > 0) return std::string_view(reinterpret_cast<const char*>(plain_.data()), got);
    }
  }

 private:
  tl::unexpected<Error> damaged(const std::string& what) const {
    return error("read", shown_, what);
  }

  Status fill() {
    ssize_t got = -1;
    do {
      got = ::read(fd_.get(), packed_.data(), packed_.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return errno_error("read", shown_);
    stream_.next_in = packed_.data();
    stream_.avail_in = static_cast<uInt>(got);
    at_end_ = got == 0;
    return {};
  }

  Result<std::string_view> end() {
    if (within_ || !any_) return damaged("its gzip data ends too early: the file is cut off");
    return std::string_view();
  }

  // Another member, or padding of zeros (as tapes have it). What is neither zlib refuses.
  Status begin_member() {
    padding_ = any_ && *stream_.next_in == 0;
    while (padding_ && stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    if (padding_ && stream_.avail_in == 0) return {};
    if (padding_) return damaged("something that is not gzip follows its gzip data");
    if (any_ && ::inflateReset(&stream_) != Z_OK) return damaged("zlib cannot go on");
    any_ = within_ = true;
    return {};
  }

  const std::string& shown_;
  std::vector<Bytef> packed_;
  std::vector<Bytef> plain_;
  Fd fd_;
  z_stream stream_{};
  bool ready_ = false;
  bool at_end_ = false;
  bool within_ = false;  // a member
  bool any_ = false;
  bool padding_ = false;
};

}  // namespace

bool is_compressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

Status expect_whole(const std::string& path, const std::string& shown,
                    const std::function<bool()>& stopped) {
  if (path.ends_with(".zst"))
    return error("read", shown,
                 "whether a .zst is whole cannot be tested here, and one that is cut short would "
                 "pass for a complete one; unpack it (zstd -d), or pack it with gzip");
  Gzip gzip(shown);
  JOBWARD_RETURN_IF_ERROR(gzip.open(path));
  while (true) {
    if (stopped()) return interrupted_error();
    const auto piece = gzip.next();
    if (!piece) return tl::unexpected(piece.error());
    if (piece->empty()) return {};
  }
}

std::optional<Start> start_of_gzip(const std::string& path, std::size_t size) {
  Gzip gzip(path);
  if (!gzip.open(path)) return std::nullopt;
  Start out;
  while (out.text.size() < size) {
    const auto piece = gzip.next();
    if (!piece) return std::nullopt;
    if (piece->empty()) {
      out.whole = true;
      return out;
    }
    out.text += *piece;
  }
  out.text.resize(size);
  return out;
}

}  // namespace jobward::verify
