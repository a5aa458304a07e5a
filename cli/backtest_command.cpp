// jobward backtest: how well its estimates would have done on a history.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "backtest/plot.h"
#include "backtest/replay.h"
#include "cli/commands.h"
#include "cli/render_backtest.h"
#include "cli/render_json.h"
#include "cli/run_reference.h"
#include "cli/session.h"
#include "cli/wishes.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"
#include "common/units.h"
#include "host/observe/host_snapshot.h"
#include "traces/history_reader.h"

namespace jobward::cli {
namespace {

// As they are on the command line.
struct Flags {
  std::vector<std::string> traces;
  std::string order = "file";
  std::string objective = "safe";
  std::string confidence = "0.99";
  std::string ttf = "1";
  std::string features = "yes";
  std::string machine;
  std::string plot;
  bool cold = false;
  bool compare = false;
  bool json = false;
  bool skip_bad = false;
};

void declare(CLI::App& app, Flags& flags) {
  app.add_option("--trace", flags.traces,
                 "A history as in docs/traces.md, plain or gzip (repeatable); without it, your own "
                 "past runs")
      ->type_name("FILE.csv[.gz]")
      ->allow_extra_args(false);
  app.add_option("--order", flags.order,
                 "file: each run is learned from before the next (default); time: only when it had "
                 "finished")
      ->check(CLI::IsMember({"file", "time"}));
  app.add_option("--objective", flags.objective,
                 "safe: as few runs as possible are too small (default); lean: the least waste")
      ->check(CLI::IsMember({"safe", "lean"}));
  app.add_option("--confidence", flags.confidence, "Of safe: the share that must fit (0.99)")
      ->type_name("SHARE");
  app.add_option("--ttf", flags.ttf, "The share of its time after which a too small run fails (1)")
      ->type_name("SHARE");
  app.add_option("--features", flags.features, "no: input sizes and the like are not looked at")
      ->check(CLI::IsMember({"yes", "no"}));
  app.add_option("--machine", flags.machine,
                 "An unknown job is given half of it (128GB; of your own runs: this machine)")
      ->type_name("SIZE");
  app.add_flag("--cold", flags.cold, "Score every run, also the first of a kind and history rows");
  app.add_flag("--compare", flags.compare, "With what simple rules and the user's request cost");
  app.add_option("--plot", flags.plot, "Draw given against needed, and coverage over time")
      ->type_name("FILE.svg");
  app.add_flag("--skip-bad", flags.skip_bad, "Leave out what is broken in a trace, and tell");
  app.add_flag("--json", flags.json, "One JSON object instead of text");
  app.footer("Exit status: 0, or 2: usage, or a history that cannot be read.");
}

Result<backtest::ReplayOptions> options_of(const Flags& flags) {
  backtest::ReplayOptions out;
  out.order = flags.order == "time" ? backtest::Order::time : backtest::Order::file;
  out.question.objective = flags.objective == "lean" ? Objective::lean : Objective::safe;
  const auto confidence = parse_confidence(flags.confidence);
  if (!confidence) return rethrow(confidence.error(), "--confidence");
  out.question.confidence = *confidence;
  const auto ttf = parse_fraction(flags.ttf);
  if (!ttf || *ttf <= 0)
    return error(
        "use", "--ttf",
        printable(flags.ttf) + " is not a share above 0, and at most 1, such as 0.5 or 50%");
  out.question.failure.share = *ttf;
  if (!flags.machine.empty()) {
    const auto bytes = parse_bytes(flags.machine);
    if (!bytes) return rethrow(bytes.error(), "--machine");
    if (*bytes == 0) return error("use", "--machine", "0 is no size of a machine");
    out.machine_bytes = static_cast<double>(*bytes);
  }
  out.features = flags.features == "yes";
  out.cold = flags.cold;
  out.compare = flags.compare;
  out.skip_bad = flags.skip_bad;
  return out;
}

class Backtest {
 public:
  Backtest(const Flags& flags, backtest::ReplayOptions options) : flags_(flags) {
    report_.options = std::move(options);
  }
  Status replay_trace(const std::string& path);
  Status replay_store(const RunDesk& desk);
  // Prints the report; draws, if that was asked for.
  Status tell();

