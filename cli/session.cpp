#include "cli/session.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/config_files.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"
#include "estimator/estimator.h"
#include "host/observe/process.h"
#include "launcher/run_lock.h"
#include "profiles/features.h"
#include "profiles/project.h"
#include "profiles/sqlite_run_store.h"

extern char** environ;

namespace jobward::cli {
namespace {

constexpr std::size_t kLongestKind = 200;

// JOBWARD_ACTOR: "agent=claude-code,role=reviewer" or a JSON object: what the caller claims about
// itself. What is neither is kept as it stands: it is a claim all the same.
std::map<std::string, std::string> parse_claims(const std::string& text) {
  std::map<std::string, std::string> claims;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_object()) {
    for (const auto& [key, value] : json.items())
      claims[printable(key)] =
          printable(value.is_string() ? value.get<std::string>() : value.dump());
    return claims;
  }
  for (const auto part : split(text, ',')) {
    if (trim(part).empty()) continue;
    const auto equals = part.find('=');
    if (equals == std::string_view::npos)
      claims["actor"] = printable(trim(part));
    else
      claims[printable(trim(part.substr(0, equals)))] = printable(trim(part.substr(equals + 1)));
  }
  return claims;
}

}  // namespace

// Symbolic links are kept, if $PWD really is this directory.
Result<std::string> working_directory() {
  std::error_code failure;
  auto physical = std::filesystem::current_path(failure);
  if (failure) {
    // Removed under us: the job would run there all the same; "(deleted)" stays in the record.
    physical = std::filesystem::read_symlink("/proc/self/cwd", failure);
    if (failure) return errno_error("find", "the working directory", failure.value());
  }
  if (const auto logical = environment_variable("PWD"); logical && logical->front() == '/')
    if (std::filesystem::equivalent(*logical, physical, failure) && !failure) return *logical;
  return physical.string();
}

namespace {

// The project's configuration is that of the working directory; where that is gone, there is none.
std::string project_root(const profiles::FileProbe& files) {
  const auto cwd = working_directory();
  // By a link to a directory in it, too: nobody leaves a project's policy by another name.
  return cwd ? profiles::find_project(real_path(*cwd), files).root : std::string();
}

Status read_configuration(Session& session) {
  const std::string project = project_root(session.files);
  auto config = load_config(::geteuid(), environment_variable, project);
  if (!config) return tl::unexpected(std::move(config).error());
  session.config = std::move(*config);
  for (const auto& warning : session.config.warnings)
    say(warning);
  auto policy = load_policy(environment_variable, {kSystemPolicy, project, ::geteuid()});
  if (!policy) {
    session.policy_problem = policy.error().message();
    return {};
  }
  session.policy = std::move(*policy);
  if (!session.policy.warning.empty()) say(session.policy.warning);
  return {};
}

// The state directory, and whether it can be used.
std::pair<profiles::StateDirectory, Status> ready_directory() {
  const unsigned uid = ::geteuid();
  auto directory = profiles::choose_state_directory(uid, environment_variable);
  if (!directory.note.empty()) say(directory.note);
  auto ready = profiles::prepare_state_directory(directory.path, uid);
  return {std::move(directory), std::move(ready)};
}

}  // namespace

std::optional<std::string> environment_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

void reserve_standard_streams() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

