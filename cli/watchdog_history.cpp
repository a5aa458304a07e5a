#include "cli/watchdog_history.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/render_json.h"
#include "cli/watchdog_records.h"
#include "cli/watchdog_text.h"
#include "common/exit_codes.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kBrokenShown = 20;

struct Story {
  std::vector<WatchdogEntry> entries;
  std::vector<profiles::NotedLine> broken;
};

Result<Story> read_story(const RunDesk& desk, const WatchdogView& view, int limit) {
  auto store = open_watchdog_records(desk.records, desk.clock);
  if (!store) return tl::unexpected(std::move(store).error());
  auto entries = watchdog_entries(**store, limit, view.all);
  if (!entries) return tl::unexpected(std::move(entries).error());
  auto broken = (*store)->broken(kBrokenShown);
  if (!broken) return tl::unexpected(std::move(broken).error());
  return Story{std::move(*entries), std::move(*broken)};
}

Json story_json(const Story& story) {
  Json out{{"schema_version", kSchemaVersion}, {"events", Json::array()}};
  for (const auto& entry : story.entries)
    out["events"].push_back(to_json(entry));
  out["broken_lines"] = Json::array();
  for (const auto& noted : story.broken)
    out["broken_lines"].push_back({{"noted_ms", noted.noted},
                                   {"file", noted.file},
                                   {"line", noted.line.number},
                                   {"problem", noted.line.problem},
                                   {"text", noted.line.text}});
  return out;
}

std::string story_text(const Story& story) {
  std::string out;
  for (const auto& entry : story.entries)
    out += watchdog_entry_text(entry);
  if (out.empty())
    out =
        "the watchdog has ended nothing, as far as is on record; `jobward watchdog status` tells "
        "whether it runs\n";
  for (const auto& noted : story.broken)
    out += noted.message() + "\n";
  return out;
}

}  // namespace

int watchdog_history(const RunDesk& desk, const WatchdogView& view, int limit, bool json) {
  const auto story = read_story(desk, view, limit);
  if (!story) return failure("history", story.error().message(), exit_code::kUsage);
  std::fputs(json ? dump(story_json(*story), true).c_str() : story_text(*story).c_str(), stdout);
  return 0;
}

Result<long long> prune_watchdog_records(const RunDesk& desk, UnixMillis moment) {
  auto store = open_watchdog_records(desk.records, desk.clock);
  if (!store) return tl::unexpected(std::move(store).error());
  return (*store)->prune(moment);
}

}  // namespace jobward::cli
