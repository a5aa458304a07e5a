#include "verify/engine.h"

#include <array>
#include <chrono>

#include "common/log.h"
#include "common/text.h"
#include "verify/sql.h"
#include "verify/text_shapes.h"

namespace jobward::verify {
namespace {

using duckdb::kSuccess;

constexpr const char* kOutOfMemory = "stay";
constexpr const char* kInterrupted = "finish";
constexpr auto kTick = std::chrono::milliseconds(100);

bool is_valid(const std::uint64_t* validity, duckdb::Index row) {
  return validity == nullptr || ((validity[row / 64] >> (row % 64)) & 1U) != 0;
}

Cell cell_of(const duckdb::Text* texts, const std::uint64_t* validity, duckdb::Index row) {
  if (!is_valid(validity, row)) return std::nullopt;
  const auto& text = texts[row];
  const auto length = text.inlined.length;
  return std::string(length <= duckdb::kInlinedLength ? text.inlined.bytes : text.pointed.bytes,
                     length);
}

// Destroys a result once, whatever happens.
class Answer {
 public:
  explicit Answer(const duckdb::Api& api) : api_(api) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { api_.destroy_result(&result); }
  duckdb::QueryResult result{};

  void take_rows(std::vector<Row>& out) {
    const auto columns = api_.column_count(&result);
    while (auto* chunk = api_.fetch_chunk(result)) {
      const auto count = api_.data_chunk_get_size(chunk);
      const std::size_t first = out.size();
      out.resize(first + count, Row(columns));
      for (duckdb::Index column = 0; column < columns; ++column) {
        auto* vector = api_.data_chunk_get_vector(chunk, column);
        const auto* texts = static_cast<const duckdb::Text*>(api_.vector_get_data(vector));
        const auto* validity = api_.vector_get_validity(vector);
        for (duckdb::Index row = 0; row < count; ++row)
          out[first + row][column] = cell_of(texts, validity, row);
      }
      api_.destroy_data_chunk(&chunk);
    }
  }
  // The first column that is no text.
  std::optional<std::string> not_text() {
    for (duckdb::Index i = 0; i < api_.column_count(&result); ++i)
      if (api_.column_type(&result, i) != duckdb::kTypeVarchar)
        return std::string(api_.column_name(&result, i));
    return std::nullopt;
  }

