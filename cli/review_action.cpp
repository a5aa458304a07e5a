#include "cli/review_action.h"

#include <nlohmann/json.hpp>

#include "cli/session.h"
#include "common/text.h"
#include "profiles/paths.h"
#include "profiles/secrets.h"
#include "trust/canonical.h"
#include "trust/stamp.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::json;

Result<Json> file_json(const std::string& path) {
  auto digest = trust::content_digest(path);
  if (!digest) return tl::unexpected(std::move(digest).error());
  return Json{{"path", trust::json_text(path)}, {"sha256", *digest}};
}

}  // namespace

Result<std::string> review_action(const ReviewSubject& subject) {
  auto cwd = working_directory();
  if (!cwd) return tl::unexpected(std::move(cwd).error());
  Json list = Json::array();
  for (const auto& file : subject.files) {
    auto one = file_json(profiles::absolute_path(*cwd, file));
    if (!one) return tl::unexpected(std::move(one).error());
    list.push_back(std::move(*one));
  }
  Json out{{"kind", "review"},
           {"describe", trust::json_text(subject.describe)},
           {"pools", subject.pools},
           {"files", std::move(list)}};
  if (!subject.command.empty()) {
    out["argv_sha256"] = trust::argv_digest(subject.command);
    out["argv"] = Json::array();
    for (const auto& word : profiles::mask_secrets(subject.command))
      out["argv"].push_back(trust::json_text(word));
  }
  return trust::canonical(out);
}

std::optional<std::string> other_command(const trust::Decision& decision,
                                         const std::vector<std::string>& argv) {
  const auto action = Json::parse(decision.request.action, nullptr, false);
  if (!action.is_object() || !action.contains("argv_sha256")) return std::nullopt;
  if (trust::text_member(action, "argv_sha256") == trust::argv_digest(argv)) return std::nullopt;
  return "it is about another command: " + action.value("argv", Json::array()).dump();
}

std::optional<std::string> changed_since(const trust::Decision& decision) {
  const auto action = Json::parse(decision.request.action, nullptr, false);
  if (!action.is_object() || !action.contains("files") || !action["files"].is_array())
    return std::nullopt;
  for (const auto& file : action["files"]) {
    const std::string path = trust::text_member(file, "path");
    const auto now = trust::content_digest(path);
    if (!now) return now.error().message();
    if (*now != trust::text_member(file, "sha256"))
      return printable(path) + " has changed since it was asked for";
  }
  return std::nullopt;
}

}  // namespace jobward::cli
