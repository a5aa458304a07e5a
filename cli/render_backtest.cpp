#include "cli/render_backtest.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "cli/render_text.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using backtest::Coverage;
using backtest::Scores;

constexpr std::size_t kMostJobs = 15;
constexpr std::size_t kNameWidth = 44;

template <class... T>
std::string print(const char* format, T... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

std::string gbh(double value) {
  return print(value >= 100 ? "%.0f" : value >= 1 || value == 0 ? "%.2f" : "%.2g", value);
}
// "-" where there are no rows.
std::string percent(const std::optional<double>& share, const char* format = "%.1f %%") {
  if (!share) return "-";
  return print(*share < 10 ? format : "%.0f %%", *share * 100);
}
std::string covered(const Coverage& coverage) { return percent(coverage.share(), "%.2f %%"); }

std::string count_of(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// Of a long name the end tells more: "...:FASTQC".
std::string last_part(const std::string& name) {
  std::string text = printable(name);
  if (text.size() <= kNameWidth) return text;
  std::size_t from = text.size() - (kNameWidth - 3);
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0U) == 0x80U)
    ++from;
  return "..." + text.substr(from);
}

// The first column is flush left, the others flush right.
class Table {
 public:
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (std::size_t i = 0; i < row.size(); ++i)
        widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string out;
    for (const auto& row : rows_) {
      out += "  " + padded(row[0], widths[0]);
      for (std::size_t i = 1; i < row.size(); ++i)
        out += std::string(2 + widths[i] - width_of(row[i]), ' ') + row[i];
      out += "\n";
    }
    return out;
  }

 private:
  static std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
  }
  std::vector<std::vector<std::string>> rows_;
};

std::vector<std::string> headings(const char* first) {
  return {first, "rows", "wasted GBh", "failed", "sufficed", "median slack", "p90 slack"};
}

std::vector<std::string> cells(const std::string& name, const Scores& scores) {
  return {name,
          std::to_string(scores.first.rows),
          gbh(scores.wastage_gbh),
          std::to_string(scores.failures),
          covered(scores.first),
          percent(scores.median_slack),
          percent(scores.p90_slack)};
}

std::string line(const char* name, const std::string& value) {
  return "  " + padded(name, 18) + value + "\n";
}

std::string way_words(const backtest::ReplayOptions& options) {
  const bool lean = options.question.objective == Objective::lean;
  std::string text = lean ? "lean" : "safe, " + percent(options.question.confidence, "%.10g %%");
  text += options.order == backtest::Order::file ? "; order of the file" : "; order of time";
  text += "; a too small attempt fails after " +
          percent(options.question.failure.share, "%.10g %%") + " of its time";
  if (!options.features) text += "; without features";
  if (options.cold) text += "; cold";
  return text + "; an unknown job is given " +
         format_bytes(options.machine_bytes * backtest::kGuessShare);
}

std::string accuracy_words(const backtest::Accuracy& accuracy) {
  return "median error " + percent(accuracy.median_relative_error) + " of " +
         count_of(accuracy.rows, "run", "runs");
}

std::string bucket_words(const Scores& scores) {
  std::string out;
  for (std::size_t i = 0; i < backtest::kRunBuckets.size(); ++i)
    if (const auto& bucket = scores.by_runs.at(i); bucket.rows > 0)
      out += (out.empty() ? "" : ", ") + std::string(backtest::kRunBuckets.at(i)) + ": " +
             covered(bucket) + " of " + std::to_string(bucket.rows);
  return out;
}

std::string memory_lines(const Scores& scores, const estimator::Question& question) {
  std::string out = line("wasted", gbh(scores.wastage_gbh) + " GBh, beside " +
                                       gbh(scores.used_gbh) + " GBh that were needed");
  out += line("failed attempts", std::to_string(scores.failures));
  std::string promised;
  if (question.objective == Objective::safe)
    promised = "; promised are " + percent(question.confidence, "%.10g %%");
  out += line("first sufficed", covered(scores.first) + " of " +
                                    count_of(scores.first.rows, "run", "runs") + promised);
  out += line("by earlier runs", bucket_words(scores));
  return out + line("slack", "median " + percent(scores.median_slack) + ", p90 " +
                                 percent(scores.p90_slack) + " more than was needed");
}

std::string scores_lines(const Scores& scores, const estimator::Question& question) {
  std::string out;
  if (scores.first.rows > 0) out += memory_lines(scores, question);
  if (scores.wall.rows > 0)
    out += line("wall time", accuracy_words(scores.wall) +
                                 "; within the p95: " + percent(scores.wall_p95.share()));
  if (scores.written.rows > 0) out += line("bytes written", accuracy_words(scores.written));
  if (scores.read.rows > 0) out += line("bytes read", accuracy_words(scores.read));
  return out;
}

// Two commands of one program have the same name: told apart by their key.
std::string jobs_table(const backtest::Replayed& replayed) {
  const auto jobs = by_wastage(replayed);
  std::map<std::string, int> names;
  for (const auto* job : jobs)
    ++names[job->job];
  Table table;
  table.add(headings("job kind"));
  for (std::size_t i = 0; i < std::min(jobs.size(), kMostJobs); ++i) {
    const auto& job = *jobs[i];
    const std::string name =
        last_part(job.job) + (names[job.job] > 1 ? " [" + job.key.substr(0, 6) + "]" : "");
    table.add(cells(name, job.tally.scores()));
  }
  std::string out = table.text();
  if (jobs.size() > kMostJobs)
    out += "  and " + std::to_string(jobs.size() - kMostJobs) + " more: --json has all\n";
  return out;
}

