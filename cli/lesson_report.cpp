#include "cli/lesson_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/render_json.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

constexpr std::size_t kMostKinds = 15;

using Entry = std::pair<const std::string, LessonReport::Kind>;

// Those with the most runs first.
std::vector<const Entry*> by_runs(const LessonReport& report) {
  std::vector<const Entry*> out;
  for (const auto& entry : report.kinds)
    out.push_back(&entry);
  std::stable_sort(out.begin(), out.end(),
                   [](const Entry* a, const Entry* b) { return a->second.runs > b->second.runs; });
  return out;
}

std::string count(std::size_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string kind_lines(const std::vector<const Entry*>& kinds) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kinds.size(), kMostKinds); ++i) {
    const auto& [name, kind] = *kinds[i];
    text += "  " + printable(name) + ": " + count(kind.runs, "run") + ", " +
            std::to_string(kind.fresh) + " new\n";
  }
  if (kinds.size() > kMostKinds)
    text += "  and " + count(kinds.size() - kMostKinds, "other kind") + "\n";
  return text;
}

std::string next_steps(const LessonReport& report, const std::vector<const Entry*>& kinds) {
  if (report.dry_run) return "nothing was written: without --dry-run it is learned\n";
  const auto named =
      std::find_if(kinds.begin(), kinds.end(), [](const Entry* e) { return e->second.by_name; });
  std::string text;
  if (named != kinds.end()) {
    const auto name = shell_quoted({(*named)->first});
    text += "next: jobward estimate --kind " + name + "\n      jobward run --kind " + name +
            " -- COMMAND\n";
  }
  if (std::any_of(kinds.begin(), kinds.end(), [](const Entry* e) { return !e->second.by_name; }))
    text += std::string(text.empty() ? "next: " : "      ") +
            "jobward estimate -- COMMAND, for those that are known by their command\n";
  return text;
}

}  // namespace

Status LessonReport::stage(profiles::LessonStore& store, profiles::Lesson lesson,
                           profiles::LessonStore::Same same, bool by_name) {
  auto& kind = kinds[lesson.job];
  auto staged = store.stage(std::move(lesson), same);
  if (!staged) return tl::unexpected(std::move(staged).error());
  ++kind.runs;
  kind.by_name = by_name;
  ++(*staged ? fresh : known);
  if (*staged) ++kind.fresh;
  return {};
}

Status learn_staged(profiles::LessonStore& store, const LessonReport& report) {
  if (report.dry_run) return {};
  if (auto learned = store.learn_staged(); !learned)
    return rethrow(std::move(learned).error(),
                   "not all of it was learned: import it once more for the rest");
  return {};
}

int tell(const LessonReport& report, bool json) {
  constexpr int kNothingUsed = 1;
  std::fputs((json ? report_json(report) : report_text(report)).c_str(), stdout);
  return report.fresh + report.known > 0 ? 0 : kNothingUsed;
}

std::string report_text(const LessonReport& report) {
  const auto kinds = by_runs(report);
  std::string text = printable(report.file) + ": " + count(report.read, "run") + " read, " +
                     std::to_string(report.fresh) +
                     (report.dry_run ? " would be imported, " : " imported, ") +
                     std::to_string(report.known) + " known already, " +
                     std::to_string(report.skipped) + " skipped\n";
  for (const auto* lines : {&report.complaints, &report.remarks})
    for (const auto& line : *lines)
      text += "  " + printable(line) + "\n";
  if (!kinds.empty()) text += count(kinds.size(), "kind") + ":\n" + kind_lines(kinds);
  if (!kinds.empty()) text += next_steps(report, kinds);
  return text;
}

std::string report_json(const LessonReport& report) {
  auto out = nlohmann::ordered_json{{"schema_version", kSchemaVersion},
                                    {"source", report.source},
                                    {"file", report.file},
                                    {"dry_run", report.dry_run},
                                    {"read", report.read},
                                    {"imported", report.fresh},
                                    {"known", report.known},
                                    {"skipped", report.skipped},
                                    {"complaints", report.complaints},
                                    {"remarks", report.remarks},
                                    {"kinds", nlohmann::ordered_json::array()}};
  for (const auto* entry : by_runs(report))
    out["kinds"].push_back({{"kind", entry->first},
                            {"runs", entry->second.runs},
                            {"imported", entry->second.fresh},
                            {"found_by", entry->second.by_name ? "kind" : "command"}});
  return dump(out, true);
}

}  // namespace jobward::cli
