#include "trust/stamp.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <tuple>

#include "common/text.h"
#include "common/units.h"
#include "trust/canonical.h"
#include "trust/encoding.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

constexpr const char* kStatement = "https://in-toto.io/Statement/v1";
constexpr const char* kPredicate = "https://in-toto.io/attestation/test-result/v0.1";
constexpr int kVersion = 1;

// Clocks of one machine that are set by the network step back by less.
constexpr UnixMillis kClockSlack = 2000;

Json file_json(const StampedFile& file) {
  return {{"digest", {{"sha256", file.sha256}}}, {"name", json_text(file.path)}};
}

bool is_digest(const std::string& text) {
  return text.size() == 2 * kHashBytes && from_hex(text).has_value();
}

// Reads members and remembers whether all of them were there.
class Members {
 public:
  explicit Members(const Json& json, std::size_t count)
      : json_(json), good_(json.is_object() && json.size() == count) {}

  std::string text(const char* name) {
    const Json* found = find(name);
    if (found == nullptr || !found->is_string()) return fail("");
    return found->get<std::string>();
  }
  std::int64_t number(const char* name) {
    const Json* found = find(name);
    if (found == nullptr || !found->is_number_integer()) return fail(std::int64_t{0});
    return found->get<std::int64_t>();
  }
  std::string digest(const char* name) {
    auto out = text(name);
    return is_digest(out) ? out : fail("");
  }
  const Json& list(const char* name) {
    static const Json kNone = Json::array();
    const Json* found = find(name);
    if (found == nullptr || !found->is_array()) {
      good_ = false;
      return kNone;
    }
    return *found;
  }
  const Json& object(const char* name) {
    static const Json kNone = Json::object();
    const Json* found = find(name);
    if (found == nullptr || !found->is_object()) {
      good_ = false;
      return kNone;
    }
    return *found;
  }
  [[nodiscard]] bool good() const { return good_; }
  void require(bool holds) { good_ = good_ && holds; }

 private:
  const Json* find(const char* name) {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }
  template <class T>
  T fail(T value) {
    good_ = false;
    return value;
  }
  std::string fail(const char* value) {
    good_ = false;
    return value;
  }

  const Json& json_;
  bool good_;
};

std::optional<StampedFile> read_file_entry(const Json& json) {
  Members members(json, 2);
  StampedFile out;
  out.path = members.text("name");
  Members digest(members.object("digest"), 1);
  out.sha256 = digest.digest("sha256");
  if (!members.good() || !digest.good()) return std::nullopt;
  return out;
}

bool read_files(const Json& list, std::vector<StampedFile>& out) {
  for (const auto& entry : list) {
    auto file = read_file_entry(entry);
    if (!file) return false;
    out.push_back(*std::move(file));
  }
  return true;
}

bool read_programs(const Json& list, std::vector<StampedProgram>& out) {
  for (const auto& entry : list) {
    Members members(entry, 3);
    StampedProgram program{members.text("word"), members.text("path"), members.digest("digest")};
    if (!members.good()) return false;
    out.push_back(std::move(program));
  }
  return true;
}

// Its own members, those that tell what was run and what came of it.
bool read_audit(const Json& json, Stamp& out) {
  Members members(json, 15);
  members.require(members.number("version") == kVersion);
  out.name = members.text("stamp");
  members.require(is_stamp_name(out.name));
  out.project = members.text("project");
  out.host = members.text("host");
  out.run = members.text("run");
  for (const auto& word : members.list("argv")) {
    members.require(word.is_string());
    if (word.is_string()) out.argv.push_back(word.get<std::string>());
  }
  out.argv_sha256 = members.digest("argv_sha256");
  out.directory = members.text("directory");
  std::vector<StampedFile> scripts;
  members.require(read_files(members.list("script"), scripts) && scripts.size() <= 1);
  if (!scripts.empty()) out.script = scripts[0];
  members.require(read_programs(members.list("programs"), out.programs));
  out.stdout_sha256 = members.digest("stdout_sha256");
  out.outcome = members.text("outcome");
  const auto exit = members.number("exit");
  members.require(exit >= 0 && exit <= 255);
  out.exit_code = static_cast<int>(exit);
  out.started = members.number("started_ms");
  out.ended = members.number("ended_ms");
  return members.good();
}

std::string age_words(UnixMillis age) { return format_duration(static_cast<double>(age) / 1000); }

void check_times(const Stamp& stamp, const StampQuestion& question, std::vector<std::string>& out) {
  const UnixMillis known = std::max(stamp.ended, question.last_known.value_or(0));
  if (question.now + kClockSlack < known)
    out.push_back("the clock stands " + age_words(known - question.now) +
                  " before a time that has been already: it was set back");
  if (stamp.ended < stamp.started) out.emplace_back("it says that it ended before it began");
  if (!question.max_age_seconds) return;
  const auto age = question.now - stamp.ended;
  if (static_cast<double>(age) > *question.max_age_seconds * 1000)
    out.push_back("it is " + age_words(age) + " old, and --max-age is " +
                  format_duration(*question.max_age_seconds));
}

