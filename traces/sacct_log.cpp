#include "traces/sacct_log.h"

#include <algorithm>
#include <utility>

#include "common/text.h"
#include "traces/entry_reader.h"
#include "traces/sacct_fields.h"
#include "traces/table.h"

namespace jobward::traces {
namespace {

using profiles::PastRun;

constexpr const char* kBytesExpected = "a size such as 1234K, or bytes";
constexpr const char* kDurationExpected = "a duration as [DD-[HH:]]MM:SS";
constexpr const char* kTimeExpected = "a time such as 2024-01-02T03:04:05";

// The names as sacct spells them, in lower case.
struct Columns {
  Column id, cluster, name, state, submit, start, end, elapsed_raw, elapsed, rss, request, cpus,
      nodes, tasks, cpu, user, system, submit_line;

  Columns() = default;
  explicit Columns(const Header& header)
      : id(header.find("jobid")),
        cluster(header.find("cluster")),
        name(header.find("jobname")),
        state(header.find("state")),
        submit(header.find("submit")),
        start(header.find("start")),
        end(header.find("end")),
        elapsed_raw(header.find("elapsedraw")),
        elapsed(header.find("elapsed")),
        rss(header.find("maxrss")),
        request(header.find("reqmem")),
        cpus(header.find_any({"alloccpus", "ncpus", "reqcpus"})),
        nodes(header.find_any({"allocnodes", "nnodes"})),
        tasks(header.find("ntasks")),
        cpu(header.find("totalcpu")),
        user(header.find("usercpu")),
        system(header.find("systemcpu")),
        submit_line(header.find("submitline")) {}
};

// A job whose steps are being read.
struct OpenJob {
  std::string id;  // as in JobID
  PastRun run;     // without its memory
  const SlurmState* state = nullptr;
  std::optional<double> seconds;
  std::optional<double> cpu_seconds;
  std::optional<double> limit;  // of memory where it ran, at least
  std::optional<double> nodes;
  std::optional<double> rss;  // of the largest step
  bool many_tasks = false;    // in a step
  bool step_out_of_memory = false;
  std::string problem;  // that makes it broken, and the line of that
  std::size_t problem_line = 0;
};

class SacctLog final : public EntryReader {
 public:
  SacctLog(TextSource source, const HistoryOptions& options)
      : EntryReader(std::move(source), options) {}
  Status begin();

 protected:
  Result<Entry> read_entry() override;

 private:
  void split_line(std::string_view line);
  std::optional<Entry> take_line(std::size_t line);
  OpenJob read_job(Row& row, std::size_t line);
  void read_times(Row& row, OpenJob& job) const;
  void read_request(Row& row, OpenJob& job);
  void take_step(Row& row, std::string_view step, std::size_t line);
  Entry close();
  void observe_memory(OpenJob& job, Ending ending);

