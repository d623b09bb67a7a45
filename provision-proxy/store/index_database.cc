// SPDX-License-Identifier: Apache-2.0
// Reads and writes the index's rows.
#include "provision-proxy/store/index_database.hh"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "provision-proxy/store/index_schema.hh"
#include "provision-proxy/store/sha256.hh"

namespace holdfast::provision {
namespace {

// A row that says what no entry of ours can say is somebody's accident.
bool makes_sense(const Entry& entry) {
  return entry.id > 0 && is_hash(entry.body.hash) && entry.meta.status >= 100 &&
         entry.meta.status <= 999 && !entry.key.target.empty();
}

std::shared_ptr<Entry> entry_of(const Statement& row) {
  auto entry = std::make_shared<Entry>();
  entry->id = row.integer(0);
  entry->key = {row.text(1), row.text(2), row.text(3)};
  entry->generation = row.integer(4);
  entry->keep = row.integer(5) == 0 ? Keep::kNormal : Keep::kLastGood;
  entry->distrusted = row.integer(6) != 0;
  entry->must_validate = row.integer(7) != 0;
  entry->meta.status = static_cast<int>(row.integer(8));
  entry->meta.reason = row.text(9);
  entry->meta.fields = decode_fields(row.text(10));
  entry->meta.vary_request = decode_fields(row.text(11));
  entry->variant = variant_of(entry->meta.vary_request);
  entry->meta.request_ms = row.integer(12);
  entry->meta.response_ms = row.integer(13);
  entry->meta.validated_ms = row.integer(14);
  entry->stored_ms = row.integer(15);
  entry->body = {row.text(17), static_cast<uint64_t>(row.integer(18))};
  return entry;
}

int keep_number(Keep keep) {
  return keep == Keep::kLastGood ? 1 : 0;
}

}  // namespace

bool Change::empty() const {
  return insert.empty() && update.empty() && supersede.empty() && erase.empty() && used.empty() &&
         refuse.empty() && trust.empty() && remarks.empty() && fetches.put.empty() &&
         fetches.gone.empty();
}

IndexDatabase::IndexDatabase(std::unique_ptr<Database> database)
    : database_(std::move(database)),
      insert_(database_->prepare(sql::kInsert)),
      update_(database_->prepare(sql::kUpdate)),
      supersede_(database_->prepare(sql::kSupersede)),
      erase_(database_->prepare(sql::kErase)),
      used_(database_->prepare(sql::kUsed)),
      refuse_(database_->prepare(sql::kRefuse)),
      trust_(database_->prepare(sql::kTrust)),
      remark_(database_->prepare(sql::kRemark)),
      remark_gone_(database_->prepare(sql::kRemarkGone)),
      fetch_(database_->prepare(sql::kFetch)),
      fetch_gone_(database_->prepare(sql::kFetchGone)),
      rows_(database_->prepare(sql::kRows)),
      needs_(database_->prepare(sql::kNeeds)),
      probe_(database_->prepare(sql::kProbe)) {}

Result<std::unique_ptr<IndexDatabase>, DbError> IndexDatabase::open(const std::string& path) {
  // Made by us first, so that nobody else can read it from its first byte on.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return DbError{Trouble::kIo, path + ": " + std::strerror(errno)};
  ::close(fd);
  auto database = Database::open(path, Database::Mode::kWrite);
  if (!database) return database.error();
  Database& db = **database;
  if (!db.execute(sql::kPragmas)) return db.error();
  auto version = db.prepare("PRAGMA user_version");
  if (!version.with().next()) return db.error();
  const int64_t found = version.integer(0);
  version = Statement();
  if (found > kSchemaVersion) {
    return DbError{Trouble::kCorrupt,
                   "written by a newer version of Holdfast (schema " + std::to_string(found) + ")"};
  }
  if (found < kSchemaVersion &&
      !(db.execute("BEGIN IMMEDIATE") && (found > 0 || db.execute(sql::kVersion1)) &&
        db.execute(sql::kVersion2) && db.execute("COMMIT"))) {
    DbError error = db.error();
    // Tables where a new database has none: somebody else's file.
    if (error.trouble == Trouble::kOther) error.trouble = Trouble::kCorrupt;
    return error;
  }
  std::unique_ptr<IndexDatabase> index(new IndexDatabase(std::move(database).value()));
  for (const auto* statement :
       {&index->insert_, &index->update_, &index->supersede_, &index->erase_, &index->used_,
        &index->refuse_, &index->trust_, &index->remark_, &index->remark_gone_, &index->fetch_,
        &index->fetch_gone_, &index->rows_, &index->needs_, &index->probe_}) {
    if (!*statement) return DbError{Trouble::kCorrupt, "its tables are not ours"};
  }
  return index;
}

std::string IndexDatabase::move_aside(const std::string& path) {
  const std::string target = path + ".damaged";
  ::unlink((target + "-wal").c_str());
  if (std::rename(path.c_str(), target.c_str()) != 0)
    return path + " cannot be renamed: " + std::strerror(errno);
  // A WAL belongs to its database by name: left behind it would be played into the new one.
  std::rename((path + "-wal").c_str(), (target + "-wal").c_str());
  ::unlink((path + "-shm").c_str());
  return "";
}

DbError IndexDatabase::load(LoadedIndex& loaded) {
  auto rows = database_->prepare(sql::kLoad);
  for (rows.with(); rows.next();) {
    auto entry = entry_of(rows);
    loaded.next_id = std::max(loaded.next_id, entry->id + 1);
    if (!makes_sense(*entry)) {
      ++loaded.unusable;
      continue;
    }
    for (const int64_t ms :
         {entry->meta.request_ms, entry->meta.response_ms, entry->meta.validated_ms})
      loaded.newest_ms = std::max(loaded.newest_ms, ms);
    loaded.entries.emplace_back(std::move(entry), rows.integer(16));
  }
  if (rows.failed()) return database_->error();
  auto refused = database_->prepare(
      "SELECT origin, target, identity, hash, at_ms FROM refused ORDER BY at_ms");
  for (refused.with(); refused.next();) {
    loaded.refused.push_back(
        {{refused.text(0), refused.text(1), refused.text(2)}, refused.text(3), refused.integer(4)});
  }
  if (refused.failed()) return database_->error();
  auto remarks =
      database_->prepare("SELECT origin, target, identity, kind, times, since_ms FROM remarks");
  for (remarks.with(); remarks.next();) {
    const int64_t kind = remarks.integer(3);
    if (kind < 0 || kind >= static_cast<int64_t>(kRemarkKinds) || remarks.integer(4) < 1) {
      ++loaded.unusable;
      continue;
    }
    loaded.remarks.push_back({{remarks.text(0), remarks.text(1), remarks.text(2)},
                              static_cast<RemarkKind>(kind),
                              {remarks.integer(4), remarks.integer(5)}});
  }
  if (remarks.failed()) return database_->error();
  auto fetches = database_->prepare(
      "SELECT origin, target, identity, phone, user_agent, at_ms, status, count FROM fetches"
      " ORDER BY at_ms");
  for (fetches.with(); fetches.next();) {
    loaded.fetches.push_back(
        {{fetches.text(0), fetches.text(1), fetches.text(2)},
         {fetches.text(3), fetches.text(4), fetches.integer(5),
          static_cast<int>(fetches.integer(6)), static_cast<uint64_t>(fetches.integer(7))}});
  }
  return fetches.failed() ? database_->error() : DbError{};
}

DbError IndexDatabase::commit(const std::vector<const Change*>& changes) {
  if (!database_->execute("BEGIN IMMEDIATE")) return undo();
  for (const Change* change : changes)
    if (!apply(*change)) return undo();
  return database_->execute("COMMIT") ? DbError{} : undo();
}

DbError IndexDatabase::undo() {
  DbError error = database_->error();
  if (error.trouble == Trouble::kNone) error.trouble = Trouble::kOther;
  database_->execute("ROLLBACK");
  return error;
}

bool IndexDatabase::apply(const Change& change) {
  std::string fields, vary;
  for (const auto& e : change.insert) {
    if (!encode_fields(e->meta.fields, fields) || !encode_fields(e->meta.vary_request, vary))
      return false;
    if (!insert_
             .with(e->id, e->key.origin, e->key.target, e->key.identity, e->generation,
                   keep_number(e->keep), e->distrusted, e->must_validate, e->meta.status,
                   e->meta.reason, fields, vary, e->meta.request_ms, e->meta.response_ms,
                   e->meta.validated_ms, e->stored_ms, e->body.hash, e->body.size)
             .run()) {
      return false;
    }
  }
  for (const auto& e : change.update) {
    if (!encode_fields(e->meta.fields, fields) || !encode_fields(e->meta.vary_request, vary))
      return false;
    if (!update_
             .with(e->id, keep_number(e->keep), e->distrusted, e->must_validate, e->meta.status,
                   e->meta.reason, fields, vary, e->meta.request_ms, e->meta.response_ms,
                   e->meta.validated_ms)
             .run()) {
      return false;
    }
  }
  for (const int64_t id : change.supersede)
    if (!supersede_.with(id).run()) return false;
  for (const int64_t id : change.erase)
    if (!erase_.with(id).run()) return false;
  for (const auto& [id, ms] : change.used)
    if (!used_.with(id, ms).run()) return false;
  for (const auto& [key, hash, at_ms] : change.refuse)
    if (!refuse_.with(key.origin, key.target, key.identity, hash, at_ms).run()) return false;
  for (const auto& [key, hash] : change.trust)
    if (!trust_.with(key.origin, key.target, hash).run()) return false;
  for (const auto& [key, kind, remark] : change.remarks) {
    const auto number = static_cast<int64_t>(kind);
    const bool written =
        remark.times == 0
            ? remark_gone_.with(key.origin, key.target, key.identity, number).run()
            : remark_
                  .with(key.origin, key.target, key.identity, number, remark.times, remark.since_ms)
                  .run();
    if (!written) return false;
  }
  for (const auto& [key, phone] : change.fetches.gone)
    if (!fetch_gone_.with(key.origin, key.target, key.identity, phone).run()) return false;
  for (const auto& [key, f] : change.fetches.put) {
    if (!fetch_
             .with(key.origin, key.target, key.identity, f.identity, f.user_agent, f.at_ms,
                   f.status, f.count)
             .run()) {
      return false;
    }
  }
  return true;
}

bool IndexDatabase::rows_of(const std::string& prefix, std::vector<Row>& rows) {
  // "g" is above every digit that may follow.
  for (rows_.with(prefix, prefix + "g"); rows_.next();)
    rows.push_back({rows_.integer(0), {rows_.text(1), static_cast<uint64_t>(rows_.integer(2))}});
  return !rows_.failed();
}

bool IndexDatabase::needs_body(const std::string& hash) {
  const bool needed = needs_.with(hash).next() || needs_.failed();
  needs_.with(hash);  // ends the reading
  return needed;
}

DbError IndexDatabase::probe() {
  return probe_.with().run() ? DbError{} : undo();
}

}  // namespace holdfast::provision