void check_file(const char* what, const StampedFile& file, const StampQuestion& question,
                std::vector<std::string>& out) {
  const std::string path = path_in_root(file.path, question.root);
  const auto now = content_digest(path);
  if (!now)
    out.push_back(std::string("the ") + what + ": " + now.error().message());
  else if (*now != file.sha256)
    out.push_back(std::string("the ") + what + " " + printable(file.path) + " has changed");
}

void check_program(const StampedProgram& program, const Stamp& stamp, const StampQuestion& question,
                   std::vector<std::string>& out) {
  const auto path = find_executable(program.word, path_in_root(stamp.directory, question.root),
                                    question.search_path);
  const std::string shown = printable(program.word);
  if (!path) {
    out.push_back("the program " + shown + " is not there any more");
    return;
  }
  if (*path != program.path) {
    out.push_back("the program " + shown + " is another now: " + printable(*path) + ", not " +
                  printable(program.path));
    return;
  }
  const auto now = program_digest(*path);
  if (!now)
    out.push_back(now.error().message());
  else if (*now != program.digest)
    out.push_back("the program " + printable(*path) + " has changed");
}

}  // namespace

bool is_stamp_name(std::string_view name) {
  if (name.empty() || name.size() > 100 || name[0] == '.' || name[0] == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
  });
}

std::string argv_digest(const std::vector<std::string>& argv) {
  std::string text;
  for (const auto& word : argv)
    text += std::to_string(word.size()) + ":" + word;
  return hex(sha256(text));
}

std::string statement_of(const Stamp& stamp) {
  Json subject = Json::array();
  for (const auto& input : stamp.inputs)
    subject.push_back(file_json(input));
  Json script = Json::array();
  if (stamp.script) script.push_back(file_json(*stamp.script));
  Json programs = Json::array();
  for (const auto& program : stamp.programs)
    programs.push_back({{"word", json_text(program.word)},
                        {"path", json_text(program.path)},
                        {"digest", program.digest}});
  Json argv = Json::array();
  for (const auto& word : stamp.argv)
    argv.push_back(json_text(word));
  const Json audit{{"version", kVersion},
                   {"stamp", stamp.name},
                   {"project", json_text(stamp.project)},
                   {"host", json_text(stamp.host)},
                   {"run", stamp.run},
                   {"argv", std::move(argv)},
                   {"argv_sha256", stamp.argv_sha256},
                   {"directory", json_text(stamp.directory)},
                   {"script", script},
                   {"programs", std::move(programs)},
                   {"stdout_sha256", stamp.stdout_sha256},
                   {"outcome", stamp.outcome},
                   {"exit", stamp.exit_code},
                   {"started_ms", stamp.started},
                   {"ended_ms", stamp.ended}};
  return canonical({{"_type", kStatement},
                    {"subject", std::move(subject)},
                    {"predicateType", kPredicate},
                    {"predicate",
                     {{"result", stamp.passed() ? "PASSED" : "FAILED"},
                      {"configuration", script},
                      {"jobward", audit}}}});
}

Result<Stamp> read_statement(std::string_view payload) {
  const auto bad = [] { return error("read", "the stamp", "it is no statement of this version"); };
  const Json json = Json::parse(payload.begin(), payload.end(), nullptr, false);
  Members members(json, 4);
  members.require(members.text("_type") == kStatement);
  members.require(members.text("predicateType") == kPredicate);
  if (!members.good()) return bad();
  Stamp out;
  const Json& predicate = members.object("predicate");
  Members result(predicate, 3);
  if (!read_files(members.list("subject"), out.inputs) ||
      !read_audit(result.object("jobward"), out))
    return bad();
  result.require(result.text("result") == (out.passed() ? "PASSED" : "FAILED"));
  std::vector<StampedFile> scripts;
  result.require(read_files(result.list("configuration"), scripts));
  if (!members.good() || !result.good()) return bad();
  return out;
}

std::vector<std::string> objections(const Stamp& stamp, const StampQuestion& question) {
  std::vector<std::string> out;
  if (stamp.name != question.name)
    out.push_back("it is the stamp of " + printable(stamp.name) + ", not of this name");
  if (stamp.project != question.project)
    out.push_back("it was made for another project: " + printable(stamp.project));
  if (!stamp.passed())
    out.push_back("the audit did not pass: " + printable(stamp.outcome) + ", exit status " +
                  std::to_string(stamp.exit_code));
  check_times(stamp, question, out);
  if (question.argv && argv_digest(*question.argv) != stamp.argv_sha256)
    out.push_back("it was made by another command: " + printable(shell_quoted(stamp.argv)));
  for (const auto& program : stamp.programs)
    check_program(program, stamp, question, out);
  if (stamp.script) check_file("script", *stamp.script, question, out);
  for (const auto& input : stamp.inputs)
    check_file("input", input, question, out);
  return out;
}

}  // namespace jobward::trust
