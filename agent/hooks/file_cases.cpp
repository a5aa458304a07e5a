// Programs that are as heavy as the files that they are given.
#include <algorithm>
#include <cstdlib>

#include "agent/hooks/heavy_list.h"
#include "agent/hooks/special_cases.h"
#include "profiles/paths.h"

namespace jobward::hooks {
namespace {

const std::string kLarge = "large files";

std::string_view suffix_of(std::string_view word) {
  const auto name = program_of(word);
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

bool any(const Words& words, auto is_it) {
  return std::any_of(words.begin() + 1, words.end(), is_it);
}

// By size where a file is there, else by name.
std::string by_files(const Plain& command, bool directories_are_large) {
  if (const auto bytes = bytes_of_operands(command)) return *bytes >= kLargeFileBytes ? kLarge : "";
  if (command.many) return kLarge;
  for (std::size_t i = 1; i < command.words.size(); ++i) {
    const std::string_view word = command.words[i];
    if (word.empty() || word.front() == '-') continue;
    if (is_listed(large_suffixes(), suffix_of(word)) && i + 1 == command.words.size())
      return kLarge;
    if (is_listed(large_suffixes(), suffix_of(word)) && !directories_are_large) return kLarge;
    if (directories_are_large && (word.back() == '/' || suffix_of(word).empty()) &&
        word.find('/') != std::string_view::npos)
      return kLarge;
  }
  return {};
}

bool wants_much(const Words& words) {
  return any(words, [](const std::string& word) {
    return word == "-9" || word == "-9e" || word == "-19" || word == "--ultra" ||
           word.starts_with("-T") || word.starts_with("--threads") || word.starts_with("--long");
  });
}

std::string tar(const Plain& command) {
  const auto& words = command.words;
  if (words.size() < 2) return {};
  std::string mode = words[1];
  const bool listing =
      (mode.find('t') != std::string::npos && !mode.starts_with("--")) || mode == "--list";
  if (listing) return {};
  if (const auto bytes = bytes_of_operands(command)) return *bytes >= kLargeFileBytes ? kLarge : "";
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const bool made = i == 2 && mode.find('f') != std::string::npos;
    if (word.front() == '-' || (made && mode.find('c') != std::string::npos)) continue;
    if (!is_listed(small_suffixes(), suffix_of(word))) return kLarge;
  }
  // Extracting from a pipe.
  return command.in.fed && mode.find('x') != std::string::npos ? kLarge : "";
}

std::string dd(const Words& words) {
  const auto value = [&](std::string_view name) -> std::string {
    for (const auto& word : words)
      if (word.starts_with(name)) return word.substr(name.size());
    return {};
  };
  const auto number = [](const std::string& text, double fallback) {
    if (text.empty()) return fallback;
    char* rest = nullptr;
    double size = std::strtod(text.c_str(), &rest);
    if (*rest == 'k' || *rest == 'K') size *= 1024;
    if (*rest == 'm' || *rest == 'M') size *= 1024 * 1024;
    if (*rest == 'g' || *rest == 'G') size *= 1024.0 * 1024 * 1024;
    return size;
  };
  if (value("count=").empty()) return kLarge;
  return number(value("count="), 0) * number(value("bs="), 512) >= kLargeFileBytes ? kLarge : "";
}

std::string rsync(const Plain& command) {
  if (any(command.words, [](const std::string& word) {
        return word == "--dry-run" || (word.size() > 1 && word[0] == '-' && word[1] != '-' &&
                                       word.find('n') != std::string::npos);
      }))
    return {};
  if (const auto bytes = bytes_of_operands(command)) return *bytes >= kLargeFileBytes ? kLarge : "";
  return any(command.words, [](const std::string& word) { return word.back() == '/'; }) ? kLarge
                                                                                        : "";
}

constexpr const char* kWholeMachine = "a walk over all files";

// Over the whole machine.
std::string from_root(const Words& words) {
  return any(words, [](const std::string& word) { return word == "/"; }) ? kWholeMachine : "";
}

// The same, but not where only its top is looked at.
std::string find(const Words& words) {
  const auto depth = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return is_listed("-maxdepth --max-depth -d", word);
  });
  const bool shallow = depth != words.end() && std::next(depth) != words.end() &&
                       is_listed("0 1 2", *std::next(depth));
  return shallow ? "" : from_root(words);
}

