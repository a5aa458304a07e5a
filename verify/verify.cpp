#include "verify/verify.h"

#include <algorithm>
#include <chrono>
#include <new>

#include "common/text.h"
#include "verify/examination.h"
#include "verify/loading.h"
#include "verify/progress_label.h"
#include "verify/spill_directory.h"
#include "verify/sql.h"

namespace jobward::verify {
namespace {

using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

// Memory that our own code wants and does not get ends like the engine's.
template <class Work>
auto within_memory(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return out_of_memory_error("it needs more; allow more with --memory");
  }
}

class Verification {
 public:
  Verification(const Contract& contract, const Options& options)
      : contract_(contract), options_(options), csv_buffer_(csv_buffer(options.memory_cap)) {}

  Result<Report> run() {
    const auto begin = Steady::now();
    begin_report();
    JOBWARD_RETURN_IF_ERROR(find_all());
    if (std::any_of(contract_.checks.begin(), contract_.checks.end(), needs_engine))
      JOBWARD_RETURN_IF_ERROR(open_engine());
    if (engine_) JOBWARD_RETURN_IF_ERROR(describe_all());
    prepare_all();
    JOBWARD_RETURN_IF_ERROR(scan_all());
    JOBWARD_RETURN_IF_ERROR(judge_all());
    // The digests come before the last look: they are of what was checked, or of nothing.
    JOBWARD_RETURN_IF_ERROR(digest_all());
    look_again();
    take_facts();
    report_.seconds = seconds_since(begin);
    return std::move(report_);
  }

 private:
  // The engine's own choice, 32 MB a thread, is too much for a small cap; a line has 2 MB at most.
  static std::uint64_t csv_buffer(std::uint64_t cap) {
    constexpr std::uint64_t kEnough = 1U << 30U;
    return cap >= kEnough ? 0 : std::max<std::uint64_t>(engine_memory(cap) / 16, 2100000);
  }

  void begin_report() {
    report_.contract = contract_.id;
    report_.path = contract_.path;
    report_.contract_sha256 = contract_.sha256;
    report_.project = contract_.project;
    report_.started = options_.now;
    report_.memory_cap = options_.memory_cap;
    context_.datasets = &opened_;
    context_.contract = &contract_;
    context_.samples = options_.samples;
    context_.now = options_.now;
    context_.last_accepted = options_.last_accepted;
    context_.tick = [this](std::optional<double> percent) { return tick(percent); };
  }

  // As often as the engine's watcher does, while that one rests.
  bool tick(std::optional<double> percent) {
    constexpr double kBetween = 0.1;
    if (!options_.progress || seconds_since(ticked_) < kBetween) return true;
    ticked_ = Steady::now();
    return options_.progress(label_.get(), percent);
  }

  // Only the datasets that a check uses.
  Status find_all() {
    for (const auto& check : contract_.checks)
      for (const auto& name : datasets_of(check)) {
        const auto [entry, is_new] = opened_.try_emplace(name);
        if (!is_new) continue;
        order_.push_back(name);
        label_.set("files of " + name);
        const auto* dataset = contract_.dataset(name);
        auto source = find_source(*dataset, contract_.directory, context_.tick);
        if (!source && is_interrupted(source.error()))
          return tl::unexpected(std::move(source).error());
        if (source)
          entry->second.source = std::move(*source);
        else
          entry->second.problem = std::move(source).error();
        entry->second.source.spec = dataset;
        entry->second.source.csv_buffer = csv_buffer_;
        entry->second.logs = logs_of(entry->second.source);
      }
    return {};
  }

  static std::vector<FileFacts> logs_of(const Source& source) {
    if (source.spec->format != Format::sqlite || source.files.empty()) return {};
    return sqlite_logs(source.files.front());
  }

  Status open_engine() {
    auto library =
        DuckdbLibrary::load(library_places(options_.environment, options_.program_directory));
    if (!library) return tl::unexpected(std::move(library).error());
    report_.engine_version = library->version();
    report_.engine_path = library->path();
    auto spill = SpillDirectory::make(options_.spill_parent);
    if (!spill) return tl::unexpected(std::move(spill).error());
    spill_.emplace(std::move(*spill));
    EngineSettings settings;
    settings.memory_limit = engine_memory(options_.memory_cap);
    settings.threads = options_.threads;
    settings.spill_directory = spill_->path();
    settings.spill_limit = options_.spill_limit;
    if (options_.progress)
      settings.progress = [this](std::optional<double> percent) {
        return options_.progress(label_.get(), percent);
      };
    auto engine = Engine::open(*library, settings);
    if (!engine) return tl::unexpected(std::move(engine).error());
    engine_ = std::move(*engine);
    context_.engine = engine_.get();
    std::vector<std::string> files;
    for (const auto& [name, one] : opened_)
      for (const auto& file : one.source.files)
        files.push_back(file.path);
    return engine_->lock_down(files);
  }

