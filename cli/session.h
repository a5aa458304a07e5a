// What every command works with: the machine as it is now, the configuration, the records.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/config.h"
#include "cli/policy.h"
#include "common/clock.h"
#include "common/result.h"
#include "host/backends/backend.h"
#include "host/observe/cgroup_tree.h"
#include "host/observe/host_snapshot.h"
#include "launcher/admission.h"
#include "launcher/job_runner.h"
#include "profiles/file_probe.h"
#include "profiles/learner.h"
#include "profiles/lesson_store.h"
#include "profiles/run_store.h"
#include "profiles/state_dir.h"

namespace jobward::cli {

std::optional<std::string> environment_variable(const char* name);

// Ends this process by a signal, without a core dump of our own.
[[noreturn]] void die_of(int signal);

// The records; `store` is null where they cannot be opened, and `problem` says why.
struct Records {
  profiles::StateDirectory directory;
  std::unique_ptr<profiles::RunStore> store;
  std::string problem;
  std::string lock_directory;
};
// The state directory, made and checked. A note about it goes to stderr.
Result<profiles::StateDirectory> ready_state_directory();
// Who we are, and what JOBWARD_ACTOR claims.
profiles::Actor current_actor();
// The directory that a job started now would begin in, as the shell sees it.
Result<std::string> working_directory();
// Notices (a corrupt database was set aside, a network file system) go to stderr at once.
Records open_records(const Clock& clock);
// The estimator, for the stores.
profiles::Learner learner();
// The records' other side: what was learned from runs that were not ours.
Result<std::unique_ptr<profiles::LessonStore>> open_lessons(const Clock& clock);
// Where a detached run's output is kept.
std::string log_directory(const Records& records, const std::string& run);

struct Session {
  host::KernelRoots roots;
  host::CgroupTree tree;
  host::HostSnapshot snapshot;
  host::BackendChoice choice;
  host::MachineIdentity identity;
  SystemClock clock;
  Configuration config;
  LoadedPolicy policy;
  std::string policy_problem;  // the policy is there and cannot be obeyed: nothing may be started
  profiles::RealFileProbe files;
  Records records;

  [[nodiscard]] launcher::Workshop workshop();
};
// Everything but the records, which the caller opens where it needs them. Says which configuration
// or policy files are ignored, and why.
Result<std::unique_ptr<Session>> open_session();

// What this run is held to: the flags over the preset, if any, over the configuration.
Result<Resolved> resolve_wishes(const Session& session, WishLayer flags,
                                const std::optional<std::string>& preset);

// The order that the arguments and the environment make: argv, cwd, environment, actor, --feature.
// `kind`: what --kind says, if it was given; 1 to 200 printable characters.
Result<launcher::RunOrder> make_order(std::vector<std::string> command,
                                      const std::vector<std::string>& features,
                                      const std::optional<std::string>& kind);

// Where descriptor 0, 1 or 2 is closed, puts /dev/null there, closed again at exec: no database or
// socket of ours may get such a number, and the job finds it closed, as it would without us.
void reserve_standard_streams();

// "jobward: TEXT" on stderr, in one write, control characters escaped.
void say(const std::string& text);

}  // namespace jobward::cli