std::string comparison_table(const backtest::Comparison& comparison, const Scores& own,
                             Objective objective) {
  using backtest::Method;
  Table table;
  table.add(headings("compared with"));
  table.add(cells("jobward (" + std::string(to_string(objective)) + ")", own));
  table.add(cells("most seen so far", comparison.scores(Method::max_seen)));
  table.add(cells("most seen + 10 %", comparison.scores(Method::max_times_1_1)));
  table.add(cells("95th percentile so far", comparison.scores(Method::p95)));
  const Scores requested = comparison.scores(Method::request);
  if (requested.first.rows > 0) {
    table.add(cells("what the user asked for", requested));
    if (requested.first.rows != own.first.rows)
      table.add(cells("jobward on the same rows", comparison.own_where_requested()));
  }
  const auto hindsight = comparison.hindsight();
  if (objective == Objective::safe && hindsight)
    table.add({"most seen \u00d7 " + print("%.4g", hindsight->k) + " (hindsight)",
               std::to_string(hindsight->first.rows), "-", "-", covered(hindsight->first),
               percent(hindsight->median_slack), "-"});
  std::string out = table.text();
  if (objective == Objective::safe && hindsight)
    out +=
        "  hindsight: the factor that would have covered as many runs as jobward did, whose "
        "median slack on the\n  same runs is " +
        percent(hindsight->own_median_slack) + "\n";
  return out;
}

std::string not_scored_lines(const backtest::NotScored& not_scored) {
  std::string out;
  const auto add = [&](std::size_t count, const char* why) {
    if (count > 0) out += "  " + std::to_string(count) + " " + why + "\n";
  };
  add(not_scored.history, "with the role history: only learned from");
  add(not_scored.first, "of a kind that was not known yet: only learned from (--cold scores them)");
  add(not_scored.unmeasured, "without memory or wall time: learned from as far as they go");
  add(not_scored.censored,
      "ended early or at a limit: what they needed is not known; only learned from");
  add(not_scored.untimed, "without a start or an end: left out");
  return out.empty() ? out : "not scored:\n" + out;
}

std::string reading_lines(const traces::HistorySummary& reading) {
  std::string out;
  if (reading.skipped > 0)
    out += count_of(reading.skipped, "entry", "entries") + " skipped, " +
           std::to_string(reading.broken) + " of them broken:\n";
  for (const auto& complaint : reading.complaints)
    out += "  " + complaint + "\n";
  if (reading.broken > reading.complaints.size())
    out += "  and " + std::to_string(reading.broken - reading.complaints.size()) + " more\n";
  for (const auto& remark : reading.remarks)
    out += "note: " + remark + "\n";
  return out;
}

std::string parts_table(const BacktestReport& report) {
  Table table;
  table.add(headings("history"));
  for (const auto& part : report.parts)
    table.add(cells(last_part(part.name), part.replayed.total.scores()));
  table.add(cells("total", report.total.total.scores()));
  return table.text() + "\n";
}

}  // namespace

std::vector<const backtest::JobTally*> by_wastage(const backtest::Replayed& replayed) {
  std::vector<std::pair<double, const backtest::JobTally*>> sorted;
  for (const auto& job : replayed.jobs)
    sorted.emplace_back(job.tally.wastage_gbh(), &job);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<const backtest::JobTally*> out;
  for (const auto& [wastage, job] : sorted)
    out.push_back(job);
  return out;
}

traces::HistorySummary total_reading(const BacktestReport& report) {
  traces::HistorySummary out;
  for (const auto& part : report.parts) {
    const auto& reading = part.reading;
    out.rows += reading.rows;
    out.used += reading.used;
    out.skipped += reading.skipped;
    out.broken += reading.broken;
    out.complaints.insert(out.complaints.end(), reading.complaints.begin(),
                          reading.complaints.end());
    out.remarks.insert(out.remarks.end(), reading.remarks.begin(), reading.remarks.end());
  }
  return out;
}

std::string backtest_text(const BacktestReport& report) {
  const auto scores = report.total.total.scores();
  const bool single = report.parts.size() == 1;
  std::string out =
      (single ? printable(report.parts[0].name)
              : count_of(report.parts.size(), "history", "histories") + ", each from nothing") +
      ": " + count_of(report.total.runs, "run", "runs") + " replayed, " +
      std::to_string(scores.first.rows) + " of them scored\n" + "(" + way_words(report.options) +
      ")\n\n";
  if (!single) out += parts_table(report);
  out += scores_lines(scores, report.options.question);
  if (!report.total.jobs.empty()) out += "\n" + jobs_table(report.total);
  if (report.total.comparison && scores.first.rows > 0)
    out += "\n" +
           comparison_table(*report.total.comparison, scores, report.options.question.objective);
  if (report.total.jobs.empty()) out += "nothing could be scored\n";
  const auto rest =
      not_scored_lines(report.total.not_scored) + reading_lines(total_reading(report));
  return rest.empty() ? out : out + "\n" + rest;
}

}  // namespace jobward::cli
