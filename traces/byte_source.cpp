#include "traces/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "common/text.h"

namespace jobward::traces {
namespace {

constexpr std::size_t kChunk = 64U << 10U;
constexpr std::string_view kGzip = "\x1f\x8b";  // RFC 1952, 2.3.1

struct Foreign {
  std::string_view magic;
  const char* advice;
};
// What people have at hand and would otherwise be told of as a strange column name.
constexpr std::array kForeign{
    Foreign{"\xFD"
            "7zXZ",
            "it is packed with xz; only gzip is unpacked here (xz -dc FILE | … -)"},
    Foreign{"BZh", "it is packed with bzip2; only gzip is unpacked here (bzip2 -dc FILE | … -)"},
    Foreign{"\x28\xB5\x2F\xFD",
            "it is packed with zstd; only gzip is unpacked here (zstd -dc FILE | … -)"},
    Foreign{"PK\x03\x04", "it is a zip archive; unpack it first"},
    Foreign{"\xFF\xFE", "it is UTF-16; save it as UTF-8"},
    Foreign{"\xFE\xFF", "it is UTF-16; save it as UTF-8"}};

}  // namespace

void ByteSource::EndInflate::operator()(z_stream_s* stream) const {
  ::inflateEnd(stream);
  delete stream;
}

Result<ByteSource> ByteSource::open(const std::string& path) {
  ByteSource source;
  const bool standard_input = path == "-";
  source.name_ = standard_input ? "standard input" : printable(path);
  source.fd_.reset(standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                  : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.fd_) return errno_error("open", source.name_);
  struct stat info {};
  if (::fstat(source.fd_.get(), &info) != 0) return errno_error("inspect", source.name_);
  if (S_ISDIR(info.st_mode)) return errno_error("read", source.name_, EISDIR);
  JOBWARD_RETURN_IF_ERROR(source.begin());
  return source;
}

Result<ByteSource> ByteSource::from_text(std::string text, const std::string& name) {
  ByteSource source;
  source.name_ = printable(name);
  source.packed_ = std::move(text);
  source.at_end_ = true;
  JOBWARD_RETURN_IF_ERROR(source.begin());
  return source;
}

tl::unexpected<Error> ByteSource::damaged(std::string detail) const {
  return error("read", name_, std::move(detail));
}

// Looks at the first bytes. A pipe may hand them over one by one.
Status ByteSource::begin() {
  constexpr std::size_t kLongestMagic = 8;
  while (!at_end_ && packed_.size() < kLongestMagic)
    JOBWARD_RETURN_IF_ERROR(fill());
  if (packed_.empty()) return damaged("it is empty");
  const std::string_view start = packed_;
  for (const auto& foreign : kForeign)
    if (start.starts_with(foreign.magic)) return damaged(foreign.advice);
  return start.starts_with(kGzip) ? begin_gzip() : Status{};
}

Status ByteSource::begin_gzip() {
  constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib.h, inflateInit2
  auto stream = std::make_unique<z_stream>();
  if (::inflateInit2(stream.get(), kGzipOnly) != Z_OK)
    return damaged("zlib cannot be started (out of memory?)");
  unpacking_.reset(stream.release());
  return {};
}

// Adds what comes next to packed_, after what is not used yet.
Status ByteSource::fill() {
  packed_.erase(0, at_);
  at_ = 0;
  const std::size_t had = packed_.size();
  packed_.resize(had + kChunk);
  ssize_t got = -1;
  do {
    got = ::read(fd_.get(), packed_.data() + had, kChunk);
  } while (got < 0 && errno == EINTR);
  const int errnum = errno;
  packed_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) return errno_error("read", name_, errnum);
  if (got == 0) at_end_ = true;
  return {};
}

Result<std::size_t> ByteSource::read(char* to, std::size_t size) {
  if (unpacking_) return read_gzip(to, size);
  if (waiting() == 0 && !at_end_) JOBWARD_RETURN_IF_ERROR(fill());
  const std::size_t count = std::min(size, waiting());
  std::memcpy(to, packed_.data() + at_, count);
  at_ += count;
  return count;
}

Result<std::size_t> ByteSource::read_gzip(char* to, std::size_t size) {
  while (true) {
    if (waiting() == 0 && !at_end_) JOBWARD_RETURN_IF_ERROR(fill());
    if (between_members_) {
      JOBWARD_RETURN_IF_ERROR(end_member());
      if (between_members_) return std::size_t{0};
    }
    auto& stream = *unpacking_;
    const auto room = static_cast<uInt>(std::min<std::size_t>(size, UINT_MAX));
    const auto given = static_cast<uInt>(std::min<std::size_t>(waiting(), UINT_MAX));
    stream.next_in = reinterpret_cast<Bytef*>(packed_.data() + at_);
    stream.avail_in = given;
    stream.next_out = reinterpret_cast<Bytef*>(to);
    stream.avail_out = room;
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    at_ += given - stream.avail_in;
    if (result == Z_STREAM_END)
      between_members_ = true;
    else if (result != Z_OK && result != Z_BUF_ERROR)
      return damaged(result == Z_MEM_ERROR ? "out of memory" : "its gzip data is damaged");
    if (stream.avail_out < room) return std::size_t{room - stream.avail_out};
    if (!between_members_ && waiting() == 0 && at_end_)
      return damaged("its gzip data ends too early: the file is cut off");
  }
}

// After a member another may follow, or padding of zeros (as tapes have it), or the end.
Status ByteSource::end_member() {
  while (!at_end_ && waiting() < kGzip.size())
    JOBWARD_RETURN_IF_ERROR(fill());
  while (waiting() > 0 && packed_[at_] == '\0') {
    ++at_;
    if (waiting() == 0 && !at_end_) JOBWARD_RETURN_IF_ERROR(fill());
  }
  if (waiting() == 0) return {};
  if (!std::string_view(packed_).substr(at_).starts_with(kGzip))
    return damaged("something that is not gzip follows its gzip data");
  if (::inflateReset(unpacking_.get()) != Z_OK) return damaged("zlib cannot go on");
  between_members_ = false;
  return {};
}

}  // namespace jobward::traces
