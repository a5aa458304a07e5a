#include "scan/record.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "common/text.h"

namespace jobward::scan {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path whole(const std::filesystem::path& path) {
  std::error_code failure;
  auto out = std::filesystem::absolute(path, failure);
  return failure ? path : out.lexically_normal();
}

constexpr const char* kKind = "jobward-stub-record";

struct Member {
  const char* name;
  std::string RecordedBody::*value;
};
constexpr std::array kMembers{
    Member{"marker", &RecordedBody::marker}, Member{"file", &RecordedBody::file},
    Member{"function", &RecordedBody::function}, Member{"sha256", &RecordedBody::sha256},
    Member{"reached_sha256", &RecordedBody::reached_sha256}};

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<RecordedBody> read_entry(const Json& json, const std::string& file) {
  RecordedBody out;
  if (!json.is_object() || json.size() != kMembers.size())
    return error("read", printable(file),
                 "an entry of \"functions\" has other members than it should");
  for (const auto& member : kMembers) {
    const auto found = json.find(member.name);
    if (found == json.end() || !found->is_string())
      return error("read", printable(file),
                   std::string("an entry of \"functions\" has no text \"") + member.name + "\"");
    out.*member.value = found->get<std::string>();
  }
  if (!is_digest(out.sha256) || !is_digest(out.reached_sha256))
    return error("read", printable(file), "a digest is not 64 hexadecimal digits");
  return out;
}

}  // namespace

std::string write_record(std::vector<RecordedBody> functions) {
  std::sort(functions.begin(), functions.end());
  Json list = Json::array();
  for (const auto& function : functions) {
    Json entry;
    for (const auto& member : kMembers)
      entry[member.name] = utf8_lossy(function.*member.value);
    list.push_back(std::move(entry));
  }
  const Json json{{"kind", kKind}, {"schema_version", 1}, {"functions", std::move(list)}};
  return json.dump(2) + "\n";
}

Result<std::vector<RecordedBody>> read_record(const std::string& text, const std::string& file) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return error("read", printable(file), "it is no JSON");
  if (!json.is_object() || json.value("kind", Json()) != kKind ||
      json.value("schema_version", Json()) != 1 || !json.contains("functions") ||
      !json["functions"].is_array() || json.size() != 3)
    return error("read", printable(file),
                 "it is no record of version 1; `jobward scan stubs --record` writes one");
  std::vector<RecordedBody> out;
  for (const auto& entry : json["functions"]) {
    auto read = read_entry(entry, file);
    if (!read) return tl::unexpected(std::move(read).error());
    out.push_back(*std::move(read));
  }
  return out;
}

void to_record_paths(std::vector<RecordedBody>& functions, const std::string& record_file) {
  const auto base = whole(record_file).parent_path();
  for (auto& function : functions)
    function.file = whole(function.file).lexically_relative(base).string();
}

void from_record_paths(std::vector<RecordedBody>& functions, const std::string& record_file,
                       const std::vector<SourceFile>& files) {
  const auto base = whole(record_file).parent_path();
  std::map<std::string, std::string> names;
  for (const auto& file : files)
    names.emplace(whole(file.name).string(), file.name);
  for (auto& function : functions)
    if (const auto name = names.find(whole(base / function.file).string()); name != names.end())
      function.file = name->second;
}

}  // namespace jobward::scan