void say(const std::string& text) {
  const std::string line = "jobward: " + printable(text) + "\n";
  // A reader that is gone must neither stop a run nor end us: SIGPIPE is held off for this write
  // only, so that `jobward history | head` still ends as any filter does.
  sigset_t pipe_only{};
  sigset_t before{};
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  ::sigprocmask(SIG_BLOCK, &pipe_only, &before);
  if (!write_all(STDERR_FILENO, line, "stderr") && sigismember(&before, SIGPIPE) == 0) {
    const timespec at_once{};
    ::sigtimedwait(&pipe_only, nullptr, &at_once);
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

void die_of(int signal) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(signal, SIG_DFL);
  sigset_t only{};
  sigemptyset(&only);
  sigaddset(&only, signal);
  ::raise(signal);
  ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
  ::_exit(exit_code::kSignalBase + signal);  // not reached
}

Records open_records(const Clock& clock) {
  Records records;
  auto directory = ready_directory();
  records.directory = std::move(directory.first);
  const std::string& path = records.directory.path;
  if (!directory.second) {
    records.problem = directory.second.error().message();
    return records;
  }
  auto store = profiles::open_sqlite_run_store(path, clock, say, learner());
  if (!store) {
    records.problem = store.error().message();
    return records;
  }
  records.store = std::move(*store);
  const std::string locks = path + "/locks";
  if (make_private_directories(locks)) records.lock_directory = locks;
  return records;
}

profiles::Learner learner() { return {estimator::state_version(), estimator::learn}; }

Result<profiles::StateDirectory> ready_state_directory() {
  auto [directory, ready] = ready_directory();
  if (!ready) return tl::unexpected(std::move(ready).error());
  return std::move(directory);
}

profiles::Actor current_actor() {
  profiles::Actor actor;
  actor.uid = ::getuid();
  if (const auto claims = environment_variable("JOBWARD_ACTOR"))
    actor.claims = parse_claims(*claims);
  return actor;
}

Result<std::unique_ptr<profiles::LessonStore>> open_lessons(const Clock& clock) {
  auto [directory, ready] = ready_directory();
  if (!ready) return tl::unexpected(std::move(ready).error());
  return profiles::LessonStore::open(directory.path, clock, say, learner());
}

std::string log_directory(const Records& records, const std::string& run) {
  return records.directory.path + "/logs/" + run;
}

Result<std::unique_ptr<Session>> open_session() {
  auto session = std::make_unique<Session>();
  JOBWARD_RETURN_IF_ERROR(read_configuration(*session));
  if (auto proc = host::check_proc(session->roots); !proc)
    return tl::unexpected(std::move(proc).error());
  auto tree = host::read_cgroup_tree(session->roots);
  if (!tree) return tl::unexpected(std::move(tree).error());
  session->tree = std::move(*tree);
  auto snapshot = host::read_host_snapshot(session->roots, session->tree);
  if (!snapshot) return tl::unexpected(std::move(snapshot).error());
  session->snapshot = *snapshot;
  session->choice = host::choose_backend(session->roots, session->tree);
  session->identity = host::read_machine_identity(session->roots);
  return session;
}

launcher::Workshop Session::workshop() {
  return {roots,           tree,
          snapshot,        *choice.backend,
          identity,        clock,
          config.settings, policy.policy,
          files,           records.store.get(),
          records.problem, records.lock_directory};
}

Result<Resolved> resolve_wishes(const Session& session, WishLayer flags,
                                const std::optional<std::string>& preset) {
  if (preset) {
    auto found = find_preset(session.config, *preset);
    if (!found) return tl::unexpected(std::move(found).error());
    flags = over(std::move(flags), *found);
  }
  return resolve(over(std::move(flags), session.config.defaults), session.policy.policy);
}

Result<launcher::RunOrder> make_order(std::vector<std::string> command,
                                      const std::vector<std::string>& features,
                                      const std::optional<std::string>& kind) {
  launcher::RunOrder order;
  if (kind) {
    if (kind->empty() || kind->size() > kLongestKind || printable(*kind) != *kind)
      return error("use", "--kind \"" + printable(*kind) + "\"", "1 to 200 printable characters");
    order.kind = *kind;
  }
  auto declared = profiles::declared_features(features);
  if (!declared) return tl::unexpected(std::move(declared).error());
  order.declared = std::move(*declared);
  auto cwd = working_directory();
  if (!cwd) return tl::unexpected(std::move(cwd).error());
  order.job = {std::move(command), std::move(*cwd)};
  for (char** entry = environ; *entry != nullptr; ++entry)
    order.environment.emplace_back(*entry);
  order.actor = current_actor();
  return order;
}

}  // namespace jobward::cli
