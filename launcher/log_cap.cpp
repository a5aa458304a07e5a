#include "launcher/log_cap.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace jobward::launcher {
namespace {

constexpr off_t kBlock = 4096;
constexpr double kShortest = 0.01;  // s
constexpr double kLongest = 1.0;

}  // namespace

LogCap::LogCap(const std::vector<int>& files, std::uint64_t keep)
    : half_(static_cast<off_t>(keep / 2 / kBlock * kBlock)) {
  for (const int fd : files)
    files_.push_back({fd});
}

double LogCap::look(double seconds) {
  double next = kLongest;
  const double since = std::max(seconds - last_look_, 1e-3);
  last_look_ = seconds;
  for (auto& file : files_) {
    struct stat info {};
    if (::fstat(file.fd, &info) != 0) continue;
    const double rate = static_cast<double>(info.st_size - file.seen) / since;
    file.seen = info.st_size;
    // At the present rate no more than another half gathers before the next look.
    if (rate > 0) next = std::min(next, static_cast<double>(half_) / rate);
    if (info.st_size > 2 * half_ + kBlock) cut(file, info.st_size);
  }
  return std::clamp(next, kShortest, kLongest);
}

void LogCap::cut(File& file, off_t size) {
  const off_t begin = std::max(half_, file.cut);
  const off_t end = (size - half_) / kBlock * kBlock;
  if (end <= begin || !problem_.empty()) return;
  if (::fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin, end - begin) == 0)
    file.cut = end;
  else
    problem_ = std::string("the log files cannot be cut on this file system (") +
               std::strerror(errno) + "): they grow as long as the job writes";
}

}  // namespace jobward::launcher
