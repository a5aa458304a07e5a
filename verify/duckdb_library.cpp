#include "verify/duckdb_library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"

namespace jobward::verify {
namespace {

constexpr const char* kFile = "libduckdb.so";
// allowed_paths came with 1.2; older than 1.4 was not tested.
constexpr int kFirstMinor = 4;

std::optional<std::string> objection_to(const struct stat& facts, const std::string& path,
                                        unsigned uid, bool sticky_is_fine) {
  const std::string shown = printable(path);
  if (facts.st_uid != 0 && facts.st_uid != uid)
    return shown + " belongs to uid " + std::to_string(facts.st_uid) +
           ", who is neither root nor you";
  const bool writable = (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (writable && !(sticky_is_fine && (facts.st_mode & S_ISVTX) != 0))
    return shown + " can be written by others; mend it with `chmod go-w " + shell_quoted({path}) +
           "`";
  return std::nullopt;
}

std::optional<std::string> objection_to_directories(std::string path, unsigned uid) {
  while (path != "/") {
    const auto slash = path.rfind('/');
    path = slash == 0 ? "/" : path.substr(0, slash);
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return printable(path) + " cannot be examined";
    if (auto wrong = objection_to(facts, path, uid, true)) return wrong;
  }
  return std::nullopt;
}

// The descriptor that was judged is what is loaded.
Result<void*> load_judged(const std::string& path, unsigned uid) {
  const std::string real = real_path(path);
  const Fd fd(::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return errno_error("open", printable(path));
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return errno_error("examine", printable(path));
  auto wrong = S_ISREG(facts.st_mode) ? objection_to(facts, real, uid, false)
                                      : std::optional<std::string>("it is no regular file");
  if (!wrong) wrong = objection_to_directories(real, uid);
  if (wrong) return error("load", printable(path), *wrong + ". Nothing was checked.");
  const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  void* handle = ::dlopen(link.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = ::dlerror();
    return error("load", printable(path), why != nullptr ? printable(why) : "");
  }
  return handle;
}

Result<std::shared_ptr<const duckdb::Api>> functions_of(void* handle, const std::string& path) {
  auto api = std::make_shared<duckdb::Api>();
  const char* missing = nullptr;
#define JOBWARD_DUCKDB_LOOK_UP(name, result, parameters)                               \
  api->name = reinterpret_cast<decltype(api->name)>(::dlsym(handle, "duckdb_" #name)); \
  if (api->name == nullptr) missing = "duckdb_" #name;
  JOBWARD_DUCKDB_FUNCTIONS(JOBWARD_DUCKDB_LOOK_UP)
#undef JOBWARD_DUCKDB_LOOK_UP
  if (missing != nullptr)
    return error("use", printable(path), std::string("it has no function ") + missing);
  return api;
}

std::string fetch_command(const std::vector<std::string>& places) {
  for (const auto& place : places) {
    const std::string script = place.substr(0, place.rfind('/')) + "/fetch-duckdb";
    if (::access(script.c_str(), X_OK) == 0) return shell_quoted({script});
  }
  return "scripts/fetch-duckdb";
}

tl::unexpected<Error> none_found(const std::vector<std::string>& places) {
  std::string looked;
  for (const auto& place : places)
    looked += (looked.empty() ? "" : ", ") + printable(place);
  return error("check data without", std::string("DuckDB (") + kFile + ")",
               "it is not installed. `" + fetch_command(places) +
                   "` downloads it (24 MB, checksum compared) to where jobward looks; or install "
                   "libduckdb of DuckDB 1.4 or newer. Looked for " +
                   looked);
}

}  // namespace

std::vector<std::string> library_places(const Environment& environment,
                                        const std::string& program_directory) {
  if (const auto chosen = environment("JOBWARD_DUCKDB")) return {*chosen};
  std::vector<std::string> out;
  const auto add = [&](const std::string& directory) { out.push_back(directory + "/" + kFile); };
  const auto slash = program_directory.rfind('/');
  if (slash != std::string::npos) add(program_directory.substr(0, slash) + "/lib/jobward");
  if (const auto data = environment("XDG_DATA_HOME"); data && (*data)[0] == '/')
    add(*data + "/jobward/lib");
  else if (const auto home = environment("HOME"))
    add(*home + "/.local/share/jobward/lib");
  for (const char* directory :
       {"/usr/local/lib/jobward", "/var/lib/jobward/lib", "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"})
    add(directory);
  return out;
}

bool is_supported_version(const std::string& version) {
  if (!version.starts_with("v1.")) return false;
  return std::atoi(version.c_str() + 3) >= kFirstMinor;
}

Status engine_is_there(const std::vector<std::string>& places) {
  for (const auto& place : places)
    if (::access(place.c_str(), F_OK) == 0) return {};
  return none_found(places);
}

Result<DuckdbLibrary> DuckdbLibrary::load(const std::vector<std::string>& places) {
  for (const auto& place : places) {
    // A place that cannot be looked into has nothing for this user; a chosen one must work.
    if (places.size() > 1 && ::access(place.c_str(), F_OK) != 0) continue;
    auto handle = load_judged(place, ::geteuid());
    if (!handle) return tl::unexpected(std::move(handle).error());
    auto api = functions_of(*handle, place);
    if (!api) return tl::unexpected(std::move(api).error());
    DuckdbLibrary out;
    out.api_ = std::move(*api);
    out.path_ = place;
    out.version_ = out.api_->library_version();
    if (!is_supported_version(out.version_))
      return error("use", printable(place),
                   "it is DuckDB " + printable(out.version_) + ", and 1.4 to 1.x is needed");
    return out;
  }
  return none_found(places);
}

}  // namespace jobward::verify