std::string disk_usage(const Words& words) {
  const bool all = any(words, [](const std::string& word) { return word == "/*"; });
  return all ? kWholeMachine : from_root(words);
}

std::string download(const Words& words) {
  if (any(words, [](const std::string& word) {
        return word == "-I" || word == "--head" || word == "--spider" || word == "-sI";
      }))
    return {};
  return any(words,
             [](const std::string& word) {
               return word.find("://") != std::string::npos &&
                      is_listed(large_suffixes(), suffix_of(word));
             })
             ? "a large download"
             : "";
}

std::string sql(const Plain& command) {
  for (const auto& word : command.words)
    for (const std::string_view verb :
         {"VACUUM", "REINDEX", "CREATE INDEX", "COPY", "read_csv", "read_parquet", ".parquet",
          ".csv'", "CREATE TABLE AS", "CLUSTER"})
      if (word.find(verb) != std::string::npos) return "a whole database";
  const bool client = is_listed("psql mysql mariadb", command.name);
  return client && command.in.fed && command.in.here_text.empty() ? "a whole database" : "";
}

}  // namespace

std::optional<double> bytes_of_operands(const Plain& command) {
  double sum = 0;
  bool found = false;
  for (std::size_t i = 1; i < command.words.size(); ++i) {
    const auto& word = command.words[i];
    if (word.empty() || word.front() == '-' || word.find('*') != std::string::npos) continue;
    const auto facts = command.files.look(profiles::absolute_path(command.cwd, word));
    if (!facts || facts->kind == profiles::FileFacts::Kind::other) continue;
    found = true;
    // A directory with too many entries to be counted is large.
    sum += facts->bytes ? static_cast<double>(*facts->bytes) : kLargeFileBytes;
  }
  return found ? std::optional(sum) : std::nullopt;
}

std::optional<std::string> file_case(const Plain& command) {
  const auto name = command.name;
  const auto& words = command.words;
  if (is_listed("tar bsdtar gtar", name)) return tar(command);
  if (name == "dd") return dd(words);
  if (name == "rsync") return rsync(command);
  if (is_listed("gzip pigz bzip2 pbzip2 lbzip2 xz zstd lz4 brotli gunzip unxz unzstd zip", name))
    return wants_much(words) ? kLarge : by_files(command, false);
  if (name == "sort")
    return any(words,
               [](const std::string& word) {
                 return word.starts_with("-S") || word.starts_with("--parallel") ||
                        word.starts_with("--buffer-size");
               })
               ? kLarge
               : by_files(command, false);
  if (is_listed("split shuf csvsort xsv qsv", name)) return by_files(command, false);
  if (name == "unzip")
    return any(words, [](const std::string& word) { return word == "-l" || word == "-p"; })
               ? ""
               : by_files(command, false);
  if (is_listed("sha256sum sha1sum sha512sum md5sum b3sum cksum", name)) {
    const auto bytes = bytes_of_operands(command);
    return (bytes && *bytes >= kLargeFileBytes) || command.many ? kLarge : "";
  }
  if (is_listed("du ncdu", name)) return disk_usage(words);
  if (is_listed("find fd fdfind", name)) return find(words);
  if (is_listed("grep egrep rg ag", name)) return from_root(words);
  if (is_listed("curl wget", name)) return download(words);
  if (is_listed("psql mysql mariadb sqlite3 duckdb clickhouse clickhouse-local", name))
    return sql(command);
  if (is_listed("convert magick", name))
    return any(words, [](const std::string& word) { return word.find('*') != std::string::npos; })
               ? "media encoding"
               : "";
  return std::nullopt;
}

}  // namespace jobward::hooks
