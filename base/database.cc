// SPDX-License-Identifier: Apache-2.0
// Wraps SQLite's C interface.
#include "base/database.hh"

#include <sqlite3.h>

#include <utility>

namespace holdfast {
namespace {

constexpr int kBusyTimeoutMs = 1000;

Trouble trouble_of(int code) {
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return Trouble::kNone;
    case SQLITE_FULL:
      return Trouble::kFull;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Trouble::kLocked;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Trouble::kCorrupt;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
      return Trouble::kIo;
    default:
      return Trouble::kOther;
  }
}

DbError error_of(sqlite3* db) {
  if (db == nullptr) return {Trouble::kIo, "out of memory"};
  return {trouble_of(sqlite3_extended_errcode(db)), sqlite3_errmsg(db)};
}

}  // namespace

std::string_view name_of(Trouble trouble) {
  constexpr std::string_view kNames[] = {"none", "full", "locked", "io", "corrupt", "other"};
  return kNames[static_cast<size_t>(trouble)];
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      failed_(other.failed_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this == &other) return *this;
  sqlite3_finalize(statement_);
  db_ = other.db_;
  statement_ = std::exchange(other.statement_, nullptr);
  failed_ = other.failed_;
  return *this;
}

void Statement::start() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  failed_ = statement_ == nullptr;
}

void Statement::bind(int place, int64_t value) {
  failed_ |= sqlite3_bind_int64(statement_, place, value) != SQLITE_OK;
}

void Statement::bind(int place, std::string_view text) {
  failed_ |= sqlite3_bind_text64(statement_, place, text.data(), text.size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8) != SQLITE_OK;
}

void Statement::bind_null(int place) {
  failed_ |= sqlite3_bind_null(statement_, place) != SQLITE_OK;
}

bool Statement::run() {
  while (next()) {
  }
  return !failed_;
}

bool Statement::next() {
  if (failed_) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  failed_ = code != SQLITE_DONE;
  // The error stays with the connection; a statement that is not reset would keep its locks.
  if (!failed_) sqlite3_reset(statement_);
  return false;
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<int64_t> Statement::maybe_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<size_t>(size));
}

Result<std::unique_ptr<Database>, DbError> Database::open(const std::string& path, Mode mode) {
  sqlite3* db = nullptr;
  const int flags =
      mode == Mode::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    DbError error = error_of(db);
    sqlite3_close(db);
    return error;
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  return std::unique_ptr<Database>(new Database(db));
}

Database::~Database() {
  sqlite3_close_v2(db_);
}

bool Database::execute(const char* sql) {
  return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

Statement Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                     &statement, nullptr);
  return {db_, statement};
}

DbError Database::error() const {
  return error_of(db_);
}

int64_t Database::changes() const {
  return sqlite3_changes64(db_);
}

}  // namespace holdfast
