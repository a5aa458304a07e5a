// What a run would start from: the command understood, the estimate, the limits.
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/identity.h"
#include "common/text.h"
#include "common/units.h"
#include "estimator/estimator.h"
#include "estimator/time_to_failure.h"
#include "launcher/gatehouse.h"
#include "launcher/job_runner.h"
#include "launcher/resolve_limits.h"
#include "launcher/understand.h"
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

// Curves that cannot be read are none.
FailureShare failure_share_from(profiles::RunStore& store, const std::string& masked) {
  const auto curves = store.curves(masked);
  if (!curves) return {};
  return estimator::failure_share(*curves).value_or(FailureShare());
}

// Records that cannot be read are no reason not to run: the estimate is then empty and says why.
Estimate estimate_from(profiles::RunStore* store, const profiles::RunRequest& request,
                       const LimitWishes& wishes) {
  std::string problem = "there are no records";
  if (store != nullptr) {
    auto states = store->learned(request.fingerprint);
    estimator::Question question{wishes.objective, wishes.confidence, {}, {}};
    if (states && wishes.objective == Objective::lean)
      question.failure = failure_share_from(*store, request.fingerprint.masked);
    if (states) return estimator::predict(*states, request.features, question);
    problem = states.error().message();
  }
  Estimate none;
  none.reason = "no past runs to learn from: " + problem;
  return none;
}

// The memory limit of the run that encloses this one: without cgroups nothing else tells.
std::optional<std::uint64_t> enclosing_limit(const RunOrder& order, const Workshop& shop) {
  if (!shop.backend.parent().empty()) return std::nullopt;
  static constexpr std::string_view kName = "JOBWARD_MEM_LIMIT=";
  for (const auto& entry : order.environment)
    if (entry.compare(0, kName.size(), kName) == 0)
      if (const auto bytes = parse_bytes(entry.substr(kName.size()))) return *bytes;
  return std::nullopt;
}

std::optional<double> free_disk(const std::string& directory) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) return std::nullopt;
  return static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize);
}

Bounds bounds_of(const RunOrder& order, const Workshop& shop) {
  Bounds bounds{shop.snapshot.available(), shop.snapshot.capacity(), free_disk(order.job.cwd)};
  for (const auto& cap : {aggregate_bytes(shop), enclosing_limit(order, shop)}) {
    if (!cap) continue;
    bounds.capacity = std::min(bounds.capacity, *cap);
    bounds.available = std::min(bounds.available, *cap);
  }
  return bounds;
}

std::string with_reason(const std::string& text, const host::LimitSupport* support) {
  if (support == nullptr || support->why.empty()) return text;
  return text + ": " + support->why +
         (support->mend.empty() ? "" : "; to mend it: " + support->mend);
}

// A limit that was asked for and that nobody would hold stops the run; the policy's always do.
void check_enforcement(const Limits& limits, const host::Support& supports, bool best_effort,
                       Preview& out) {
  limits.for_each([&](Resource resource, const Limit& limit) {
    const auto* support = supports.find(resource);
    const auto how = support == nullptr ? Enforcement::none : support->how;
    const std::string what = "the " + limit_words(resource, limit) + " (" + limit.source + ")";
    const bool must_hold =
        limit.origin == LimitOrigin::policy || (limit.origin == LimitOrigin::asked && !best_effort);
    if (how == Enforcement::none && must_hold) {
      if (!out.obstacle)
        out.obstacle =
            with_reason(what + " cannot be enforced here", support) +
            (limit.origin == LimitOrigin::asked ? "; --best-effort runs without it" : "");
    } else if (how == Enforcement::none && limit.origin == LimitOrigin::asked) {
      out.remarks.push_back(with_reason(what + " is NOT enforced here", support));
    } else if (how == Enforcement::polled &&
               (resource == Resource::memory || resource == Resource::processes)) {
      out.remarks.push_back(what +
                            " is polled, not held by the kernel: a fast job may overshoot it "
                            "before it is killed");
    }
  });
}

