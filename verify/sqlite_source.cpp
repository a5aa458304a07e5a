// Tables of SQLite, read by SQLite itself and handed to the engine row by row, so that every check
// means the same on them as on other formats.
#include <sys/stat.h>

#include <cctype>

#include "common/text.h"
#include "profiles/sqlite.h"
#include "verify/contract_fields.h"
#include "verify/source.h"
#include "verify/sql.h"

namespace jobward::verify {
namespace {

namespace sqlite = profiles::sqlite;
using StoredKind = sqlite::Statement::Kind;

bool has_bytes(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && facts.st_size > 0;
}

// With no log and no journal beside it nobody is writing, and the file is all there is: it can be
// read without locks, also where we may not write. What changes it meanwhile is found afterwards.
Result<sqlite::Database> open(const Source& source) {
  const auto& path = source.files.front().path;
  const bool settled = !has_bytes(path + "-wal") && !has_bytes(path + "-journal");
  auto db = sqlite::Database::open_for_reading(path, settled, 5000);
  if (!db) return tl::unexpected(std::move(db).error());
  JOBWARD_RETURN_IF_ERROR(db->execute("PRAGMA trusted_schema = OFF"));
  return db;
}

bool contains(const std::string& text, const char* word) {
  return text.find(word) != std::string::npos;
}

// The affinity of a declared type (https://www.sqlite.org/datatype3.html, 3.1) as a type of the
// engine; empty: NUMERIC or none, what is stored decides.
std::string declared_type(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (contains(text, "INT")) return "BIGINT";
  if (contains(text, "CHAR") || contains(text, "CLOB") || contains(text, "TEXT")) return "VARCHAR";
  if (contains(text, "BLOB")) return "BLOB";
  if (contains(text, "REAL") || contains(text, "FLOA") || contains(text, "DOUB")) return "DOUBLE";
  return {};
}

std::string quoted(const std::string& name) { return sql_name(name); }

struct Stored {
  bool integers = false;
  bool reals = false;
  bool texts = false;
  bool blobs = false;
};

// What a column of no declared type is read as; empty: its values are of several kinds.
std::string stored_type(const Stored& stored) {
  const int kinds =
      (stored.integers || stored.reals ? 1 : 0) + (stored.texts ? 1 : 0) + (stored.blobs ? 1 : 0);
  if (kinds > 1) return {};
  if (stored.texts) return "VARCHAR";
  if (stored.blobs) return "BLOB";
  if (stored.reals) return "DOUBLE";
  return stored.integers ? "BIGINT" : "VARCHAR";
}

Result<std::string> look_at(sqlite::Database& db, const Source& source, const std::string& name) {
  auto query =
      db.prepare("SELECT DISTINCT typeof(" + quoted(name) + ") FROM " + quoted(source.spec->table));
  if (!query) return tl::unexpected(std::move(query).error());
  Stored stored;
  while (true) {
    auto row = query->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) break;
    const auto kind = query->text(0);
    stored.integers |= kind == "integer";
    stored.reals |= kind == "real";
    stored.texts |= kind == "text";
    stored.blobs |= kind == "blob";
  }
  auto type = stored_type(stored);
  if (type.empty())
    return error("read", source.files[0].shown,
                 "column " + printable(name) + " of table " + printable(source.spec->table) +
                     " declares no type, and its values are of several kinds");
  return type;
}

// 2^53 + 1 does not. What rounds up to 2^63 is no std::int64_t any more.
bool survives_as_double(std::int64_t value) {
  const auto rounded = static_cast<double>(value);
  return rounded < 9223372036854775808.0 && static_cast<std::int64_t>(rounded) == value;
}

class Copy {
 public:
  Copy(const Source& source, const std::vector<Column>& columns, Engine::Appender& out)
      : source_(source), columns_(columns), out_(out) {}

  Status row(sqlite::Statement& query, std::int64_t number) {
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (!value(query, static_cast<int>(i))) return misfit(columns_[i], number);
    out_.end_row();
    return {};
  }