 private:
  Status add(std::string name, const profiles::PastRuns& next);
  [[nodiscard]] Status draw() const;

  const Flags& flags_;
  BacktestReport report_;
  std::vector<backtest::PlotPoint> points_;
};

Status Backtest::add(std::string name, const profiles::PastRuns& next) {
  backtest::OnScored on_scored;
  if (!flags_.plot.empty())
    on_scored = [this](double given, double needed) { points_.push_back({given, needed}); };
  auto replayed = backtest::replay(next, report_.options, on_scored);
  if (!replayed) return tl::unexpected(std::move(replayed).error());
  report_.total.merge(*replayed);
  report_.parts.push_back({std::move(name), *std::move(replayed), {}});
  return {};
}

Status Backtest::replay_trace(const std::string& path) {
  auto reader =
      traces::open_history(traces::HistoryFormat::csv, path, {.skip_bad = flags_.skip_bad});
  if (!reader) return tl::unexpected(std::move(reader).error());
  report_.options.name = path;
  JOBWARD_RETURN_IF_ERROR(add(path, [&reader] { return (*reader)->next(); }));
  report_.parts.back().reading = (*reader)->summary();
  return {};
}

Status Backtest::replay_store(const RunDesk& desk) {
  if (flags_.machine.empty()) {
    const auto snapshot = host::read_host_snapshot(desk.roots, desk.tree);
    if (!snapshot) return tl::unexpected(snapshot.error());
    report_.options.machine_bytes = static_cast<double>(snapshot->capacity());
  }
  auto runs = desk.records.store->past_runs();
  if (!runs) return tl::unexpected(std::move(runs).error());
  return add("your runs in " + desk.records.directory.path, *runs);
}

Status Backtest::draw() const {
  const bool safe = report_.options.question.objective == Objective::safe;
  std::string title = report_.parts.size() == 1
                          ? report_.parts[0].name
                          : std::to_string(report_.parts.size()) + " histories";
  title += ": " + std::string(to_string(report_.options.question.objective)) + ", " +
           std::to_string(points_.size()) + " runs";
  const auto confidence = safe ? std::optional(report_.options.question.confidence) : std::nullopt;
  return write_file_atomic(flags_.plot,
                           backtest::calibration_svg(points_, {std::move(title), confidence}));
}

Status Backtest::tell() {
  const auto text = flags_.json ? dump(backtest_json(report_), true) : backtest_text(report_);
  std::fputs(text.c_str(), stdout);
  return flags_.plot.empty() ? Status() : draw();
}

Status replay_all(Backtest& backtest, const Flags& flags) {
  for (const auto& path : flags.traces)
    JOBWARD_RETURN_IF_ERROR(backtest.replay_trace(path));
  return {};
}

}  // namespace

int backtest_command(const Arguments& arguments) {
  Flags flags;
  CLI::App app(
      "Replays a history and tells how well the estimates would have done. Starts nothing.",
      "backtest");
  set_usage(app, "jobward backtest [OPTIONS]");
  declare(app, flags);
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  if (arguments.command)
    return usage_error("backtest", "no command is expected here", exit_code::kUsage);
  auto options = options_of(flags);
  if (!options) return usage_error("backtest", options.error().message(), exit_code::kUsage);
  Backtest backtest(flags, *std::move(options));
  Status done;
  std::unique_ptr<RunDesk> desk;
  if (flags.traces.empty()) {
    desk = open_desk("backtest");
    if (!desk) return exit_code::kUsage;
    done = backtest.replay_store(*desk);
  } else {
    done = replay_all(backtest, flags);
  }
  if (done) done = backtest.tell();
  return done ? 0 : failure("backtest", done.error().message(), exit_code::kUsage);
}

}  // namespace jobward::cli
