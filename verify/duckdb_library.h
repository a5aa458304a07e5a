// Finding and loading libduckdb.so. It decides what passes, so a file that others can write is
// refused.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "verify/duckdb_api.h"

namespace jobward::verify {

// Looks up an environment variable; absent = unset or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// Where it may lie, in this order: $JOBWARD_DUCKDB (then nowhere else); PREFIX/lib/jobward, PREFIX
// being the parent of `program_directory`; $XDG_DATA_HOME/jobward/lib or
// ~/.local/share/jobward/lib; /usr/local/lib/jobward; /var/lib/jobward/lib; the system's own
// directories.
std::vector<std::string> library_places(const Environment& environment,
                                        const std::string& program_directory);

// Stays loaded until the process ends. The file and all directories above it must belong to root or
// the user, and nobody else may be able to write them (a directory with the sticky bit aside).
class DuckdbLibrary {
 public:
  // The first of `places` that is there. An error: none is, and how to get it; one is there and may
  // not be loaded, or is too old.
  static Result<DuckdbLibrary> load(const std::vector<std::string>& places);

  [[nodiscard]] const duckdb::Api& api() const { return *api_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& version() const { return version_; }  // "v1.5.6"

 private:
  std::shared_ptr<const duckdb::Api> api_;
  std::string path_;
  std::string version_;
};

// Is none of `places` there? The error says how to get it. Loads nothing.
Status engine_is_there(const std::vector<std::string>& places);

// Is it `v1.MINOR.…` with at least the first version whose functions and settings are used?
bool is_supported_version(const std::string& version);

}  // namespace jobward::verify