 private:
  bool value(sqlite::Statement& query, int at) {
    const auto kind = query.kind(at);
    const auto& type = columns_[static_cast<std::size_t>(at)].type;
    if (kind == StoredKind::null) {
      out_.append_null();
    } else if (type == "BIGINT" && kind == StoredKind::integer) {
      out_.append(query.integer(at));
    } else if (type == "DOUBLE" && kind == StoredKind::integer) {
      if (!survives_as_double(query.integer(at))) return false;
      out_.append(query.real(at));
    } else if (type == "DOUBLE" && kind == StoredKind::real) {
      out_.append(query.real(at));
    } else if (type == "VARCHAR" && kind == StoredKind::text) {
      const auto text = query.text(at);
      if (!is_utf8(text)) return false;
      out_.append(std::string_view(text));
    } else if (type == "BLOB" && kind == StoredKind::blob) {
      out_.append_blob(query.text(at));
    } else {
      return false;
    }
    return true;
  }

  tl::unexpected<Error> misfit(const Column& column, std::int64_t number) {
    return error("read", source_.files[0].shown,
                 "row " + std::to_string(number) + " of table " + printable(source_.spec->table) +
                     ": column " + printable(column.name) + " is " + column.type +
                     ", and its value is of another kind, or too large a whole number for it "
                     "(SQLite keeps what it is given)");
  }

  const Source& source_;
  const std::vector<Column>& columns_;
  Engine::Appender& out_;
};

}  // namespace

Result<std::vector<Column>> describe_sqlite(Engine& engine, const Source& source) {
  const Engine::Busy busy(engine);
  auto db = open(source);
  if (!db) return tl::unexpected(std::move(db).error());
  db->stop_when([&busy] { return busy.stopped(); });
  auto query = db->prepare("SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden <> 1");
  if (!query) return tl::unexpected(std::move(query).error());
  query->bind(source.spec->table);
  std::vector<Column> out;
  while (true) {
    auto row = query->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) break;
    out.push_back({query->text(0), sql_name(query->text(0)), declared_type(query->text(1))});
  }
  if (out.empty())
    return error("read", source.files[0].shown, "it has no table " + printable(source.spec->table));
  for (auto& column : out) {
    if (!column.type.empty()) continue;
    auto type = look_at(*db, source, column.name);
    if (!type) return tl::unexpected(std::move(type).error());
    column.type = std::move(*type);
  }
  return out;
}

Status load_sqlite(Engine& engine, const Source& source, const std::vector<Column>& columns,
                   const std::string& table) {
  std::vector<std::string> made;
  std::vector<std::string> read;
  for (const auto& column : columns) {
    made.push_back(column.sql + " " + column.type);
    read.push_back(quoted(column.name));
  }
  std::vector<Column> wanted = columns;
  if (wanted.empty()) {  // only rows are counted
    wanted.push_back({"nothing", "nothing", "BIGINT"});
    made.emplace_back("nothing BIGINT");
    read.emplace_back("NULL");
  }
  JOBWARD_RETURN_IF_ERROR(
      engine.execute("CREATE TEMP TABLE " + sql_name(table) + " (" + joined(made, ", ") + ")"));
  auto db = open(source);
  if (!db) return tl::unexpected(std::move(db).error());
  auto query = db->prepare("SELECT " + joined(read, ", ") + " FROM " + quoted(source.spec->table));
  if (!query) return tl::unexpected(std::move(query).error());
  Engine::Appender out(engine, table);
  Copy copy(source, wanted, out);
  const Engine::Busy busy(engine);
  for (std::int64_t number = 1;; ++number) {
    constexpr std::int64_t kBetweenLooks = 4096;
    if (number % kBetweenLooks == 0 && busy.stopped()) return interrupted_error();
    auto row = query->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out.close();
    JOBWARD_RETURN_IF_ERROR(copy.row(*query, number));
  }
}

}  // namespace jobward::verify
