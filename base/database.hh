// SPDX-License-Identifier: Apache-2.0
// The one wrapper of SQLite: a connection and its prepared statements, errors as values.
//
// A connection and its statements belong to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "media/result.hh"

struct sqlite3;
struct sqlite3_stmt;

namespace holdfast {

// What went wrong, by what can be done about it.
enum class Trouble : uint8_t {
  kNone,
  kFull,     // no space: try again later
  kLocked,   // another process holds the file: try again later
  kIo,       // the disk failed, or the file cannot be reached: try again later
  kCorrupt,  // not a database, or a damaged one: move it aside
  kOther     // this statement cannot be carried out, whenever it is tried
};
std::string_view name_of(Trouble trouble);

struct DbError {
  Trouble trouble = Trouble::kNone;
  std::string text;
};

class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  // Binds all parameters, in order, after a reset.
  template <typename... Values>
  Statement& with(const Values&... values) {
    start();
    int place = 0;
    (bind(++place, values), ...);
    return *this;
  }
  // To its end. False: Database::error() says why.
  bool run();
  // The next row; false at the end, and on an error, which failed() tells.
  bool next();
  bool failed() const { return failed_; }
  // False: it could not be prepared.
  explicit operator bool() const { return statement_ != nullptr; }

  // Columns of the row, from 0.
  bool is_null(int column) const;
  int64_t integer(int column) const;
  std::optional<int64_t> maybe_integer(int column) const;
  std::string text(int column) const;

 private:
  void start();
  void bind(int place, int64_t value);
  void bind(int place, uint64_t value) { bind(place, static_cast<int64_t>(value)); }
  void bind(int place, int value) { bind(place, int64_t{value}); }
  void bind(int place, uint32_t value) { bind(place, int64_t{value}); }
  void bind(int place, uint16_t value) { bind(place, int64_t{value}); }
  void bind(int place, uint8_t value) { bind(place, int64_t{value}); }
  void bind(int place, bool value) { bind(place, int64_t{value ? 1 : 0}); }
  void bind(int place, std::string_view text);
  void bind(int place, const std::string& text) { bind(place, std::string_view(text)); }
  void bind(int place, const char* text) { bind(place, std::string_view(text)); }
  void bind_null(int place);
  template <typename Value>
  void bind(int place, const std::optional<Value>& value) {
    if (value) {
      bind(place, *value);
    } else {
      bind_null(place);
    }
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
  bool failed_ = false;
};

class Database {
 public:
  enum class Mode : uint8_t { kRead, kWrite };  // kWrite makes the file if there is none

  static Result<std::unique_ptr<Database>, DbError> open(const std::string& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements separated by semicolons. False: error() says why.
  bool execute(const char* sql);
  // A statement that will be used many times. One that cannot be prepared fails when it is run.
  Statement prepare(std::string_view sql);
  // Of the last call that failed.
  DbError error() const;
  int64_t changes() const;

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

}  // namespace holdfast
