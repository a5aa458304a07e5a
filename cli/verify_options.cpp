#include "cli/verify_options.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/child_program.h"
#include "cli/own_process.h"
#include "cli/session.h"
#include "common/text.h"
#include "common/units.h"
#include "launcher/gatehouse.h"
#include "profiles/accepted_rows.h"
#include "verify/duckdb_library.h"
#include "verify/spill_directory.h"

namespace jobward::cli {
namespace {

sigset_t held_signals() {
  sigset_t set{};
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    sigaddset(&set, number);
  return set;
}

bool compares_with_last(const verify::Contract& contract) {
  return std::any_of(contract.checks.begin(), contract.checks.end(), [](const verify::Check& one) {
    const auto* rows = std::get_if<verify::RowCountParity>(&one.demand);
    return rows != nullptr && rows->last_accepted;
  });
}

Result<profiles::AcceptedRows> open_accepted() {
  const auto directory = profiles::choose_state_directory(::geteuid(), environment_variable);
  JOBWARD_RETURN_IF_ERROR(profiles::prepare_state_directory(directory.path, ::geteuid()));
  return profiles::AcceptedRows::open(directory.path, SystemClock(), say);
}

// A check must not depend on what a job of the user's has in its environment by accident: only a
// directory that is there counts.
std::string spill_parent() {
  const auto wanted = environment_variable("TMPDIR");
  if (wanted && ::access(wanted->c_str(), W_OK | X_OK) == 0) return *wanted;
  return "/var/tmp";  // on disk, where /tmp may be memory
}

std::string program_directory() {
  const auto program = own_executable();
  return program ? program->substr(0, program->rfind('/')) : std::string();
}

// The other half is for whoever comes meanwhile. As admission sees it: what running jobs have
// reserved is theirs, but for `run`, which waits for this check.
Result<std::uint64_t> half_of_what_is_free(Session& session, const std::string& run) {
  session.records = open_records(session.clock);
  std::vector<profiles::OpenRun> open;
  if (session.records.store)
    if (auto runs = session.records.store->open_runs(); runs) open = std::move(*runs);
  std::erase_if(open, [&](const profiles::OpenRun& one) { return one.id == run; });
  launcher::RunOrder nobody;
  for (const char* name : {"JOBWARD_RUN_ID", "JOBWARD_MEM_LIMIT"})  // the run around us
    if (const auto value = environment_variable(name))
      nobody.environment.push_back(std::string(name) + "=" + *value);
  const auto shop = session.workshop();
  const launcher::Gatehouse house(nobody, shop);
  const double free = launcher::tightest(house.scenes(open, "")).free();
  const auto half = session.snapshot.available() / 2;
  const auto unpromised = static_cast<std::uint64_t>(std::min(free / 2, static_cast<double>(half)));
  // Where all is promised, what is there may still be enough for the least.
  const auto cap = std::max(unpromised, std::min<std::uint64_t>(verify::kLeastMemory, half));
  if (cap >= verify::kLeastMemory) return cap;
  return error("check data within", format_bytes(static_cast<double>(cap)),
               "half of what is free; 128 MiB are needed: free some, or say --memory 128M to "
               "take more than half");
}

}  // namespace

Result<std::uint64_t> verify_memory(const std::string& text) {
  auto bytes = parse_bytes(text);
  if (!bytes) return bytes;
  if (*bytes < verify::kLeastMemory)
    return error("check data within", printable(text),
                 format_bytes(static_cast<double>(verify::kLeastMemory)) + " are needed at least");
  return bytes;
}

Result<verify::Options> verify_options(const VerifyLimits& limits) {
  auto session = open_session();
  if (!session) return tl::unexpected(std::move(session).error());
  verify::Options out;
  auto memory =
      limits.memory ? verify_memory(*limits.memory) : half_of_what_is_free(**session, limits.run);
  if (!memory) return tl::unexpected(std::move(memory).error());
  out.memory_cap = *memory;
  out.threads = limits.threads.value_or((*session)->snapshot.cpus);
  out.samples = limits.samples;
  out.spill_parent = spill_parent();
  auto spill = limits.spill ? parse_bytes(*limits.spill) : verify::free_on_disk(out.spill_parent);
  if (!spill) return tl::unexpected(std::move(spill).error());
  out.spill_limit = limits.spill ? *spill : *spill / 2;
  out.now = SystemClock().wall_ms();
  out.environment = environment_variable;
  out.program_directory = program_directory();
  return out;
}

Status find_engine() {
  return verify::engine_is_there(verify::library_places(environment_variable, program_directory()));
}

Result<verify::Report> verify_contract(const verify::Contract& contract, const std::string& project,
                                       verify::Options options) {
  const MemoryCap cap(options.memory_cap, options.threads);
  if (!cap.problem().empty())
    say("verify: its memory is NOT held to the cap, only the engine's own accounting is: " +
        cap.problem());
  if (!compares_with_last(contract)) return verify::verify(contract, options);
  auto accepted = open_accepted();
  if (!accepted) return tl::unexpected(std::move(accepted).error());
  std::optional<Error> problem;
  options.last_accepted = [&](const std::string& check) -> std::optional<std::int64_t> {
    auto found = accepted->find(project, contract.id, check);
    if (found) return *found;
    problem = std::move(found).error();
    return std::nullopt;
  };
  auto report = verify::verify(contract, options);
  if (problem) return tl::unexpected(*problem);
  return report;
}

Status accept_counts(const verify::Report& report, const std::string& project) {
  if (report.exit_status() != 0 || report.accepted_rows.empty()) return {};
  auto accepted = open_accepted();
  if (!accepted) return tl::unexpected(std::move(accepted).error());
  return accepted->accept(project, report.contract, report.accepted_rows, SystemClock().wall_ms());
}

VerifyWatch::VerifyWatch() : terminal_(::isatty(STDERR_FILENO) == 1) {
  const auto set = held_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

VerifyWatch::~VerifyWatch() {
  clear();
  const auto set = held_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void VerifyWatch::take_signal() {
  const auto set = held_signals();
  const timespec at_once{0, 0};
  const int number = ::sigtimedwait(&set, nullptr, &at_once);
  if (number > 0) signal_ = number;
}

int VerifyWatch::signal() {
  if (signal_ == 0) take_signal();
  return signal_;
}

bool VerifyWatch::tick(const std::string& what, std::optional<double> percent) {
  if (signal() != 0) return false;
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  constexpr double kShort = 1;  // nobody wonders yet
  constexpr auto kBetween = std::chrono::milliseconds(50);
  if (!terminal_ || seconds < kShort || now - drawn_at_ < kBetween) return true;
  drawn_at_ = now;
  std::string line = "\r\x1b[Kverify: " + printable(what);
  if (percent) line += ", " + std::to_string(static_cast<int>(std::floor(*percent))) + " %";
  line += ", " + format_duration(seconds);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
  return true;
}

void VerifyWatch::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

}  // namespace jobward::cli
