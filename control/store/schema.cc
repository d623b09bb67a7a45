// SPDX-License-Identifier: Apache-2.0
// Makes and upgrades the tables.
#include "control/store/schema.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>

namespace holdfast::store {
namespace {

// Times are Unix milliseconds as our clock told them; `seq` gives the order, since clocks may be
// wrong. `call_key` is unsigned and kept as SQLite's signed number of the same bits.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE calls(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  call_key INTEGER NOT NULL UNIQUE,
  run INTEGER NOT NULL,             -- of holdfastd, in which the row was made
  began_ms INTEGER, answered_ms INTEGER, ended_ms INTEGER,
  talk_ms INTEGER,                  -- by a clock that nobody sets
  call_id TEXT, from_uri TEXT, to_uri TEXT, dialled TEXT,
  caller TEXT, source TEXT, transport TEXT, interface TEXT,
  decision TEXT, survival INTEGER, emergency INTEGER, user_agent TEXT,
  callee TEXT, hop TEXT, hop_transport TEXT, hop_interface TEXT, answered_decision TEXT,
  end TEXT, status INTEGER, detail TEXT);
CREATE INDEX calls_open ON calls(seq) WHERE end IS NULL;
CREATE INDEX calls_began ON calls(began_ms);
CREATE TABLE legs(
  call_key INTEGER NOT NULL, stream TEXT NOT NULL, leg INTEGER NOT NULL, place INTEGER NOT NULL,
  interface TEXT NOT NULL,
  report TEXT NOT NULL,             -- LegReport as docs/control-socket.md has it
  PRIMARY KEY(call_key, stream, leg)) WITHOUT ROWID;
CREATE TABLE streams(
  call_key INTEGER NOT NULL, stream TEXT NOT NULL, leg INTEGER NOT NULL, ssrc INTEGER NOT NULL,
  interface TEXT NOT NULL, payload_type INTEGER NOT NULL, clock_hz INTEGER NOT NULL,
  expected INTEGER NOT NULL, received INTEGER NOT NULL, lost INTEGER NOT NULL,
  duplicates INTEGER NOT NULL, reordered INTEGER NOT NULL, restarts INTEGER NOT NULL,
  strays INTEGER NOT NULL, jitter_mean INTEGER NOT NULL, jitter_max INTEGER NOT NULL,
  loss_runs TEXT NOT NULL, dscp_in INTEGER NOT NULL,
  PRIMARY KEY(call_key, stream, leg, ssrc)) WITHOUT ROWID;
CREATE TABLE minutes(
  call_key INTEGER NOT NULL, stream TEXT NOT NULL, leg INTEGER NOT NULL,
  ssrc INTEGER NOT NULL,            -- -1: of several streams together
  minute INTEGER NOT NULL,          -- minutes since 1970
  interface TEXT NOT NULL,
  expected INTEGER NOT NULL, received INTEGER NOT NULL, lost INTEGER NOT NULL,
  duplicates INTEGER NOT NULL, jitter_max INTEGER NOT NULL, clock_hz INTEGER NOT NULL,
  longest_loss_run INTEGER NOT NULL,
  PRIMARY KEY(call_key, stream, leg, ssrc, minute)) WITHOUT ROWID;
CREATE TABLE bindings(
  aor TEXT NOT NULL, contact TEXT NOT NULL, instance TEXT NOT NULL, call_id TEXT NOT NULL,
  interface TEXT NOT NULL, transport TEXT NOT NULL, source TEXT NOT NULL,
  path TEXT NOT NULL,               -- URIs, one a line
  remaining_ms INTEGER NOT NULL, reg_id INTEGER NOT NULL, cseq INTEGER NOT NULL,
  q_milli INTEGER NOT NULL,
  PRIMARY KEY(aor, contact)) WITHOUT ROWID;
INSERT INTO meta VALUES('run', 0);
PRAGMA user_version = 1;
)sql";

// What was missed while no dataplane ran. Of streams recorded before the sums tell it; the minutes'
// do not, since a late packet moves a loss from one minute into another: there it is 0.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE streams ADD COLUMN lost_by_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE minutes ADD COLUMN lost_by_us INTEGER NOT NULL DEFAULT 0;
UPDATE streams SET lost_by_us = expected - received - lost WHERE expected > received + lost;
PRAGMA user_version = 2;
)sql";

// What of a stream's packets came unmarked, and how the others were. Of streams recorded before it
// is not known.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE streams ADD COLUMN dscp_in_first INTEGER;
ALTER TABLE streams ADD COLUMN unmarked INTEGER;
ALTER TABLE streams ADD COLUMN remarked INTEGER;
PRAGMA user_version = 3;
)sql";

// What was remarked of a call while it lived: names, one a word, each once.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE calls ADD COLUMN remarks TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 4;
)sql";

// Each makes the tables of its version out of those of the version before. A new database goes
// through all of them.
constexpr const char* kSteps[] = {kVersion1, kVersion2, kVersion3, kVersion4};
static_assert(std::size(kSteps) == kSchemaVersion);

// WAL: readers do not hold up the writer, and a power cut loses the last commits at most.
constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
    "PRAGMA journal_size_limit=16777216;";

// All of it or nothing: what fails on the way is rolled back when the connection closes.
bool upgrade(Database& database, int64_t version) {
  if (version == kSchemaVersion) return true;
  if (!database.execute("BEGIN IMMEDIATE")) return false;
  for (int64_t step = version; step < kSchemaVersion; ++step) {
    if (!database.execute(kSteps[step])) return false;
  }
  return database.execute("COMMIT");
}

}  // namespace

Result<OpenedStore, DbError> open_store(const std::string& path) {
  // Made by us first, so that nobody else can read it from its first byte on.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return DbError{Trouble::kIo, std::strerror(errno)};
  ::close(fd);
  auto database = Database::open(path, Database::Mode::kWrite);
  if (!database) return database.error();
  OpenedStore store{std::move(database).value(), 0};
  Database& db = *store.database;
  if (!db.execute(kPragmas)) return db.error();
  auto version = db.prepare("PRAGMA user_version");
  if (!version.with().next()) return db.error();
  const int64_t found = version.integer(0);
  version = Statement();
  if (found < 0) return DbError{Trouble::kCorrupt, "its schema has no version of ours"};
  if (found > kSchemaVersion) {
    return DbError{Trouble::kCorrupt,
                   "written by a newer version of Holdfast (schema " + std::to_string(found) + ")"};
  }
  if (!upgrade(db, found)) {
    DbError error = db.error();
    // Tables where a new database has none: somebody else's file.
    if (error.trouble == Trouble::kOther) error.trouble = Trouble::kCorrupt;
    return error;
  }
  if (!db.execute("UPDATE meta SET value = value + 1 WHERE name = 'run'")) return db.error();
  auto run = db.prepare("SELECT value FROM meta WHERE name = 'run'");
  if (!run.with().next()) return DbError{Trouble::kCorrupt, "its table of facts is empty"};
  store.run = run.integer(0);
  return store;
}

Result<std::string, DbError> move_aside(const std::string& path, const std::string& suffix) {
  const std::string target = path + "." + suffix;
  if (std::rename(path.c_str(), target.c_str()) != 0) {
    return DbError{Trouble::kIo, path + " cannot be renamed: " + std::strerror(errno)};
  }
  // A WAL belongs to its database by name: left behind it would be played into the new one.
  std::rename((path + "-wal").c_str(), (target + "-wal").c_str());
  ::unlink((path + "-shm").c_str());
  return target;
}

}  // namespace holdfast::store