 private:
  const duckdb::Api& api_;
};

// An allocation that fails where the engine does not count on it comes as the C++ library names it.
bool tells_of_memory(const std::string& why) {
  return why.find("Out of Memory") != std::string::npos ||
         why.find("bad_alloc") != std::string::npos ||
         why.find("bad allocation") != std::string::npos;
}

}  // namespace

tl::unexpected<Error> interrupted_error() {
  return error(kInterrupted, "the check", "a signal has come");
}
tl::unexpected<Error> out_of_memory_error(const std::string& why) {
  return error(kOutOfMemory, "within the memory of a check", why);
}

bool is_out_of_memory(const Error& error) { return error.operation == kOutOfMemory; }
bool is_interrupted(const Error& error) { return error.operation == kInterrupted; }

std::string condensed(std::string_view message) {
  std::string out;
  std::string file;
  bool advice = false;
  for (const auto line : split(message, '\n')) {
    const auto words = trim(line);
    if (words.starts_with("file = ")) file = std::string(words.substr(7));
    if (words.starts_with("Possible") || words.starts_with("Potential") ||
        words.starts_with("See also") || words.starts_with("LINE ") ||
        words.starts_with("The search space") || words.starts_with("This can happen"))
      advice = true;
    if (advice || words.empty()) continue;
    out += (out.empty() ? "" : "; ") + std::string(words);
  }
  if (!file.empty() && out.find(file) == std::string::npos) out = file + ": " + out;
  constexpr std::size_t kLongest = 1000;
  if (out.size() > kLongest) out = out.substr(0, kLongest) + "...";
  return printable(out);
}

Engine::Engine(DuckdbLibrary library, EngineSettings settings)
    : library_(std::move(library)), api_(library_.api()), settings_(std::move(settings)) {}

Result<std::unique_ptr<Engine>> Engine::open(const DuckdbLibrary& library,
                                             const EngineSettings& settings) {
  std::unique_ptr<Engine> engine(new Engine(library, settings));
  JOBWARD_RETURN_IF_ERROR(engine->start());
  return engine;
}

Status Engine::start() {
  const std::array<std::pair<const char*, std::string>, 6> options{
      {{"memory_limit", std::to_string(settings_.memory_limit) + "B"},
       {"threads", std::to_string(settings_.threads)},
       {"temp_directory", settings_.spill_directory},
       {"autoinstall_known_extensions", "false"},
       {"autoload_known_extensions", "false"},
       {"allow_community_extensions", "false"}}};
  duckdb::Config config = nullptr;
  if (api_.create_config(&config) != kSuccess) return error("start", "DuckDB", "out of memory");
  for (const auto& [name, value] : options) {
    if (api_.set_config(config, name, value.c_str()) == kSuccess) continue;
    api_.destroy_config(&config);
    return error("start", "DuckDB", "it does not take the setting " + std::string(name));
  }
  char* problem = nullptr;
  const auto opened = api_.open_ext(nullptr, &database_, config, &problem);
  api_.destroy_config(&config);
  if (opened != kSuccess) {
    const std::string why = problem != nullptr ? condensed(problem) : "";
    api_.free(problem);
    return error("start", "DuckDB", why);
  }
  if (api_.connect(database_, &connection_) != kSuccess)
    return error("connect to", "DuckDB", "no reason was given");
  // As an option of opening it would be forgotten.
  JOBWARD_RETURN_IF_ERROR(
      execute("SET max_temp_directory_size = '" + std::to_string(settings_.spill_limit) + "B'"));
  // What a check says must not depend on where it runs.
  JOBWARD_RETURN_IF_ERROR(execute("SET TimeZone = 'UTC'"));
  // Else what Parquet files say of themselves is taken for what is in them.
  JOBWARD_RETURN_IF_ERROR(execute("SET disabled_optimizers = 'statistics_propagation'"));
  JOBWARD_RETURN_IF_ERROR(register_text_shapes(api_, connection_));
  if (!settings_.progress) return {};
  JOBWARD_RETURN_IF_ERROR(execute("SET enable_progress_bar = true"));
  JOBWARD_RETURN_IF_ERROR(execute("SET enable_progress_bar_print = false"));
  watcher_ = std::thread([this] { watch(); });
  return {};
}

Engine::~Engine() {
  if (watcher_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    watcher_.join();
  }
  if (connection_ != nullptr) api_.disconnect(&connection_);
  if (database_ != nullptr) api_.close(&database_);
}

void Engine::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (!busy_) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_for(lock, kTick);
    if (!busy_ || ending_) continue;
    const double percent = api_.query_progress(connection_).percentage;
    const auto known = percent >= 0 ? std::optional(percent) : std::nullopt;
    if (settings_.progress(known)) continue;
    interrupted_ = true;
    api_.interrupt(connection_);
  }
}

void Engine::set_busy(bool busy) {
  {
    const std::lock_guard lock(mutex_);
    busy_ = busy;
  }
  if (busy && watcher_.joinable()) changed_.notify_all();
}

bool Engine::Busy::stopped() const {
  const std::lock_guard lock(engine_.mutex_);
  return engine_.interrupted_;
}

Result<std::vector<Row>> Engine::fetch(const std::string& sql, bool rows) {
  if (log::enabled(log::Level::debug)) log::debug("DuckDB: " + printable(sql));
  Answer answer(api_);
  duckdb::State state = duckdb::kError;
  {
    const Busy busy(*this);
    if (busy.stopped()) return interrupted_error();
    state = api_.query(connection_, sql.c_str(), &answer.result);
  }
  if (state != kSuccess) {
    const char* text = api_.result_error(&answer.result);
    const std::string why = text != nullptr ? condensed(text) : "no reason was given";
    const int kind = api_.result_error_type(&answer.result);
    if (kind == duckdb::kErrorInterrupt) return interrupted_error();
    if (kind == duckdb::kErrorOutOfMemory || tells_of_memory(why))
      return out_of_memory_error(why + "; allow more with --memory, or with --spill on disk in " +
                                 printable(settings_.spill_directory));
    return error("read", "the data", why);
  }
  std::vector<Row> out;
  if (!rows) return out;
  if (const auto name = answer.not_text())
    return error("read", "the data", "internal: column " + printable(*name) + " is no text");
  answer.take_rows(out);
  return out;
}

