#include "profiles/project.h"

#include <optional>
#include <string_view>

#include "common/text.h"
#include "profiles/paths.h"

namespace jobward::profiles {
namespace {

std::string parent(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// The directory that a `.git` file points to; absent if the text is something else.
std::optional<std::string> git_directory(const std::string& checkout, std::string_view text) {
  static constexpr std::string_view kPrefix = "gitdir:";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  const auto target = trim(text.substr(kPrefix.size()));
  if (target.empty()) return std::nullopt;
  return absolute_path(checkout, std::string(target));
}

// The repository that a linked worktree's git directory belongs to; absent if it is no linked
// worktree (a submodule, a git directory kept elsewhere).
std::optional<std::string> shared_repository(const std::string& directory, const FileProbe& files) {
  if (const auto common = files.head(absolute_path(directory, "commondir"))) {
    const auto target = trim(*common);
    if (!target.empty()) return absolute_path(directory, std::string(target));
  }
  const std::string worktrees = parent(directory);
  const std::string repository = parent(worktrees);
  const bool by_name = base_name(worktrees) == "worktrees" && base_name(repository) == ".git";
  return by_name ? std::optional(repository) : std::nullopt;
}

std::string linked_identity(const std::string& checkout, const std::string& git_dir,
                            const FileProbe& files) {
  const auto repository = shared_repository(git_dir, files);
  if (!repository) return checkout;
  return base_name(*repository) == ".git" ? parent(*repository) : *repository;
}

std::optional<Project> project_at(const std::string& directory, const FileProbe& files) {
  const std::string git = absolute_path(directory, ".git");
  // HEAD first: it spares adding up the sizes below a whole .git directory.
  if (files.head(git + "/HEAD")) return Project{directory, directory};
  if (const auto text = files.head(git)) {
    const auto target = git_directory(directory, *text);
    if (!target) return std::nullopt;
    return Project{directory, linked_identity(directory, *target, files)};
  }
  const auto facts = files.look(git);
  if (!facts || facts->kind != FileFacts::Kind::directory) return std::nullopt;
  return Project{directory, directory};
}

}  // namespace

Project find_project(const std::string& directory, const FileProbe& files) {
  const std::string start = absolute_path("/", directory);
  for (std::string at = start;; at = parent(at)) {
    if (auto project = project_at(at, files)) return *project;
    if (at == "/") return Project{start, start};
  }
}

}  // namespace jobward::profiles
