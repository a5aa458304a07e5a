#include "cli/verify_options.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/child_program.h"
#include "cli/session.h"
#include "common/text.h"
#include "common/units.h"
#include "host/observe/cgroup_tree.h"
#include "host/observe/host_snapshot.h"
#include "profiles/accepted_rows.h"

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

// A check must not depend on what a job of the user's has in its environment by accident: only a
// directory that is there counts.
std::string spill_parent() {
  const auto wanted = environment_variable("TMPDIR");
  if (wanted && ::access(wanted->c_str(), W_OK | X_OK) == 0) return *wanted;
  return "/var/tmp";  // on disk, where /tmp may be memory
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
  const host::KernelRoots roots;
  auto tree = host::read_cgroup_tree(roots);
  if (!tree) return tl::unexpected(std::move(tree).error());
  auto snapshot = host::read_host_snapshot(roots, *tree);
  if (!snapshot) return tl::unexpected(std::move(snapshot).error());
  verify::Options out;
  if (limits.memory) {
    auto memory = verify_memory(*limits.memory);
    if (!memory) return tl::unexpected(std::move(memory).error());
    out.memory_cap = *memory;
  } else {
    // The other half is for whoever comes meanwhile.
    out.memory_cap = snapshot->available() / 2;
    if (out.memory_cap < verify::kLeastMemory)
      return error("check data within", format_bytes(static_cast<double>(out.memory_cap)),
                   "half of what is free; 128 MiB are needed: free some, or say --memory 128M to "
                   "take more than half");
  }
  out.threads = limits.threads.value_or(snapshot->cpus);
  out.samples = limits.samples;
  out.spill_parent = spill_parent();
  out.now = SystemClock().wall_ms();
  out.environment = environment_variable;
  if (const auto program = own_executable())
    out.program_directory = program->substr(0, program->rfind('/'));
  return out;
}

Result<verify::Report> verify_contract(const verify::Contract& contract, verify::Options options) {
  if (!compares_with_last(contract)) return verify::verify(contract, options);
  const SystemClock clock;
  const auto directory = profiles::choose_state_directory(::geteuid(), environment_variable);
  JOBWARD_RETURN_IF_ERROR(profiles::prepare_state_directory(directory.path, ::geteuid()));
  auto accepted = profiles::AcceptedRows::open(directory.path, clock, say);
  if (!accepted) return tl::unexpected(std::move(accepted).error());
  std::optional<Error> problem;
  options.last_accepted = [&](const std::string& check) -> std::optional<std::int64_t> {
    auto found = accepted->find(contract.project, contract.id, check);
    if (!found) problem = std::move(found).error();
    return found ? *found : std::nullopt;
  };
  auto report = verify::verify(contract, options);
  if (problem) return tl::unexpected(*problem);
  if (!report || report->exit_status() != 0 || report->accepted_rows.empty()) return report;
  JOBWARD_RETURN_IF_ERROR(
      accepted->accept(contract.project, contract.id, report->accepted_rows, clock.wall_ms()));
  return report;
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
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  constexpr double kShort = 1;  // nobody wonders yet
  if (!terminal_ || seconds < kShort) return true;
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