  Status describe_all() {
    for (const auto& name : order_) {
      auto& one = opened_.at(name);
      if (one.problem) continue;
      label_.set("columns of " + name);
      auto described = within_memory([&] { return describe_source(*engine_, one.source); });
      if (!described && is_interrupted(described.error())) return described;
      if (!described) one.problem = std::move(described).error();
    }
    return {};
  }

  std::optional<Error> problem_of(const Check& check) {
    for (const auto& name : datasets_of(check)) {
      const auto& one = opened_.at(name);
      if (one.problem) return Error(*one.problem).with_context("dataset " + name);
      // The digests of files and the comparison of schemas work on any of them.
      const bool any = std::holds_alternative<SchemaMatch>(check.demand) || !needs_engine(check);
      if (!any && !one.source.differences.empty())
        return error("read", "the files of " + name + " as one table", one.source.differences[0])
            .value();
    }
    return std::nullopt;
  }

  void prepare_all() {
    for (const auto& check : contract_.checks) {
      auto& ready = ready_.emplace_back();
      ready.problem = problem_of(check);
      if (ready.problem) continue;
      for (const auto& name : datasets_of(check))
        opened_.at(name).scan.begin_check(ready_.size() - 1);
      auto judge = within_memory([&] {
        return std::visit([&](const auto& demand) { return prepare(context_, check, demand); },
                          check.demand);
      });
      if (judge)
        ready.judge = std::move(*judge);
      else
        ready.problem = std::move(judge).error();
      if (ready.judge && needs_engine(check))
        for (const auto& name : datasets_of(check))
          ++opened_.at(name).scan.users;
    }
  }

  Status scan_one(const std::string& name, Opened& one) {
    label_.set("reading " + name);
    JOBWARD_RETURN_IF_ERROR(load_if_needed(*engine_, one));
    if (!one.scan.empty()) JOBWARD_RETURN_IF_ERROR(one.scan.run(*engine_, one.source));
    if (!one.whole) return {};
    return engine_->execute("CREATE TEMP VIEW " + sql_name(name) + " AS SELECT * FROM " +
                            one.source.relation);
  }

  Status scan_all() {
    if (!engine_) return {};
    for (const auto& name : order_) {
      auto& one = opened_.at(name);
      if (one.problem) continue;
      auto done = within_memory([&] { return scan_one(name, one); });
      if (!done && is_interrupted(done.error())) return done;
      if (!done) one.problem = std::move(done).error();
    }
    return {};
  }

  Status judge_all() {
    for (std::size_t i = 0; i < contract_.checks.size(); ++i) {
      const auto& check = contract_.checks[i];
      label_.set("check " + check.id);
      if (!ready_[i].problem) ready_[i].problem = problem_of(check);
      for (const auto& name : datasets_of(check))
        if (!ready_[i].problem) ready_[i].problem = opened_.at(name).scan.problem_of(i);
      if (!ready_[i].problem) ready_[i].problem = misfit_of(context_, check);
      auto result = judged(check, ready_[i]);
      if (!result) return tl::unexpected(std::move(result).error());
      report_.checks.push_back(std::move(*result));
    }
    return {};
  }

  CheckResult blank(const Check& check) {
    CheckResult out;
    out.id = check.id;
    out.primitive = primitive_name(check.demand);
    out.datasets = datasets_of(check);
    out.declared = check.severity;
    out.effective = check.severity;
    return out;
  }

  static void make_error(CheckResult& out, const Error& problem) {
    out.state = State::error;
    out.effective = Severity::hard_fail;
    out.message = "not checked: " + problem.message();
  }

  struct Ready {
    Judge judge;
    std::optional<Error> problem;
  };

  Error explained(const Check& check, const Error& problem) {
    Error out = problem;
    for (const auto& name : datasets_of(check))
      if (engine_)
        out = located(*engine_, opened_.at(name).source, misfit_behind(opened_.at(name), out));
    return out;
  }

