#include "verify/file_set.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "common/fd.h"
#include "common/identity.h"
#include "common/text.h"
#include "profiles/paths.h"
#include "verify/engine.h"

namespace jobward::verify {
namespace {

namespace fs = std::filesystem;

bool has_pattern(const std::string& word) { return word.find_first_of("*?[") != std::string::npos; }

FileFacts facts_of(const std::string& path, const std::string& directory,
                   const struct stat& facts) {
  FileFacts out;
  out.path = path;
  out.shown = printable(profiles::path_within(directory, path));
  out.bytes = static_cast<std::uint64_t>(facts.st_size);
  out.mtime_ns =
      static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1000000000 + facts.st_mtim.tv_nsec;
  out.ctime_ns =
      static_cast<std::int64_t>(facts.st_ctim.tv_sec) * 1000000000 + facts.st_ctim.tv_nsec;
  out.inode = facts.st_ino;
  out.device = facts.st_dev;
  return out;
}

// One pattern, walked word by word.
class Walk {
 public:
  explicit Walk(const Tick& tick) : tick_(tick) {}
  std::vector<std::string> found;
  bool stopped = false;

  void from(const std::string& place, const std::vector<std::string>& words, std::size_t at) {
    stopped = stopped || (tick_ && !tick_(std::nullopt));
    if (stopped) return;
    if (at == words.size()) {
      found.push_back(place);
      return;
    }
    const auto& word = words[at];
    const bool last = at + 1 == words.size();
    if (word == "**") return across(place, words, at);
    if (!has_pattern(word)) {
      const std::string next = place + "/" + word;
      std::error_code failure;
      if (fs::exists(next, failure)) from(next, words, at + 1);
      return;
    }
    for (const auto& name : names_in(place)) {
      if (::fnmatch(word.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
      const std::string next = place + "/" + name;
      std::error_code failure;
      if (last ? !fs::is_directory(next, failure) : fs::is_directory(next, failure))
        from(next, words, at + 1);
    }
  }

 private:
  // No directory, and any directory below; links are not followed, they may lead in circles.
  void across(const std::string& place, const std::vector<std::string>& words, std::size_t at) {
    from(place, words, at + 1);
    if (stopped) return;
    for (const auto& name : names_in(place)) {
      const std::string next = place + "/" + name;
      std::error_code failure;
      if (name[0] != '.' && fs::is_directory(fs::symlink_status(next, failure)))
        across(next, words, at);
    }
  }

  static std::vector<std::string> names_in(const std::string& place) {
    std::vector<std::string> out;
    std::error_code failure;
    for (fs::directory_iterator entry(place, failure), end; !failure && entry != end;
         entry.increment(failure))
      out.push_back(entry->path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
  }

  const Tick& tick_;
};

Result<std::vector<std::string>> matches(const std::string& absolute, const Tick& tick) {
  std::vector<std::string> words;
  for (const auto word : split(absolute, '/'))
    if (!word.empty()) words.emplace_back(word);
  Walk walk(tick);
  walk.from("", words, 0);
  if (walk.stopped) return interrupted_error();
  return std::move(walk.found);
}

// The contract's own directory is no pattern, whatever it is called.
std::string as_pattern(const std::string& directory) {
  std::string out;
  for (const char c : directory)
    out += std::string_view("*?[").find(c) == std::string_view::npos ? std::string(1, c)
                                                                     : std::string{'[', c, ']'};
  return out;
}

}  // namespace

Result<std::vector<FileFacts>> find_files(const std::string& directory,
                                          const std::vector<std::string>& patterns,
                                          const Tick& tick) {
  std::vector<FileFacts> out;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> seen;  // by device and inode
  for (const auto& pattern : patterns) {
    const std::string absolute = profiles::absolute_path(directory, pattern);
    std::error_code failure;
    const bool literal = fs::exists(absolute, failure);
    const auto paths = literal || !has_pattern(pattern)
                           ? Result<std::vector<std::string>>(std::vector{absolute})
                           : matches(profiles::absolute_path(as_pattern(directory), pattern), tick);
    if (!paths) return tl::unexpected(paths.error());
    if (paths->empty())
      return error("find", printable(pattern),
                   "no file matches this pattern in " + printable(directory));
    for (const auto& path : *paths) {
      struct stat facts {};
      if (::stat(path.c_str(), &facts) != 0) return errno_error("find", printable(path));
      if (S_ISDIR(facts.st_mode))
        return error("read", printable(path),
                     "it is a directory; name its files, as in " + printable(pattern) + "/*");
      if (!S_ISREG(facts.st_mode)) return error("read", printable(path), "it is no regular file");
      if (tick && !tick(std::nullopt)) return interrupted_error();
      out.push_back(facts_of(path, directory, facts));
      const auto [first, is_new] = seen.try_emplace({facts.st_dev, facts.st_ino}, path);
      if (is_new) continue;
      return error("read", printable(path),
                   first->second == path
                       ? "two of the dataset's paths mean it"
                       : "it is the same file as " + printable(first->second) + " (a link)");
    }
  }
  return out;
}

Status still_the_same(const std::vector<FileFacts>& files) {
  for (const auto& file : files) {
    struct stat facts {};
    const bool there = ::stat(file.path.c_str(), &facts) == 0;
    auto now = there ? facts_of(file.path, "/", facts) : FileFacts();
    now.shown = file.shown;
    if (!there || !(now == file))
      return error("check", file.shown,
                   "it was changed while it was read; nothing can be said "
                   "about it; check again when nobody writes it");
  }
  return {};
}

std::vector<FileFacts> sqlite_logs(const FileFacts& database) {
  std::vector<FileFacts> out;
  for (const char* end : {"-wal", "-journal"}) {
    struct stat facts {};
    const std::string path = database.path + end;
    if (::stat(path.c_str(), &facts) != 0 || facts.st_size == 0) continue;
    out.push_back(facts_of(path, "/", facts));
    out.back().shown = database.shown + end;
  }
  return out;
}

Result<std::string> sha256_of_file(const std::string& path, const Tick& tick) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return errno_error("open", printable(path));
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return errno_error("look at", printable(path));
  bool stopped = false;
  auto digest = sha256_of_fd(fd.get(), printable(path), [&](std::uint64_t bytes) {
    const double whole = std::max(static_cast<double>(facts.st_size), 1.0);
    stopped = tick && !tick(std::min(static_cast<double>(bytes) / whole * 100, 100.0));
    return !stopped;
  });
  if (stopped) return interrupted_error();
  return digest;
}

Result<DatasetDigest> digest_of(const std::vector<FileFacts>& files, bool always_content,
                                const Tick& tick) {
  DatasetDigest out;
  for (const auto& file : files) {
    out.bytes += file.bytes;
    out.newest_mtime_ms = std::max(out.newest_mtime_ms, file.mtime_ns / 1000000);
  }
  if (!always_content && out.bytes > kCheapDigestBytes) return out;
  std::string lines;
  for (const auto& file : files) {
    auto one = sha256_of_file(file.path, tick);
    if (!one) return tl::unexpected(std::move(one).error());
    if (files.size() == 1) out.sha256 = *one;
    lines += *one + "  " + file.shown + "\n";
  }
  if (files.size() != 1) out.sha256 = sha256_hex(lines);
  out.basis = DatasetDigest::Basis::content;
  return out;
}

}  // namespace jobward::verify
