// A stamp: that an audit was run on certain files, when, and what came of it, signed by the one
// that ran it. An in-toto Statement v1 with a predicate in the manner of test-result/v0.1, in a
// DSSE envelope of its own payload type. Freshness comes from the signed times and digests, never
// from a file's times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "trust/envelope.h"

namespace jobward::trust {

// A file that the audit depended on. `path` from the project's root where it lies below it, else
// absolute.
struct StampedFile {
  std::string path;
  std::string sha256;
  bool operator==(const StampedFile&) const = default;
};

// A program that the command names: an interpreter, the audit itself. Of one above kWholeProgram
// bytes only its size and the first and last kProgramEnd bytes go into the digest: reading an
// interpreter whole costs more than a check may.
struct StampedProgram {
  std::string word;  // as the command names it: "python3"
  std::string path;  // the file, links followed
  std::string digest;
  bool operator==(const StampedProgram&) const = default;
};
inline constexpr std::uint64_t kWholeProgram = 1U << 20U;
inline constexpr std::uint64_t kProgramEnd = 128U << 10U;

struct Stamp {
  std::string name;
  std::string project;  // its identity (profiles/project.h)
  std::string host;
  std::string run;
  std::vector<std::string> argv;  // secrets masked
  std::string argv_sha256;        // of the real one, see argv_digest()
  std::string directory;          // where it ran, told as a StampedFile's path; ".": the root
  std::optional<StampedFile> script;
  std::vector<StampedProgram> programs;
  std::vector<StampedFile> inputs;
  std::string stdout_sha256;
  std::string outcome;  // of the run: "ok", "failed", …
  int exit_code = 0;
  UnixMillis started = 0;
  UnixMillis ended = 0;

  [[nodiscard]] bool passed() const { return outcome == "ok" && exit_code == 0; }
};

// 1 to 100 letters, digits, '.', '_', '-', not beginning with '.' or '-'.
bool is_stamp_name(std::string_view name);
std::string argv_digest(const std::vector<std::string>& argv);

// What is signed: canonical JSON.
std::string statement_of(const Stamp& stamp);
// An error for whatever is no statement of ours, down to the last member.
Result<Stamp> read_statement(std::string_view payload);

// SHA-256 of a regular file's content, links followed, of any size. The file must not change
// meanwhile: an error if its size or its time of change does.
Result<std::string> content_digest(const std::string& path);
Result<std::string> program_digest(const std::string& path);
// The file that a command's word names: with a '/' from `directory`, else by PATH. Absent: there is
// no such executable.
std::optional<std::string> find_executable(const std::string& word, const std::string& directory,
                                           const std::string& search_path);

// From the root where it lies below it.
std::string path_from_root(const std::string& absolute, const std::string& root);
std::string path_in_root(const std::string& path, const std::string& root);

// What a stamp is held against.
struct StampQuestion {
  std::string name;
  std::string project;
  std::string root;         // where the project's checkout lies
  std::string search_path;  // PATH
  UnixMillis now = 0;
  std::optional<UnixMillis> last_known;   // a time that has certainly been: the ledger's last
  std::optional<double> max_age_seconds;  // absent: any
  std::optional<std::vector<std::string>> argv;  // absent: any
};

// Why the stamp does not hold, one sentence each; empty: it holds. Reads the files.
std::vector<std::string> objections(const Stamp& stamp, const StampQuestion& question);

}  // namespace jobward::trust
