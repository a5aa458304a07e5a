#include "agent/desk/job_logs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "agent/desk/tools.h"
#include "agent/mcp/call.h"
#include "common/fd.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

using mcp::Json;
using mcp::Kind;

constexpr int kLines = 40;
constexpr int kMostLines = 5000;
constexpr int kBytes = 4000;
constexpr int kMostBytes = 200000;
constexpr std::size_t kPiece = 65536;
constexpr std::size_t kLongestLine = 2000;  // of a longer one the beginning is shown

struct Wanted {
  bool head = false;
  std::string part;  // only lines with it; empty: all
  std::size_t lines = kLines;
  std::size_t bytes = kBytes;
};

// Collects lines from the front, as they are read.
class Collector {
 public:
  explicit Collector(const Wanted& wanted) : wanted_(wanted) {}

  void take(std::string_view piece) {
    while (!piece.empty()) {
      const auto end = piece.find('\n');
      const auto part = piece.substr(0, end);
      const auto room = std::min(part.size(), kLongestLine - line_.size());
      line_ += part.substr(0, room);
      cut_ = cut_ || room < part.size();
      open_ = end == std::string_view::npos;
      if (open_) return;
      end_line();
      piece.remove_prefix(end + 1);
    }
  }
  // Nothing more belongs to the line that is open.
  void finish() {
    if (open_) end_line();
    open_ = false;
  }
  // Nothing that comes later changes what is shown.
  [[nodiscard]] bool is_full() const { return wanted_.head && full_; }

  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& line : kept_)
      out += line + "\n";
    return utf8_lossy(out);
  }
  [[nodiscard]] std::size_t kept() const { return kept_.size(); }
  [[nodiscard]] bool left_out() const { return cut_ || left_out_; }

 private:
  void end_line() {
    const bool fits = wanted_.part.empty() || line_.find(wanted_.part) != std::string::npos;
    if (fits) keep(std::move(line_));
    line_.clear();
  }

  void keep(std::string line) {
    size_ += line.size() + 1;
    kept_.push_back(std::move(line));
    while (kept_.size() > wanted_.lines || (size_ > wanted_.bytes && kept_.size() > 1)) {
      full_ = left_out_ = true;
      auto& gone = wanted_.head ? kept_.back() : kept_.front();
      size_ -= gone.size() + 1;
      if (wanted_.head)
        kept_.pop_back();
      else
        kept_.pop_front();
      if (wanted_.head) break;
    }
  }

  const Wanted& wanted_;
  std::deque<std::string> kept_;
  std::string line_;
  std::size_t size_ = 0;
  bool open_ = false;
  bool full_ = false;
  bool cut_ = false;
  bool left_out_ = false;
};

// From where in the file it begins to be read: for the end of it not all of a long log.
off_t start_of(const Wanted& wanted, off_t size) {
  if (wanted.head || !wanted.part.empty()) return 0;
  const auto needed =
      static_cast<off_t>(std::max(wanted.bytes * 2, wanted.lines * kLongestLine) + kLongestLine);
  return size > needed ? size - needed : 0;
}

Result<Json> read_log(int file, const Wanted& wanted) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return errno_error("read", "the log");
  Collector collector(wanted);
  off_t at = start_of(wanted, info.st_size);
  const bool skipped = at > 0;
  std::string buffer(kPiece, '\0');
  std::int64_t hole = 0;
  while (at < info.st_size && !collector.is_full()) {
    // The middle of a long log is cut out, which leaves a hole.
    off_t data = ::lseek(file, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) data = at;  // a file system that tells of no holes
    if (data > at) collector.finish();
    hole += data - at;
    at = data;
    auto got = ::pread(file, buffer.data(), buffer.size(), at);
    if (got < 0) return errno_error("read", "the log");
    if (got == 0) break;
    // Asked now: it may have been cut while it was read.
    const off_t end = ::lseek(file, at, SEEK_HOLE);
    if (end >= at && end < at + got) got = end - at;
    collector.take({buffer.data(), static_cast<std::size_t>(got)});
    at += got;
  }
  collector.finish();
  Json out{{"text", collector.text()},
           {"lines", collector.kept()},
           {"log_bytes", info.st_size},
           {"more", collector.left_out() || skipped}};
  if (hole > 0) out["cut_out_bytes"] = hole;
  return out;
}

Result<Json> job_logs(Desk& desk, const mcp::Call& call) {
  const Json& arguments = call.arguments();
  auto runs = desk.runs();
  if (!runs) return tl::unexpected(std::move(runs).error());
  const auto run = cli::look_up_run(**runs, text_of(arguments, "job"));
  if (!run) return tl::unexpected(run.error());
  const auto& id = run->request.id;
  const bool errors = text_of(arguments, "stream") == "stderr";
  const std::string path =
      cli::log_directory((*runs)->records, id) + (errors ? "/stderr" : "/stdout");
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno != ENOENT) return errno_error("open", printable(path));
  if (!file)
    return error("read", "the output of " + id,
                 run->request.survives_session
                     ? "it has written nothing yet, or its logs were pruned"
                     : "it was not detached: its output went where its caller's goes");
  Wanted wanted;
  wanted.head = text_of(arguments, "from") == "head";
  wanted.part = text_of(arguments, "grep");
  wanted.lines = static_cast<std::size_t>(number_of(arguments, "lines").value_or(kLines));
  wanted.bytes = static_cast<std::size_t>(number_of(arguments, "max_bytes").value_or(kBytes));
  auto out = read_log(file.get(), wanted);
  if (!out) return out;
  Json answer{{"job", id}, {"stream", errors ? "stderr" : "stdout"}};
  answer.update(*out);
  return answer;
}

}  // namespace

mcp::Tool job_logs_tool(Desk& desk) {
  return {"job_logs",
          "What a job wrote",
          "The output of a job: its end, its beginning, or the lines that contain a text.",
          {{"job", Kind::text, "The run's id, the beginning of it, or its name", true},
           {"stream", Kind::text, "stdout (default) or stderr", false, {"stdout", "stderr"}},
           {"from", Kind::text, "tail (default) or head", false, {"tail", "head"}},
           {"grep", Kind::text, "Only lines that contain this text (no pattern)"},
           {"lines", Kind::integer, "At most so many (40)", false, {}, 1, kMostLines},
           {"max_bytes", Kind::integer, "At most so many (4000)", false, {}, 100, kMostBytes}},
          {{"job", Kind::text, "The run's id", true},
           {"stream", Kind::text, "Which", true},
           {"text", Kind::text, "The lines", true},
           {"lines", Kind::integer, "How many are here", true},
           {"log_bytes", Kind::integer, "How long the whole log is", true},
           {"more", Kind::boolean, "There is more than is here", true},
           {"cut_out_bytes", Kind::integer, "Lost from the middle of a long log"}},
          {true, false, true, false},
          false,
          at_once([&desk](const mcp::Call& call) { return job_logs(desk, call); })};
}

}  // namespace jobward::desk
