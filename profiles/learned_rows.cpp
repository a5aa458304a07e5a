#include "profiles/learned_rows.h"

#include <utility>

#include "profiles/lesson_rows.h"

namespace jobward::profiles {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr const char* kSelectState =
    "SELECT blob FROM states WHERE version=? AND level=? AND key=?";

}  // namespace

Result<Learning> read_learning(Database& db) {
  auto select = db.prepare("SELECT version, last, learned, uncounted FROM learning");
  if (!select) return tl::unexpected(std::move(select).error());
  auto row = select->step();
  if (!row) return tl::unexpected(std::move(row).error());
  if (!*row) return error("read", "what was learned", "the table `learning` is empty");
  return Learning{select->maybe_integer(0), select->integer(1), select->integer(2),
                  select->integer(3)};
}

Status write_learning(Database& db, const Learning& learning) {
  auto update = db.prepare("UPDATE learning SET version=?, last=?, learned=?");
  if (!update) return tl::unexpected(std::move(update).error());
  return update->bind(learning.version).bind(learning.last).bind(learning.learned).run();
}

Result<std::vector<LearnedState>> read_states(Database& db, std::int64_t version,
                                              const Fingerprint& fingerprint) {
  auto select = db.prepare(kSelectState);
  if (!select) return tl::unexpected(std::move(select).error());
  std::vector<LearnedState> out;
  for (const auto level : kLevels) {
    const auto key = fingerprint.key(level);
    out.push_back({level, {}});
    if (key.empty()) continue;
    auto row = select->reset().bind(version).bind(to_string(level)).bind(key).step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (*row) out.back().blob = select->text(0);
  }
  return out;
}

Result<std::string> StateCache::state(Level level, const std::string& key) {
  if (key.empty()) return std::string();
  auto& states = states_[level];
  if (const auto found = states.find(key); found != states.end()) return found->second;
  if (stored_ == nullptr) return std::string();
  if (!select_) {
    auto prepared = stored_->prepare(kSelectState);
    if (!prepared) return tl::unexpected(std::move(prepared).error());
    select_ = std::move(*prepared);
  }
  const auto version = static_cast<std::int64_t>(learner_.version);
  auto row = select_->reset().bind(version).bind(to_string(level)).bind(key).step();
  if (!row) return tl::unexpected(std::move(row).error());
  std::string blob = *row ? select_->text(0) : std::string();
  select_->reset();
  return blob;
}

Status StateCache::learn(const Fingerprint& fingerprint, const Observation& observation) {
  std::vector<LearnedState> old;
  for (const auto level : kLevels) {
    auto blob = state(level, fingerprint.key(level));
    if (!blob) return tl::unexpected(std::move(blob).error());
    old.push_back({level, std::move(*blob)});
  }
  auto now = learner_.learn(old, observation);
  for (std::size_t i = 0; i < old.size(); ++i)
    if (auto key = fingerprint.key(old[i].level); !key.empty())
      states_[old[i].level].insert_or_assign(std::move(key), std::move(now.at(i)));
  return {};
}

Result<std::size_t> StateCache::write(Database& db, std::size_t most) {
  if (!insert_) {
    auto prepared = db.prepare(
        "INSERT INTO states(version, level, key, blob) VALUES(?, ?, ?, ?)"
        " ON CONFLICT(version, level, key) DO UPDATE SET blob=excluded.blob");
    if (!prepared) return tl::unexpected(std::move(prepared).error());
    insert_ = std::move(*prepared);
  }
  std::size_t written = 0;
  for (auto& [level, states] : states_)
    for (auto it = states.begin(); it != states.end() && written < most; it = states.erase(it)) {
      insert_->reset().bind(static_cast<std::int64_t>(learner_.version)).bind(to_string(level));
      JOBWARD_RETURN_IF_ERROR(insert_->bind(it->first).bind_blob(it->second).run());
      ++written;
    }
  insert_->reset();
  return written;
}

Status teach(Database& db, const Learner& learner, const std::string& id,
             const Observation& observation) {
  auto learning = read_learning(db);
  if (!learning) return tl::unexpected(std::move(learning).error());
  ++learning->last;
  auto number = db.prepare(
      "UPDATE runs SET learned_order=? WHERE id=? RETURNING fp_exact, fp_masked, fp_program");
  if (!number) return tl::unexpected(std::move(number).error());
  auto row = number->bind(learning->last).bind(id).step();
  if (!row) return tl::unexpected(std::move(row).error());
  const Fingerprint fingerprint{number->text(0), number->text(1), number->text(2)};
  number->reset();
  if (learner.learn && learning->is_of(learner)) {
    learning->version = learner.version;
    if (learning->learned + 1 != learning->last) {
      JOBWARD_RETURN_IF_ERROR(catch_up(db, learner, *learning));
    } else {
      StateCache states(learner, &db);
      JOBWARD_RETURN_IF_ERROR(states.learn(fingerprint, observation));
      if (auto written = states.write(db); !written)
        return tl::unexpected(std::move(written).error());
      learning->learned = learning->last;
    }
  }
  return write_learning(db, *learning);
}

Status catch_up(Database& db, const Learner& learner, Learning& learning) {
  if (learning.learned == learning.last) return {};
  auto rows = LessonRows::after(db, learning.learned);
  if (!rows) return tl::unexpected(std::move(rows).error());
  StateCache states(learner, &db);
  while (true) {
    auto lesson = rows->next();
    if (!lesson) return tl::unexpected(std::move(lesson).error());
    if (!*lesson) break;
    JOBWARD_RETURN_IF_ERROR(states.learn((*lesson)->fingerprint, (*lesson)->observation));
  }
  if (auto written = states.write(db); !written) return tl::unexpected(std::move(written).error());
  learning.learned = learning.last;
  return {};
}

}  // namespace jobward::profiles