Result<std::vector<Row>> Engine::query(const std::string& sql) { return fetch(sql, true); }

Status Engine::execute(const std::string& sql) {
  auto done = fetch(sql, false);
  if (!done) return tl::unexpected(std::move(done).error());
  return {};
}

Status Engine::lock_down(const std::vector<std::string>& files) {
  std::string list;
  for (const auto& file : files) {
    // The engine asks for the pattern that a name was written as, and for the file that it found.
    for (const auto& name : {file, glob_escaped(file)}) {
      const auto quoted = sql_text(name);
      if (list.ends_with(quoted)) continue;
      list += (list.empty() ? "" : ", ") + quoted;
    }
  }
  JOBWARD_RETURN_IF_ERROR(execute("SET allowed_paths = [" + list + "]"));
  JOBWARD_RETURN_IF_ERROR(execute("SET enable_external_access = false"));
  return execute("SET lock_configuration = true");
}

Status Engine::expect_select(const std::string& sql) {
  duckdb::Statements statements = nullptr;
  const auto count = api_.extract_statements(connection_, sql.c_str(), &statements);
  duckdb::Prepared prepared = nullptr;
  std::string wrong;
  if (count == 0) {
    const char* why = api_.extract_statements_error(statements);
    wrong = why != nullptr ? condensed(why) : "it is empty";
  } else if (count > 1) {
    wrong = "it has " + std::to_string(count) + " statements, and one is allowed";
  } else if (api_.prepare_extracted_statement(connection_, statements, 0, &prepared) != kSuccess) {
    const char* why = api_.prepare_error(prepared);
    wrong = why != nullptr ? condensed(why) : "no reason was given";
  } else if (api_.prepared_statement_type(prepared) != duckdb::kStatementSelect) {
    wrong = "it is no SELECT; checks only read";
  } else if (api_.nparams(prepared) != 0) {
    wrong = "it has parameters";
  }
  if (prepared != nullptr) api_.destroy_prepare(&prepared);
  if (statements != nullptr) api_.destroy_extracted(&statements);
  if (wrong.empty()) return {};
  return error("use", "the query", wrong);
}

Engine::Appender::Appender(const Engine& engine, const std::string& table)
    : api_(engine.api_), table_(table) {
  check(api_.appender_create(engine.connection_, nullptr, table.c_str(), &appender_));
}

Engine::Appender::~Appender() {
  if (appender_ != nullptr) api_.appender_destroy(&appender_);
}

void Engine::Appender::check(duckdb::State state) {
  if (state == kSuccess || !problem_.empty()) return;
  const char* why = appender_ != nullptr ? api_.appender_error(appender_) : nullptr;
  problem_ = why != nullptr ? condensed(why) : "no reason was given";
}

void Engine::Appender::append(std::int64_t value) { check(api_.append_int64(appender_, value)); }
void Engine::Appender::append(double value) { check(api_.append_double(appender_, value)); }
void Engine::Appender::append(std::string_view text) {
  check(api_.append_varchar_length(appender_, text.data(), text.size()));
}
void Engine::Appender::append_blob(std::string_view bytes) {
  check(api_.append_blob(appender_, bytes.data(), bytes.size()));
}
void Engine::Appender::append_null() { check(api_.append_null(appender_)); }
void Engine::Appender::end_row() { check(api_.appender_end_row(appender_)); }

Status Engine::Appender::close() {
  check(api_.appender_close(appender_));
  if (problem_.empty()) return {};
  if (tells_of_memory(problem_)) return out_of_memory_error(problem_);
  return error("load", printable(table_), problem_);
}

}  // namespace jobward::verify