  std::vector<std::string_view> fields_;
  std::string header_line_;
  bool closed_by_bar_ = false;  // -p: each line ends with a separator
  Header header_;
  Columns columns_;
  SeenIds ids_;
  std::optional<OpenJob> open_;
};

void SacctLog::split_line(std::string_view line) {
  if (closed_by_bar_ && line.ends_with('|')) line.remove_suffix(1);
  split_fields(line, '|', fields_);
}

Status SacctLog::begin() {
  const auto line = next_filled_line();
  if (!line) return tl::unexpected(line.error());
  if (!*line) return unreadable(1, "no header: there is nothing but blank lines");
  const auto number = (*line)->number;
  header_line_ = (*line)->text;
  std::string lower = header_line_;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  closed_by_bar_ = lower.ends_with('|');
  split_line(lower);
  header_ = Header(fields_);
  columns_ = Columns(header_);
  if (!columns_.id || !columns_.name || !columns_.state)
    return unreadable(number,
                      "expected a header with JobID, JobName and State, separated by '|', as from "
                      "sacct --parsable2 --format=JobID,JobName,State,…");
  if (!columns_.rss && !columns_.elapsed && !columns_.elapsed_raw)
    return unreadable(number, "no column MaxRSS, ElapsedRaw or Elapsed; nothing is measured");
  if (const auto twice = header_.repeated())
    return unreadable(number, "column " + shown(*twice) + " is there twice");
  return {};
}

Result<Entry> SacctLog::read_entry() {
  while (true) {
    const auto line = next_filled_line();
    if (!line) return tl::unexpected(line.error());
    if (!*line) return open_ ? close() : Entry{EndOfHistory{}};
    if ((*line)->text == header_line_) continue;  // outputs that were put one after another
    split_line((*line)->text);
    if (auto entry = take_line((*line)->number)) return *std::move(entry);
  }
}

// Opens a job or adds to it; gives the job that is complete thereby.
std::optional<Entry> SacctLog::take_line(std::size_t line) {
  Row row(header_, fields_);
  const auto id = row.text(columns_.id);
  const auto dot = id.find('.');
  const bool step = dot != std::string_view::npos;
  const bool own_step = step && open_ && open_->id == id.substr(0, dot);
  if (auto problem = wrong_width(header_, fields_); !problem.empty()) {
    std::optional<Entry> before;
    if (!own_step) {  // a job, or who knows what
      if (open_) before = close();
      open_.emplace();
      open_->id = id;
    }
    if (open_->problem.empty()) {
      open_->problem = std::move(problem);
      open_->problem_line = line;
    }
    return before;
  }
  if (own_step)
    take_step(row, id.substr(dot + 1), line);
  else if (step)
    remark("a step whose job is not on the lines before it: not used", line);
  if (step) return std::nullopt;
  std::optional<Entry> before;
  if (open_) before = close();
  open_ = read_job(row, line);
  return before;
}

OpenJob SacctLog::read_job(Row& row, std::size_t line) {
  OpenJob job;
  const auto id = row.text(columns_.id);
  const auto name = row.text(columns_.name);
  if (id.empty()) row.reject(columns_.id, "the number of a job");
  if (name.empty()) row.reject(columns_.name, "a name");
  job.id = id;
  job.state = slurm_state(row.text(columns_.state));
  if (job.state == nullptr) row.reject(columns_.state, "a state such as COMPLETED or TIMEOUT");
  auto& run = job.run;
  run.source = to_string(HistoryFormat::sacct);
  run.line = line;
  run.job = printable(name);
  run.fingerprint = profiles::kind_fingerprint(name);
  run.command = submitted_command(row.text(columns_.submit_line));
  read_times(row, job);
  read_request(row, job);
  // The numbers of jobs begin anew some day, and a job that is started again keeps its own.
  const auto cluster = row.text(columns_.cluster);
  run.id = printable(cluster) + (cluster.empty() ? "" : "/") + printable(id);
  if (const auto when = run.started ? run.started : run.submitted)
    run.id += "@" + std::to_string(*when / 1000);
  job.rss = unless_zero(row.get(columns_.rss, binary_bytes, kBytesExpected));
  job.problem = row.problem();
  job.problem_line = line;
  return job;
}

void SacctLog::read_times(Row& row, OpenJob& job) const {
  const auto time = [&](Column column) -> std::optional<UnixMillis> {
    const auto text = row.text(column);
    if (text == "Unknown" || text == "None") return std::nullopt;
    return row.get(column, slurm_time, kTimeExpected);
  };
  job.run.submitted = time(columns_.submit);
  job.run.started = time(columns_.start);
  job.run.finished = time(columns_.end);
  job.seconds = row.get(columns_.elapsed_raw, plain_seconds, "seconds");
  const auto elapsed = row.get(columns_.elapsed, slurm_duration, kDurationExpected);
  if (!job.seconds) job.seconds = elapsed;
  const auto total = row.get(columns_.cpu, slurm_duration, kDurationExpected);
  const auto user = row.get(columns_.user, slurm_duration, kDurationExpected);
  const auto system = row.get(columns_.system, slurm_duration, kDurationExpected);
  job.cpu_seconds = total;
  if (!total && user && system) job.cpu_seconds = *user + *system;
  job.cpu_seconds = unless_zero(job.cpu_seconds);  // 0 is also what it says without accounting
}

void SacctLog::read_request(Row& row, OpenJob& job) {
  const auto request = row.get(columns_.request, slurm_memory_request,
                               "a size such as 16G, 16Gn (a node) or 4000Mc (a processor)");
  const auto cpus = unless_zero(row.get(columns_.cpus, slurm_count, "a number of processors"));
  job.nodes = unless_zero(row.get(columns_.nodes, slurm_count, "a number of nodes"));
  if (!request || request->bytes <= 0) return;
  using Per = MemoryRequest::Per;
  const auto how_many = request->per == Per::cpu    ? cpus
                        : request->per == Per::node ? job.nodes
                                                    : std::optional<double>(1);
  if (how_many)
    job.run.requested_bytes = request->bytes * *how_many;
  else
    remark(std::string("ReqMem is for a ") +
               (request->per == Per::cpu ? "processor and AllocCPUS" : "node and NNodes") +
               " is not there: the request is left out",
           job.run.line);
  // On each node, where there are several.
  if (request->per == Per::node)
    job.limit = request->bytes;
  else
    job.limit = job.run.requested_bytes;
}

void SacctLog::take_step(Row& row, std::string_view step, std::size_t line) {
  auto& job = *open_;
  // What is in "extern" (logins, the prolog) is not the job's.
  if (step == "extern" || !job.problem.empty()) return;
  const auto rss = unless_zero(row.get(columns_.rss, binary_bytes, kBytesExpected));
  const auto tasks = row.get(columns_.tasks, slurm_count, "a number of tasks");
  if (tasks && *tasks > 1) job.many_tasks = true;
  if (rss) job.rss = std::max(job.rss.value_or(0), *rss);
  if (row.text(columns_.state).starts_with("OUT_OF_ME")) job.step_out_of_memory = true;
  if (!columns_.tasks && rss)
    remark("NTasks is not there: MaxRSS is taken as that of a step's only task", job.run.line);
  job.problem = row.problem();
  job.problem_line = line;
}

Entry SacctLog::close() {
  OpenJob job = *std::move(open_);
  open_.reset();
  if (!job.problem.empty()) return Broken{job.problem, job.problem_line};
  if (!job.state->ending) return LeftOut{std::string(job.state->why), job.run.line};
  if (!ids_.add(job.run.id)) return LeftOut{"told twice in this file", job.run.line};
  const auto ending = job.step_out_of_memory ? Ending::at_memory_limit : *job.state->ending;
  observe_memory(job, ending);
  observe(job.run.observation, Resource::wall, job.seconds, ending);
  observe(job.run.observation, Resource::cpu_time, job.cpu_seconds, ending);
  if (job.run.observation.used.empty()) remark("nothing is measured of it", job.run.line);
  doubt_times(job.run);
  return std::move(job.run);
}

void SacctLog::observe_memory(OpenJob& job, Ending ending) {
  if (job.many_tasks || job.nodes.value_or(1) > 1) {
    remark(
        "MaxRSS is that of one task and the job had several (or several nodes): its memory is "
        "left out",
        job.run.line);
    return;
  }
  auto memory = job.rss;
  if (ending == Ending::at_memory_limit && job.limit)
    memory = std::max(memory.value_or(0), *job.limit);
  if (!memory)
    remark("no MaxRSS in the job or its steps (sacct -X leaves the steps out)", job.run.line);
  observe(job.run.observation, Resource::memory, memory, ending);
}

}  // namespace

Result<std::unique_ptr<HistoryReader>> read_sacct_log(TextSource source,
                                                      const HistoryOptions& options) {
  auto reader = std::make_unique<SacctLog>(std::move(source), options);
  JOBWARD_RETURN_IF_ERROR(reader->begin());
  return reader;
}

}  // namespace jobward::traces
