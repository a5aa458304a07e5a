#include "cli/preflight.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "cli/render_json.h"
#include "launcher/reaper.h"

namespace jobward::cli {

Result<Preflight> look_ahead(launcher::RunOrder& order, WishLayer wishes, Session& session) {
  if (!session.policy_problem.empty()) return error("obey", "the policy", session.policy_problem);
  auto resolved = resolve_wishes(session, std::move(wishes), std::nullopt);
  if (!resolved) return tl::unexpected(std::move(resolved).error());
  order.wishes = std::move(resolved->wishes);
  order.settings = std::move(resolved->settings);
  const auto shop = session.workshop();
  launcher::reap_lost(shop.reaping());
  Preflight out;
  out.preview = launcher::preview(order, shop);
  auto outlook = launcher::outlook(order, shop, out.preview);
  out.decision = std::move(outlook.decision);
  out.scene = std::move(outlook.scene);
  return out;
}

nlohmann::ordered_json to_json(const Preflight& preflight) {
  const auto& [preview, decision, scene] = preflight;
  nlohmann::ordered_json out{{"schema_version", kSchemaVersion}, {"command", preview.request.argv}};
  if (!preview.request.kind.empty()) out["kind"] = preview.request.kind;
  out["verdict"] = to_string(decision.verdict);
  out["reason"] = decision.reason;
  out["estimate"] = to_json(preview.request.estimate);
  const auto* limit = preview.plan.limits.find(Resource::memory);
  if (limit != nullptr)
    out["limit"] = {{"memory_bytes", static_cast<std::int64_t>(limit->value)},
                    {"source", limit->source},
                    {"explanation", preview.plan.explanation}};
  out["features"] = preview.request.features;
  const auto whole = [](double bytes) { return static_cast<std::int64_t>(bytes); };
  out["room"] = {{"capacity_bytes", whole(scene.capacity)},
                 {"available_bytes", whole(scene.available)},
                 {"reserved_unused_bytes", whole(scene.unused())},
                 {"free_bytes", whole(scene.free())},
                 {"running", scene.running.size()},
                 {"waiting", scene.queue.size()}};
  out["remarks"] = preview.remarks;
  if (preview.obstacle) out["obstacle"] = *preview.obstacle;
  if (decision.starts_in) out["starts_in_seconds"] = *decision.starts_in;
  if (!decision.waits_for.empty()) out["waits_for"] = decision.waits_for;
  return out;
}

}  // namespace jobward::cli
