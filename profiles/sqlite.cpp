#include "profiles/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"

namespace jobward::profiles::sqlite {
namespace {

// The result code travels in the text that sqlite3_errstr gives it, so that Error stays one type
// for all.
tl::unexpected<Error> failure(sqlite3* db, std::string operation, std::string object) {
  std::string detail = db != nullptr ? sqlite3_errmsg(db) : "out of memory";
  const int code = db != nullptr ? sqlite3_errcode(db) : SQLITE_NOMEM;
  return tl::unexpected(Error{std::move(operation),
                              std::move(object),
                              0,
                              "SQLite " + std::to_string(code & 0xff) + ": " + detail,
                              {}});
}

// SQLite as root gives the log to the database's owner each time it opens it, needed or not. A
// chown dirties the inode, and the next commit's sync writes that too: 0.1 ms and a block more.
// Where nothing changes, nothing is done.
int chown_if_different(int fd, uid_t uid, gid_t gid) {
  struct stat now {};
  if (::fstat(fd, &now) == 0 && now.st_uid == uid && now.st_gid == gid) return 0;
  return ::fchown(fd, uid, gid);
}

void replace_chown() {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr || vfs->iVersion < 3 || vfs->xSetSystemCall == nullptr) return;
  vfs->xSetSystemCall(vfs, "fchown", reinterpret_cast<sqlite3_syscall_ptr>(&chown_if_different));
}

}  // namespace

Trouble trouble_of(const Error& error) {
  static constexpr std::string_view kMark = "SQLite ";
  if (error.detail.compare(0, kMark.size(), kMark) != 0) return Trouble::none;
  switch (std::atoi(error.detail.c_str() + kMark.size())) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Trouble::busy;
    case SQLITE_FULL:
      return Trouble::full;
    case SQLITE_CORRUPT:
      return Trouble::corrupt;
    case SQLITE_NOTADB:
      return Trouble::not_a_database;
    case SQLITE_READONLY:
      return Trouble::read_only;
    case SQLITE_CANTOPEN:
      return Trouble::cannot_open;
    default:
      return Trouble::other;
  }
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::bind(std::int64_t value) {
  bind_error_ |= sqlite3_bind_int64(statement_.get(), next_++, value);
  return *this;
}
Statement& Statement::bind(double value) {
  bind_error_ |= sqlite3_bind_double(statement_.get(), next_++, value);
  return *this;
}
Statement& Statement::bind(std::string_view text) {
  bind_error_ |=
      sqlite3_bind_text64(statement_.get(), next_++, text.data() != nullptr ? text.data() : "",
                          text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}
Statement& Statement::bind_blob(std::string_view bytes) {
  bind_error_ |=
      sqlite3_bind_blob64(statement_.get(), next_++, bytes.data() != nullptr ? bytes.data() : "",
                          bytes.size(), SQLITE_TRANSIENT);
  return *this;
}
Statement& Statement::bind_null() {
  bind_error_ |= sqlite3_bind_null(statement_.get(), next_++);
  return *this;
}

Statement& Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  next_ = 1;
  bind_error_ = 0;
  return *this;
}

Result<bool> Statement::step() {
  if (bind_error_ != 0) return failure(db_, "bind values of", sqlite3_sql(statement_.get()));
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return failure(db_, "execute", sqlite3_sql(statement_.get()));
}

Status Statement::run() {
  auto stepped = step();
  if (!stepped) return tl::unexpected(std::move(stepped).error());
  return {};
}

Statement::Kind Statement::kind(int column) const {
  switch (sqlite3_column_type(statement_.get(), column)) {
    case SQLITE_INTEGER:
      return Kind::integer;
    case SQLITE_FLOAT:
      return Kind::real;
    case SQLITE_TEXT:
      return Kind::text;
    case SQLITE_BLOB:
      return Kind::blob;
    default:
      return Kind::null;
  }
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }
std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr
             ? std::string()
             : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}
std::optional<std::int64_t> Statement::maybe_integer(int column) const {
  return is_null(column) ? std::nullopt : std::optional(integer(column));
}
std::optional<std::string> Statement::maybe_text(int column) const {
  return is_null(column) ? std::nullopt : std::optional(text(column));
}

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

Result<Database> Database::open(const std::string& path, int busy_ms) {
  // SQLite would create it 0644 & ~umask; its -wal and -shm take over the database's mode.
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return errno_error("open database", path);
  file.reset();
  replace_chown();
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw, path);
  if (code != SQLITE_OK) return failure(raw, "open database", path);
  sqlite3_busy_timeout(raw, busy_ms);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return db;
}

Result<Database> Database::open_for_reading(const std::string& path, bool settled, int busy_ms) {
  // As a URI, whose special characters are escaped (https://www.sqlite.org/uri.html).
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '?' || c == '#' || byte < 0x20 || byte >= 0x7F)
      uri += {'%', kDigits[byte / 16], kDigits[byte % 16]};
    else
      uri += c;
  }
  if (settled) uri += "?immutable=1";
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      uri.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr);
  Database db(raw, path);
  if (code != SQLITE_OK) return failure(raw, "open database", path);
  sqlite3_busy_timeout(raw, busy_ms);
  return db;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr) !=
      SQLITE_OK)
    return failure(db_.get(), "prepare", path_);
  return Statement(db_.get(), raw);
}

Status Database::execute(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return failure(db_.get(), "execute on", path_);
  return {};
}

void Database::stop_when(std::function<bool()> stop) {
  constexpr int kSteps = 100000;  // of SQLite's virtual machine: some milliseconds
  stop_ = std::make_unique<std::function<bool()>>(std::move(stop));
  sqlite3_progress_handler(
      db_.get(), kSteps,
      [](void* asked) { return (*static_cast<std::function<bool()>*>(asked))() ? 1 : 0; },
      stop_.get());
}

Result<std::int64_t> Database::integer(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(std::move(statement).error());
  auto row = statement->step();
  if (!row) return tl::unexpected(std::move(row).error());
  return *row ? statement->integer(0) : 0;
}

Result<Transaction> Transaction::begin(Database& db) {
  if (auto begun = db.execute("BEGIN IMMEDIATE"); !begun)
    return tl::unexpected(std::move(begun).error());
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) static_cast<void>(db_->execute("ROLLBACK"));
}

Status Transaction::commit() {
  JOBWARD_RETURN_IF_ERROR(db_->execute("COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace jobward::profiles::sqlite
