// What a run would start from: the command understood, the estimate, the limits.
#include <unistd.h>

#include <iterator>
#include <utility>

#include "common/text.h"
#include "estimator/estimator.h"
#include "launcher/job_runner.h"
#include "profiles/file_digest.h"
#include "profiles/secrets.h"

namespace jobward::launcher {
namespace {

std::optional<std::string> enclosing_run(const RunOrder& order) {
  static constexpr std::string_view kName = "JOBWARD_RUN_ID=";
  for (const auto& entry : order.environment)
    if (entry.compare(0, kName.size(), kName) == 0 && entry.size() > kName.size())
      return printable(entry.substr(kName.size()));
  return std::nullopt;
}

std::string masked(const std::string& text) { return profiles::mask_secrets({text})[0]; }

std::string masked_value(const std::string& name, const std::string& value) {
  return profiles::mask_secrets({name + "=" + value})[0].substr(name.size() + 1);
}

// "num:--password": its value is not a size of anything. The name decides: a telling one is masked
// as an argument.
void drop_secret_features(profiles::Features& features) {
  for (auto it = features.begin(); it != features.end();) {
    const std::string name = it->first.substr(it->first.find(':') + 1);
    const bool secret = masked_value(name, "12345678") != "12345678";
    it = secret ? features.erase(it) : std::next(it);
  }
}

// Records that cannot be read are no reason not to run: the estimate is then empty and says why.
Estimate estimate_from(profiles::RunStore* store, const profiles::RunRequest& request) {
  std::string problem = "there are no records";
  if (store != nullptr) {
    auto states = store->learned(request.fingerprint);
    if (states) return estimator::predict(*states, request.features);
    problem = states.error().message();
  }
  Estimate none;
  none.reason = "no past runs to learn from: " + problem;
  return none;
}

}  // namespace

std::vector<profiles::FileDigest> digest_files(const char* role,
                                               const std::vector<std::string>& paths) {
  std::vector<profiles::FileDigest> out;
  for (const auto& path : paths)
    if (auto digest = profiles::digest_file(role, path)) {
      digest->path = masked(digest->path);
      out.push_back(std::move(*digest));
    }
  return out;
}

Preview preview(const RunOrder& order, const Workshop& shop) {
  Preview out;
  auto& request = out.request;
  const auto project = profiles::find_project(order.job.cwd, shop.files);
  const auto program = profiles::find_program(order.job, project.root, shop.files);
  request.name = masked(order.name);
  request.argv = profiles::mask_secrets(order.job.argv);
  request.cwd = order.job.cwd;
  request.project = project.identity;
  request.program = masked(program.name);
  request.actor = order.actor;
  for (auto& [key, value] : request.actor.claims)
    value = masked_value(key, value);
  request.parent_run = enclosing_run(order);
  request.fingerprint = profiles::fingerprint(program, project);
  request.features = profiles::command_features(program, order.job.cwd, shop.files);
  for (const auto& [name, value] : order.declared)
    request.features[name] = value;
  drop_secret_features(request.features);
  if (!program.script_path.empty()) request.digests = digest_files("script", {program.script_path});
  const auto inputs = digest_files("input", order.inputs);
  request.digests.insert(request.digests.end(), inputs.begin(), inputs.end());
  request.estimate = estimate_from(shop.store, request);
  out.plan = plan_limits(order.wishes, request.estimate, shop.snapshot.available(),
                         shop.snapshot.capacity(), shop.settings);
  request.limits = out.plan.limits;
  request.reservation = out.plan.reservation;
  request.enforcement = shop.backend.enforcement();
  request.where = {shop.identity.machine_id,
                   shop.identity.boot_id,
                   shop.identity.pid_namespace,
                   ::getpid(),
                   std::string(shop.backend.name()),
                   {},
                   {}};
  return out;
}

}  // namespace jobward::launcher
