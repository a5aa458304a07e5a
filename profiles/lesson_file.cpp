#include "profiles/lesson_file.h"

#include <nlohmann/json.hpp>

#include "common/text.h"
#include "profiles/run_codec.h"
#include "profiles/secrets.h"

namespace jobward::profiles {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "jobward-profiles";
constexpr int kVersion = 1;
constexpr std::size_t kKeyDigits = 32;
constexpr std::size_t kLongestDigest = 200;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

tl::unexpected<Error> wrong(const char* what, std::string detail) {
  return error("use", what, std::move(detail));
}

bool is_key(const std::string& key) {
  return key.size() == kKeyDigits && key.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<Fingerprint> read_keys(const Json& json) {
  Fingerprint out{json.value("exact", std::string()), json.at("masked").get<std::string>(),
                  json.value("program", std::string())};
  if (!is_key(out.masked)) return wrong("masked", "expected 32 hexadecimal digits");
  for (const auto* key : {&out.exact, &out.program})
    if (!key->empty() && !is_key(*key))
      return wrong("exact or program", "expected 32 hexadecimal digits");
  return out;
}

Result<Lesson> read_lesson(const Json& json) {
  Lesson out;
  out.source = "profiles";
  out.digest = json.at("digest").get<std::string>();
  if (out.digest.empty() || out.digest.size() > kLongestDigest)
    return wrong("digest", "expected 1 to 200 characters");
  out.job = printable(json.value("job", std::string()));
  auto keys = read_keys(json);
  if (!keys) return tl::unexpected(std::move(keys).error());
  out.fingerprint = std::move(*keys);
  auto observation =
      decode_observation(Json{{"features", json.at("features")}, {"used", json.at("used")}}.dump());
  if (!observation) return tl::unexpected(std::move(observation).error());
  if (observation->used.empty()) return wrong("used", "there is nothing in it that is known here");
  out.observation = std::move(*observation);
  if (const auto it = json.find("finished_ms"); it != json.end()) {
    if (!it->is_number_integer() || it->get<std::int64_t>() < 0)
      return wrong("finished_ms", "expected milliseconds since 1970");
    out.finished = it->get<std::int64_t>();
  }
  return out;
}

}  // namespace

std::string lesson_header(UnixMillis now) {
  return line_of({{"format", kFormat}, {"version", kVersion}, {"exported_ms", now}});
}

std::string lesson_line(const Lesson& lesson) {
  const auto observation = Json::parse(encode_observation(lesson.observation));
  Json out{{"digest", lesson.digest}, {"job", printable(mask_secrets({lesson.job})[0])}};
  if (!lesson.fingerprint.exact.empty()) out["exact"] = lesson.fingerprint.exact;
  out["masked"] = lesson.fingerprint.masked;
  if (!lesson.fingerprint.program.empty()) out["program"] = lesson.fingerprint.program;
  out["features"] = observation.at("features");
  out["used"] = observation.at("used");
  if (lesson.finished) out["finished_ms"] = *lesson.finished;
  return line_of(out);
}

Status check_lesson_header(std::string_view line) {
  const auto json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("format") || json["format"] != kFormat)
    return wrong("this file", "it is none that `jobward profiles export` has written");
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_integer())
    return wrong("this file", "its version is missing");
  if (*version != kVersion)
    return wrong("this file", "it is of version " + version->dump() + ", this jobward knows " +
                                  std::to_string(kVersion));
  return {};
}

Result<Lesson> parse_lesson_line(std::string_view line) {
  try {
    const auto json = Json::parse(line);
    if (!json.is_object()) return wrong("this line", "expected a JSON object");
    return read_lesson(json);
  } catch (const Json::exception& broken) {  // the library's way to say "not what was expected"
    return error("read", "this line", printable(broken.what()));
  }
}

}  // namespace jobward::profiles