// Only the kernel can hold a job at its limit.
void check_elastic(const RunOrder& order, const host::Support& supports, Preview& out) {
  const auto& elastic = order.settings.elastic;
  if (!elastic) return;
  const auto* limit = out.plan.limits.find(Resource::memory);
  if (limit != nullptr && elastic->cap_bytes && *elastic->cap_bytes <= limit->value)
    out.remarks.push_back("the memory limit of " + format_bytes(limit->value) + " (" +
                          limit->source + ") is not below the most that it may be raised to (" +
                          elastic->source + "): it is a hard one");
  const auto* memory = supports.find(Resource::memory);
  if (memory != nullptr && memory->how == Enforcement::kernel) return;
  const std::string what = with_reason(
      "the memory limit cannot be elastic (" + elastic->source + "): the kernel does not hold it",
      memory);
  if (elastic->insist && !order.best_effort) {
    if (!out.obstacle) out.obstacle = what + "; --best-effort runs with a hard one";
  } else {
    out.remarks.push_back(what + "; it is a hard one");
  }
}

// Of what is started: the command, where, and the content of the script.
std::string command_digest(const RunOrder& order, const std::vector<profiles::FileDigest>& files) {
  std::string text = order.job.cwd;
  for (const auto& word : order.job.argv)
    (text += '\0') += word;
  for (const auto& file : files)
    if (file.role == "script") (text += '\0') += "script " + file.sha256;
  return sha256_hex(text);
}

}  // namespace

std::optional<std::uint64_t> aggregate_bytes(const Workshop& shop) {
  const auto whole = static_cast<double>(shop.snapshot.capacity());
  std::optional<std::uint64_t> smallest;
  for (const auto& cap : {shop.settings.aggregate, shop.policy.aggregate}) {
    if (!cap) continue;
    const auto bytes =
        static_cast<std::uint64_t>(whole_pages(cap->bytes.value_or(cap->share * whole)));
    smallest = std::min(bytes, smallest.value_or(bytes));
  }
  return smallest;
}

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
  auto [project, program, fingerprint, features] =
      understand(order.job, order.kind, shop.files, shop.files);
  request.name = masked(order.name);
  request.argv = profiles::mask_secrets(order.job.argv);
  request.cwd = order.job.cwd;
  request.project = project.identity;
  request.program = masked(program.name);
  request.actor = order.actor;
  for (auto& [key, value] : request.actor.claims)
    value = masked_value(key, value);
  request.parent_run = enclosing_run(order);
  request.kind = masked(order.kind);
  request.fingerprint = std::move(fingerprint);
  request.features = std::move(features);
  auto declared = order.declared;
  drop_secret_features(declared);
  for (const auto& [name, value] : declared)
    request.features[name] = value;
  if (!program.script_path.empty()) request.digests = digest_files("script", {program.script_path});
  const auto inputs = digest_files("input", order.inputs);
  request.digests.insert(request.digests.end(), inputs.begin(), inputs.end());
  request.estimate = estimate_from(shop.store, request, order.wishes);
  auto wishes = order.wishes;
  if (auto named = resolve_limits(shop.roots, order.job.cwd, wishes.limits); !named)
    out.obstacle = named.error().message();
  auto policy = shop.policy;
  if (auto named = resolve_limits(shop.roots, order.job.cwd, policy.caps); !named)
    out.obstacle = named.error().message();
  out.plan = plan_limits(wishes, request.estimate, bounds_of(order, shop), shop.settings, policy);
  if (order.refusal) out.plan.refusal = order.refusal;
  request.limits = out.plan.limits;
  request.reservation = out.plan.reservation;
  request.enforcement = host::enforcements(shop.backend.support());
  out.remarks = out.plan.remarks;
  check_enforcement(out.plan.limits, shop.backend.support(), order.best_effort, out);
  check_elastic(order, shop.backend.support(), out);
  request.where = {shop.identity.machine_id,
                   shop.identity.boot_id,
                   shop.identity.pid_namespace,
                   ::getpid(),
                   std::string(shop.backend.name()),
                   {},
                   {}};
  request.lasts_seconds =
      predicted_duration(request.limits, request.estimate, shop.settings.grace_seconds);
  request.policy = shop.policy.name;
  request.kept_on_loss = order.keep_on_loss;
  if (!order.request_id.empty()) {
    request.request_key = sha256_hex(std::to_string(order.actor.uid) + '\0' + project.identity +
                                     '\0' + order.request_id);
    request.request_digest = command_digest(order, request.digests);
  }
  return out;
}

}  // namespace jobward::launcher
