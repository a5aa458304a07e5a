#include "traces/sacct_fields.h"

#include <algorithm>
#include <array>

#include "common/text.h"
#include "traces/fields.h"

namespace jobward::traces {
namespace {

constexpr std::array kStates{
    SlurmState{"COMPLETED", Ending::complete, ""},
    SlurmState{"OUT_OF_MEMORY", Ending::at_memory_limit, ""},
    SlurmState{"FAILED", Ending::early, ""},
    SlurmState{"TIMEOUT", Ending::early, ""},
    SlurmState{"DEADLINE", Ending::early, ""},
    SlurmState{"CANCELLED", std::nullopt, "CANCELLED: ended from outside"},
    SlurmState{"PREEMPTED", std::nullopt, "PREEMPTED: ended from outside"},
    SlurmState{"REVOKED", std::nullopt, "REVOKED: ended from outside"},
    SlurmState{"NODE_FAIL", std::nullopt, "NODE_FAIL: its machine failed"},
    SlurmState{"BOOT_FAIL", std::nullopt, "BOOT_FAIL: its machine failed"},
    SlurmState{"LAUNCH_FAILED", std::nullopt, "LAUNCH_FAILED: it never started"},
    SlurmState{"REQUEUED", std::nullopt, "REQUEUED: it was started again"},
    SlurmState{"PENDING", std::nullopt, "PENDING: it has not started yet"},
    SlurmState{"RUNNING", std::nullopt, "RUNNING: it is not over yet"},
    SlurmState{"COMPLETING", std::nullopt, "COMPLETING: it is not over yet"},
    SlurmState{"RESIZING", std::nullopt, "RESIZING: it is not over yet"},
    SlurmState{"SUSPENDED", std::nullopt, "SUSPENDED: it is not over yet"}};

bool lists(std::string_view blank_separated, std::string_view word) {
  for (const auto known : split(blank_separated, ' '))
    if (known == word) return true;
  return false;
}

// Of sbatch and srun (their manuals), those that are common; a word follows.
constexpr std::string_view kTakesWord =
    "-A -a -b -C -c -D -d -e -G -i -J -L -M -m -N -n -o -p -q -t -w -x "
    "--account --array --begin --chdir --clusters --comment --constraint --cpus-per-gpu "
    "--cpus-per-task --deadline --dependency --error --exclude --export --gpus --gpus-per-node "
    "--gpus-per-task --gres --input --job-name --licenses --mail-type --mail-user --mem "
    "--mem-per-cpu --mem-per-gpu --nice --nodelist --nodes --ntasks --ntasks-per-node "
    "--open-mode --output --partition --priority --qos --reservation --signal --time --time-min";
constexpr std::string_view kAlone =
    "-H -h -k -K -l -O -Q -s -u -v -W --contiguous --exclusive --hold --label --no-kill "
    "--no-requeue --overcommit --oversubscribe --parsable --pty --quiet --requeue --unbuffered "
    "--verbose --wait";

// How many words the option in front takes; absent: who knows.
std::optional<std::size_t> option_words(std::string_view word) {
  const auto equals = word.find('=');
  if (lists(kAlone, word)) return 1;
  if (lists(kTakesWord, word)) return 2;
  const bool long_one = word.starts_with("--");
  if (long_one && equals != std::string_view::npos)
    return word.starts_with("--wrap") ? std::nullopt : std::optional<std::size_t>(1);
  const bool joined = !long_one && word.size() > 2 && lists(kTakesWord, word.substr(0, 2));
  return joined ? std::optional<std::size_t>(1) : std::nullopt;  // -n4
}

}  // namespace

std::optional<double> slurm_duration(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return clock_seconds(text);
  const auto days = plain_number(text.substr(0, dash));
  const auto rest = clock_seconds(text.substr(dash + 1));
  if (!days || !rest || *days < 0 || *days * 86400 + *rest > kMostSeconds) return std::nullopt;
  return *days * 86400 + *rest;
}

std::optional<UnixMillis> slurm_time(std::string_view text) {
  if (const auto seconds = plain_seconds(text)) return plain_millis(text).value_or(0) * 1000;
  return civil_time(text);
}

std::optional<double> slurm_count(std::string_view text) {
  const auto value = plain_number(text);
  if (!value || *value < 0 || *value > 1e8) return std::nullopt;
  return value;
}

std::optional<MemoryRequest> slurm_memory_request(std::string_view text) {
  MemoryRequest request;
  if (text.ends_with('c')) request.per = MemoryRequest::Per::cpu;
  if (text.ends_with('n')) request.per = MemoryRequest::Per::node;
  if (request.per != MemoryRequest::Per::job) text.remove_suffix(1);
  const auto bytes = binary_bytes(text);
  if (!bytes) return std::nullopt;
  request.bytes = *bytes;
  return request;
}

const SlurmState* slurm_state(std::string_view text) {
  const auto name = text.substr(0, text.find_first_of(" +"));
  const auto* found = std::find_if(kStates.begin(), kStates.end(),
                                   [&](const SlurmState& state) { return state.name == name; });
  return found == kStates.end() ? nullptr : found;
}

std::vector<std::string> submitted_command(std::string_view submit_line) {
  if (submit_line.find('\0') != std::string_view::npos) return {};
  auto words = split_blanks(submit_line);
  if (words.empty()) return {};
  const auto tool = words[0].substr(words[0].rfind('/') + 1);
  if (tool != "sbatch" && tool != "srun") return {};
  std::size_t at = 1;
  while (at < words.size() && words[at].starts_with('-')) {
    const auto taken = option_words(words[at]);
    if (!taken) return {};
    at += *taken;
  }
  words.erase(words.begin(),
              words.begin() + static_cast<std::ptrdiff_t>(std::min(at, words.size())));
  return words;
}

}  // namespace jobward::traces