  // An error: everything ends.
  Result<CheckResult> judged(const Check& check, const Ready& ready) {
    auto out = blank(check);
    if (ready.problem) {
      make_error(out, explained(check, *ready.problem));
      return out;
    }
    const auto begin = Steady::now();
    auto outcome = within_memory([&] { return ready.judge(context_); });
    out.seconds = seconds_since(begin);
    if (!outcome && is_interrupted(outcome.error()))
      return tl::unexpected(std::move(outcome).error());
    if (!outcome) {
      make_error(out, explained(check, outcome.error()));
      return out;
    }
    add_scan_time(check, out);
    out.state = outcome->passed ? State::passed : State::failed;
    out.observed = std::move(outcome->observed);
    out.threshold = std::move(outcome->threshold);
    out.rows = outcome->rows;
    out.failing = outcome->failing;
    if (out.rows && out.failing && *out.rows > 0)
      out.rate = static_cast<double>(*out.failing) / static_cast<double>(*out.rows);
    out.samples = std::move(outcome->samples);
    out.message = std::move(outcome->message);
    out.details = std::move(outcome->details);
    const auto* rows = std::get_if<RowCountParity>(&check.demand);
    if (rows != nullptr && rows->last_accepted && outcome->passed && out.rows)
      report_.accepted_rows.emplace_back(check.id, *out.rows);
    return out;
  }

  void add_scan_time(const Check& check, CheckResult& out) {
    if (!needs_engine(check)) return;
    for (const auto& name : out.datasets) {
      const auto& scan = opened_.at(name).scan;
      out.seconds += scan.seconds;
      out.shared_scan = out.shared_scan || (scan.users > 1 && scan.seconds > 0);
    }
  }

  // Whatever was said about files that changed meanwhile is taken back.
  void look_again() {
    for (const auto& name : order_) {
      auto& one = opened_.at(name);
      if (one.problem) continue;
      if (auto same = still_the_same(one.source.files); !same)
        one.problem = std::move(same).error();
      else if (logs_of(one.source) != one.logs)
        one.problem = error("check", one.source.files[0].shown,
                            "its log was written while it was read; check again when nobody "
                            "writes it")
                          .value();
      if (!one.problem) continue;
      one.digest.reset();
      for (auto& check : report_.checks)
        if (std::find(check.datasets.begin(), check.datasets.end(), name) != check.datasets.end() &&
            check.state != State::error)
          make_error(check, *one.problem);
    }
  }

  // Of those files that could be read so far.
  Status digest_all() {
    for (const auto& name : order_) {
      auto& one = opened_.at(name);
      if (one.source.files.empty() || !one.logs.empty()) continue;
      label_.set("digest of " + name);
      auto digest = digest_of(one.source.files, one.source.spec->digest_content, context_.tick);
      if (!digest && is_interrupted(digest.error()))
        return tl::unexpected(std::move(digest).error());
      if (digest) one.digest = std::move(*digest);
    }
    return {};
  }

  void take_facts() {
    for (const auto& name : order_) {
      const auto& one = opened_.at(name);
      DatasetFacts facts;
      facts.name = name;
      facts.file_count = one.source.files.size();
      for (const auto& file : one.source.files) {
        if (facts.files.size() < kShownFiles) facts.files.push_back(file.shown);
        facts.bytes += file.bytes;
      }
      if (one.problem) facts.problem = one.problem->message();
      facts.digest = one.digest;
      if (!one.logs.empty())
        facts.no_digest = one.logs[0].shown + " has content that the file alone does not have";
      facts.scans = one.source.scans;
      facts.rows = one.source.rows;
      for (const auto& check : report_.checks)
        if (!facts.rows && check.rows && check.datasets.front() == name &&
            check.primitive != "key_alignment")
          facts.rows = check.rows;
      report_.datasets.push_back(std::move(facts));
    }
  }

  const Contract& contract_;
  const Options& options_;
  const std::uint64_t csv_buffer_;
  Report report_;
  CheckContext context_;
  std::map<std::string, Opened> opened_;
  std::vector<std::string> order_;
  std::vector<Ready> ready_;
  std::optional<SpillDirectory> spill_;
  ProgressLabel label_;
  Steady::time_point ticked_ = Steady::now();
  std::unique_ptr<Engine> engine_;  // last: it uses the two above until it is gone
};

}  // namespace

std::uint64_t engine_memory(std::uint64_t cap) {
  constexpr std::uint64_t kProgram = 64U << 20U;
  return (std::max(cap, kLeastMemory) - kProgram) / 2;
}

Result<Report> verify(const Contract& contract, const Options& options) {
  if (options.memory_cap < kLeastMemory)
    return error("check data within", std::to_string(options.memory_cap) + " bytes of memory",
                 "at least 128 MiB are needed");
  return Verification(contract, options).run();
}

}  // namespace jobward::verify
