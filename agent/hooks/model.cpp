#include "agent/hooks/model.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "common/fd.h"
#include "common/files.h"
#include "common/json_depth.h"
#include "common/text.h"

namespace jobward::hooks {
namespace {

namespace fs = std::filesystem;

// Made by the agent itself, for errors: no model has served.
constexpr std::string_view kSynthetic = "<synthetic>";
constexpr int kDeepestGroup = 3;
constexpr std::size_t kFirstTail = std::size_t{128} << 10U;

std::string text_at(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string model_in_line(Agent agent, std::string_view line, bool sidechain) {
  // Most lines are long and name none.
  if (line.find("\"model\"") == std::string_view::npos) return {};
  if (is_nested_deeper(line, kDeepestJson)) return {};
  const auto object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return {};
  if (agent == Agent::gemini)
    return text_at(object, "type") == "gemini" ? text_at(object, "model") : std::string();
  if (text_at(object, "type") != "assistant") return {};
  // Of a subagent, in the main one's transcript; its own says so on every line.
  if (!sidechain && object.value("isSidechain", false)) return {};
  const auto message = object.find("message");
  return message == object.end() ? std::string() : text_at(*message, "model");
}

Result<std::string> read_tail(const std::string& path, std::size_t most) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return errno_error("open", printable(path));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return error("read", printable(path), "it is no regular file");
  const auto size = static_cast<std::size_t>(info.st_size);
  const auto length = std::min(size, most);
  std::string text(length, '\0');
  std::size_t got = 0;
  while (got < length) {
    const auto now = ::pread(file.get(), text.data() + got, length - got,
                             static_cast<off_t>(size - length + got));
    if (now < 0) return errno_error("read", printable(path));
    if (now == 0) break;
    got += static_cast<std::size_t>(now);
  }
  text.resize(got);
  return text;
}

// MAIN-without-.jsonl/subagents/[group/]agent-ID.jsonl; empty: there is none.
std::string subagent_transcript(const std::string& main, const std::string& subagent) {
  constexpr std::string_view kSuffix = ".jsonl";
  const bool plain = std::all_of(subagent.begin(), subagent.end(), [](char c) {
    return c != '/' && static_cast<unsigned char>(c) > ' ';
  });
  if (!main.ends_with(kSuffix) || !plain) return {};
  const fs::path directory = main.substr(0, main.size() - kSuffix.size()) + "/subagents";
  const std::string name = "agent-" + subagent + ".jsonl";
  std::error_code failure;
  if (fs::exists(directory / name, failure)) return directory / name;
  for (fs::recursive_directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (entry.depth() >= kDeepestGroup) entry.disable_recursion_pending();
    if (entry->path().filename() == name) return entry->path();
  }
  return {};
}

}  // namespace

std::optional<std::size_t> ModelTiers::place(std::string_view tier) const {
  const auto found = std::find(order.begin(), order.end(), tier);
  if (found == order.end()) return std::nullopt;
  return static_cast<std::size_t>(found - order.begin());
}

std::optional<std::size_t> ModelTiers::place_of_model(std::string_view model) const {
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto globs = models.find(order[i]);
    if (globs == models.end()) continue;
    for (const auto& glob : globs->second)
      if (matches_glob(model, glob)) return i;
  }
  return std::nullopt;
}

std::string model_in_transcript(Agent agent, std::string_view text, bool sidechain) {
  // A last line that is still being written has no end yet.
  const auto whole = text.rfind('\n');
  if (whole == std::string_view::npos) return {};
  text = text.substr(0, whole);
  while (!text.empty()) {
    const auto begin = text.rfind('\n');
    const auto line = begin == std::string_view::npos ? text : text.substr(begin + 1);
    auto model = model_in_line(agent, line, sidechain);
    if (!model.empty() && model != kSynthetic) return model;
    if (begin == std::string_view::npos) break;
    text = text.substr(0, begin);
  }
  return {};
}

ServedModel served_model(const Event& event) {
  if (event.agent == Agent::codex || event.agent == Agent::cursor)
    return {"", std::string("unsupported: ") + std::string(to_string(event.agent)) +
                    " tells which model was configured, and leaves no evidence of the one that "
                    "served"};
  if (event.transcript.empty()) return {"", "the hook's input names no transcript"};
  std::string path = event.transcript;
  if (!event.subagent.empty()) {
    path = subagent_transcript(event.transcript, event.subagent);
    if (path.empty())
      return {"", "the transcript of subagent " + printable(event.subagent) + " is not there"};
  }
  // The end tells nearly always; a long result of a tool may stand behind the last answer.
  std::string model;
  for (std::size_t most = kFirstTail; model.empty() && most <= kTranscriptTail; most *= 16) {
    const auto text = read_tail(path, most);
    if (!text) return {"", text.error().message()};
    model = model_in_transcript(event.agent, *text, !event.subagent.empty());
    if (text->size() < most) break;
  }
  if (model.empty()) return {"", printable(path) + " names no model yet"};
  return {std::move(model), "the transcript " + printable(path)};
}

ModelVerdict judge_model(const ServedModel& served, std::string_view min_tier,
                         const ModelTiers& tiers) {
  const std::string wanted = "tier " + printable(min_tier);
  const auto least = tiers.place(min_tier);
  if (!least) {
    std::string known;
    for (const auto& tier : tiers.order)
      known += (known.empty() ? "" : ", ") + printable(tier);
    return {false, wanted + " is not configured: [models] order " +
                       (known.empty() ? "names none" : "names " + known)};
  }
  if (served.model.empty())
    return {false, wanted + " is needed, and which model serves is not known: " + served.evidence};
  const auto place = tiers.place_of_model(served.model);
  const std::string who =
      "the model that serves is " + printable(served.model) + " (" + served.evidence + ")";
  if (!place) return {false, wanted + " is needed; " + who + ", which no tier names"};
  const std::string its = ", of tier " + printable(tiers.order[*place]);
  if (*place < *least) return {false, wanted + " is needed; " + who + its};
  return {true, who + its};
}

}  // namespace jobward::hooks
