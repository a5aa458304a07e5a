// The rows of decisions.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "trust/canonical.h"
#include "trust/decisions.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;
using profiles::sqlite::Statement;

constexpr std::array<std::string_view, 4> kKindNames{"caps", "downgrade", "baseline", "review"};
constexpr const char* kColumns =
    "SELECT id, kind, project, action_sha256, created_ms, state, request, envelope, refusal FROM "
    "decisions ";

std::string request_text(const Request& request) {
  return canonical({{"action", request.action},
                    {"describe", json_text(request.describe)},
                    {"pools", request.pools},
                    {"requester", request.requester},
                    {"requester_proved", request.requester_proved}});
}

Request read_request(std::string_view text) {
  Request out;
  const auto value = Json::parse(text, nullptr, false);
  if (!value.is_object()) return out;
  out.action = text_member(value, "action");
  out.describe = text_member(value, "describe");
  out.requester = text_member(value, "requester");
  out.requester_proved = value.contains("requester_proved") && value["requester_proved"] == true;
  out.pools = text_list(value, "pools");
  return out;
}

Result<Decision> read_row(const Statement& row) {
  Decision out;
  out.id = row.text(0);
  const auto kind = std::find(kKindNames.begin(), kKindNames.end(), row.text(1));
  auto envelope = read_envelope(row.text(7));
  if (kind == kKindNames.end() || !envelope)
    return error("read", "the decision " + printable(out.id), "its row is damaged");
  out.request = read_request(row.text(6));
  out.request.kind = static_cast<DecisionKind>(kind - kKindNames.begin());
  out.project = row.text(2);
  out.action_sha256 = row.text(3);
  out.created = row.integer(4);
  out.state = row.text(5);
  out.envelope = std::move(*envelope);
  out.refusal = row.text(8);
  return out;
}

}  // namespace

std::string_view to_string(DecisionKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

Status Decisions::write(const Decision& decision) {
  auto statement = ledger_.database().prepare(
      "INSERT OR REPLACE INTO decisions(id, kind, project, action_sha256, created_ms, state, "
      "request, envelope, refusal) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(decision.id).bind(to_string(decision.request.kind)).bind(decision.project);
  statement->bind(decision.action_sha256).bind(decision.created).bind(decision.state);
  statement->bind(request_text(decision.request)).bind(to_json(decision.envelope));
  return statement->bind(decision.refusal).run();
}

Result<std::vector<Decision>> Decisions::read_all(Statement& statement) {
  std::vector<Decision> out;
  while (true) {
    auto row = statement.step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    auto decision = read_row(statement);
    if (!decision) return tl::unexpected(std::move(decision).error());
    out.push_back(std::move(*decision));
  }
}

Result<std::vector<Decision>> Decisions::of_action(DecisionKind kind, const std::string& sha256) {
  auto statement = ledger_.database().prepare(
      std::string(kColumns) +
      "WHERE action_sha256=? AND kind=? AND project=? AND state='open' ORDER BY created_ms DESC");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(sha256).bind(to_string(kind)).bind(json_text(at_.audience.project));
  return read_all(*statement);
}

Result<Decision> Decisions::find(const std::string& id) {
  const auto unknown = [&](const std::string& why) {
    return error("find", "the decision \"" + printable(id) + "\"",
                 why + "; `jobward review list` has them all");
  };
  if (id.size() < 2 || id.find_first_of("%_") != std::string::npos)
    return unknown("a decision's id, or 2 characters of its beginning, is expected");
  auto statement =
      ledger_.database().prepare(std::string(kColumns) + "WHERE id LIKE ? || '%' LIMIT 2");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(id);
  auto found = read_all(*statement);
  if (!found) return tl::unexpected(std::move(found).error());
  if (found->empty()) return unknown("there is none");
  if (found->size() > 1) return unknown("there are several that begin so");
  return std::move(found->front());
}

Result<std::vector<Decision>> Decisions::list(bool open) {
  auto statement = ledger_.database().prepare(
      std::string(kColumns) + (open ? "WHERE state='open' " : "") + "ORDER BY created_ms DESC, id");
  if (!statement) return tl::unexpected(std::move(statement).error());
  return read_all(*statement);
}

}  // namespace jobward::trust
