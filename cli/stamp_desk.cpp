#include "cli/stamp_desk.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"
#include "profiles/file_probe.h"
#include "profiles/program.h"
#include "trust/canonical.h"
#include "trust/store_key.h"

namespace jobward::cli {
namespace {

std::string absolute_path(const std::string& path, const std::string& directory) {
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

// "#!/usr/bin/env -S python3 -u": the words behind the sign.
std::vector<std::string> interpreter_words(const std::string& script) {
  const profiles::RealFileProbe files;
  const auto head = files.head(script);
  if (!head || head->compare(0, 2, "#!") != 0) return {};
  const auto line = std::string_view(*head).substr(2, head->find('\n') - 2);
  std::vector<std::string> out;
  for (const auto word : split(line, ' '))
    if (!trim(word).empty()) out.emplace_back(trim(word));
  return out;
}

class Programs {
 public:
  Programs(std::string directory) : directory_(std::move(directory)) {}

  // A word that names no executable is an argument.
  Status add(const std::string& word) {
    if (word.empty() || word[0] == '-') return {};
    const auto path = trust::find_executable(
        word, directory_, environment_variable("PATH").value_or("/usr/bin:/bin"));
    if (!path) return {};
    const auto known = [&](const trust::StampedProgram& one) { return one.word == word; };
    if (std::any_of(out_.begin(), out_.end(), known)) return {};
    auto digest = trust::program_digest(*path);
    if (!digest) return tl::unexpected(std::move(digest).error());
    out_.push_back({word, *path, *std::move(digest)});
    return {};
  }
  [[nodiscard]] std::vector<trust::StampedProgram> take() { return std::move(out_); }
  [[nodiscard]] bool empty() const { return out_.empty(); }

 private:
  std::string directory_;
  std::vector<trust::StampedProgram> out_;
};

// Those before the script, or of a script that is the program itself, those of its first line.
Result<std::vector<trust::StampedProgram>> programs_of(const std::vector<std::string>& argv,
                                                       const std::string& script,
                                                       const std::string& directory) {
  Programs out(directory);
  JOBWARD_RETURN_IF_ERROR(out.add(argv[0]));
  if (out.empty())
    return error("stamp", printable(argv[0]), "there is no such program; nothing was run");
  if (script.empty()) return out.take();
  for (const auto& word : argv) {
    if (absolute_path(word, directory) == script) break;
    JOBWARD_RETURN_IF_ERROR(out.add(word));
  }
  for (const auto& word : interpreter_words(script))
    JOBWARD_RETURN_IF_ERROR(out.add(word));
  return out.take();
}

Result<trust::StampedFile> stamped(const std::string& path, const std::string& root) {
  auto digest = trust::content_digest(path);
  if (!digest) return tl::unexpected(std::move(digest).error());
  return trust::StampedFile{trust::path_from_root(path, root), *std::move(digest)};
}

// The envelope of an entry, opened; an objection where it is not what this store has signed.
tl::expected<trust::Stamp, std::string> open_entry(const TrustDesk& desk,
                                                   const trust::Entry& entry) {
  const auto details = nlohmann::json::parse(entry.details, nullptr, false);
  const auto envelope = trust::read_envelope(trust::text_member(details, "envelope"));
  if (!envelope) return tl::unexpected("it cannot be read: " + envelope.error().message());
  const auto key = trust::store_public_key(desk.state_directory);
  if (!key) return tl::unexpected(key.error().message());
  if (!*key) return tl::unexpected(std::string("the key of this store is gone"));
  trust::TrustedKey own;
  own.key = **key;
  own.name = "store";
  const auto payload = trust::opened(*envelope, trust::payload_type::kStamp, {own}, 1);
  if (!payload) return tl::unexpected("this store has not signed it: " + payload.error().message());
  auto stamp = trust::read_statement(*payload);
  if (!stamp) return tl::unexpected(stamp.error().message());
  return *std::move(stamp);
}

// " (audit 0123456789ab)"
std::string audit_words(const trust::Stamp& stamp) {
  std::string text = stamp.argv_sha256 + '\0' + stamp.directory;
  if (stamp.script) text += '\0' + stamp.script->path;
  for (const auto& input : stamp.inputs)
    text += '\0' + input.path;
  return " (audit " + sha256_hex(text).substr(0, 12) + ")";
}

}  // namespace

std::string stamp_subject(const std::string& name) { return "stamp:" + name; }

Result<AuditFiles> audit_files(const std::vector<std::string>& argv, const std::string& directory,
                               const std::vector<std::string>& inputs,
                               const profiles::Project& project) {
  AuditFiles out;
  const auto program =
      profiles::find_program({argv, directory}, project.root, profiles::RealFileProbe());
  if (!program.script_path.empty()) {
    auto script = stamped(program.script_path, project.root);
    if (!script) return tl::unexpected(std::move(script).error());
    out.script = *std::move(script);
  }
  auto programs = programs_of(argv, program.script_path, directory);
  if (!programs) return tl::unexpected(std::move(programs).error());
  out.programs = *std::move(programs);
  for (const auto& input : inputs) {
    auto file = stamped(absolute_path(input, directory), project.root);
    if (!file) return tl::unexpected(std::move(file).error());
    out.inputs.push_back(*std::move(file));
  }
  std::sort(out.inputs.begin(), out.inputs.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  out.inputs.erase(std::unique(out.inputs.begin(), out.inputs.end()), out.inputs.end());
  return out;
}

Result<std::int64_t> put_stamp(TrustDesk& desk, const trust::Stamp& stamp) {
  const auto key = trust::store_key(desk.state_directory);
  if (!key) return tl::unexpected(key.error());
  const auto envelope = trust::seal(trust::payload_type::kStamp, trust::statement_of(stamp), *key);
  if (!envelope) return tl::unexpected(envelope.error());
  trust::NewEntry entry;
  entry.kind = trust::EntryKind::stamp;
  entry.actor = desk.actor;
  entry.key_ids = {trust::key_id(key->key())};
  entry.run = stamp.run;
  entry.project = trust::json_text(stamp.project);
  entry.source = "stamp";
  entry.check = stamp.name;
  entry.subject = stamp_subject(stamp.name);
  entry.severity = stamp.passed() ? Severity::info : Severity::warn;
  entry.passed = stamp.passed();
  entry.message = "the audit " + stamp.name + (stamp.passed() ? " passed" : " did not pass");
  entry.details = trust::canonical({{"envelope", trust::to_json(*envelope)}});
  return desk.ledger->append(entry);
}

Result<FoundStamp> check_stamp(TrustDesk& desk, const StampDemand& demand) {
  trust::LedgerQuery query;
  query.kind = trust::EntryKind::stamp;
  query.subject = stamp_subject(demand.name);
  query.project = trust::json_text(desk.project.identity);
  const auto entry = desk.ledger->newest(query);
  if (!entry) return tl::unexpected(entry.error());
  FoundStamp out;
  if (!*entry) {
    out.objections.push_back("there is no stamp " + printable(demand.name) +
                             " of this project; `jobward stamp make` makes one");
    return out;
  }
  auto stamp = open_entry(desk, **entry);
  if (!stamp) {
    out.objections.push_back(std::move(stamp).error());
    return out;
  }
  const auto last = desk.ledger->newest({});
  if (!last) return tl::unexpected(last.error());
  trust::StampQuestion question;
  question.name = demand.name;
  question.project = desk.project.identity;
  question.root = desk.project.root;
  question.search_path = environment_variable("PATH").value_or("/usr/bin:/bin");
  question.now = desk.clock.wall_ms();
  if (*last) question.last_known = (*last)->time;
  question.max_age_seconds = demand.max_age_seconds;
  question.argv = demand.argv;
  out.objections = trust::objections(*stamp, question);
  out.stamp = *std::move(stamp);
  return out;
}

Result<std::optional<Finding>> stamp_fault(const StampWishes& wishes, const Session& session,
                                           const std::string& directory,
                                           std::vector<std::string>* audits) {
  if (wishes.names.empty()) return std::nullopt;
  const auto project = profiles::find_project(real_path(directory), profiles::RealFileProbe());
  auto desk = open_trust_desk(session.policy, project);
  if (!desk) return tl::unexpected(std::move(desk).error());
  for (const auto& name : wishes.names) {
    const auto found = check_stamp(**desk, {name, wishes.max_age_seconds, std::nullopt});
    if (!found) return tl::unexpected(found.error());
    if (audits != nullptr && found->stamp) audits->push_back(name + audit_words(*found->stamp));
    if (found->objections.empty()) continue;
    std::string words = "the stamp " + printable(name) + " does not hold: ";
    for (std::size_t i = 0; i < found->objections.size(); ++i)
      words += (i > 0 ? "; " : "") + found->objections[i];
    Finding out;
    out.source = "stamp";
    out.check = name;
    out.primitive = "stamp";
    out.message = std::move(words);
    return std::optional(std::move(out));
  }
  return std::nullopt;
}

}  // namespace jobward::cli
