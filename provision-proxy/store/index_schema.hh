// SPDX-License-Identifier: Apache-2.0
// The tables of the store's index, and the statements that use them.
#pragma once

namespace holdfast::provision::sql {

// Times are Unix milliseconds. `fields` and `vary_request` are "Name: value" lines.
inline constexpr const char* kVersion1 = R"sql(
CREATE TABLE entries(
  id INTEGER PRIMARY KEY,           -- rises with every commit
  origin TEXT NOT NULL, target TEXT NOT NULL, identity TEXT NOT NULL,
  generation INTEGER NOT NULL, keep INTEGER NOT NULL,
  distrusted INTEGER NOT NULL, must_validate INTEGER NOT NULL,
  status INTEGER NOT NULL, reason TEXT NOT NULL,
  fields TEXT NOT NULL, vary_request TEXT NOT NULL,
  request_ms INTEGER NOT NULL, response_ms INTEGER NOT NULL, validated_ms INTEGER NOT NULL,
  stored_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL,
  hash TEXT NOT NULL, size INTEGER NOT NULL);
CREATE INDEX entries_hash ON entries(hash);
CREATE TABLE refused(
  origin TEXT NOT NULL, target TEXT NOT NULL, identity TEXT NOT NULL, hash TEXT NOT NULL,
  at_ms INTEGER NOT NULL, PRIMARY KEY(origin, target, identity, hash)) WITHOUT ROWID;
CREATE TABLE fetches(
  origin TEXT NOT NULL, target TEXT NOT NULL, identity TEXT NOT NULL,
  phone TEXT NOT NULL, user_agent TEXT NOT NULL, at_ms INTEGER NOT NULL, status INTEGER NOT NULL,
  count INTEGER NOT NULL, PRIMARY KEY(origin, target, identity, phone)) WITHOUT ROWID;
CREATE TABLE probes(id INTEGER PRIMARY KEY, number INTEGER NOT NULL);
INSERT INTO probes VALUES(1, 0);
PRAGMA user_version = 1;
)sql";

// What is remembered of a key beside its entries.
inline constexpr const char* kVersion2 = R"sql(
CREATE TABLE remarks(
  origin TEXT NOT NULL, target TEXT NOT NULL, identity TEXT NOT NULL, kind INTEGER NOT NULL,
  times INTEGER NOT NULL, since_ms INTEGER NOT NULL,
  PRIMARY KEY(origin, target, identity, kind)) WITHOUT ROWID;
PRAGMA user_version = 2;
)sql";

// FULL: what was acknowledged survives a power cut.
inline constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
    "PRAGMA journal_size_limit=4194304;";

inline constexpr const char* kLoad =
    "SELECT id, origin, target, identity, generation, keep, distrusted, must_validate, status,"
    " reason, fields, vary_request, request_ms, response_ms, validated_ms, stored_ms, used_ms,"
    " hash, size FROM entries ORDER BY used_ms, id";
inline constexpr const char* kInsert =
    "INSERT OR REPLACE INTO entries(id, origin, target, identity, generation, keep, distrusted,"
    " must_validate, status, reason, fields, vary_request, request_ms, response_ms, validated_ms,"
    " stored_ms, used_ms, hash, size)"
    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?16,?17,?18)";
inline constexpr const char* kUpdate =
    "UPDATE entries SET keep=?2, distrusted=?3, must_validate=?4, status=?5, reason=?6, fields=?7,"
    " vary_request=?8, request_ms=?9, response_ms=?10, validated_ms=?11 WHERE id=?1";
inline constexpr const char* kSupersede = "UPDATE entries SET must_validate=1 WHERE id=?1";
inline constexpr const char* kErase = "DELETE FROM entries WHERE id=?1";
inline constexpr const char* kUsed = "UPDATE entries SET used_ms=?2 WHERE id=?1";
inline constexpr const char* kRefuse = "INSERT OR REPLACE INTO refused VALUES(?1,?2,?3,?4,?5)";
inline constexpr const char* kTrust =
    "DELETE FROM refused WHERE origin=?1 AND target=?2 AND hash=?3";  // of any identity
inline constexpr const char* kFetch =
    "INSERT OR REPLACE INTO fetches VALUES(?1,?2,?3,?4,?5,?6,?7,?8)";
inline constexpr const char* kFetchGone =
    "DELETE FROM fetches WHERE origin=?1 AND target=?2 AND identity=?3 AND phone=?4";
inline constexpr const char* kRemark = "INSERT OR REPLACE INTO remarks VALUES(?1,?2,?3,?4,?5,?6)";
inline constexpr const char* kRemarkGone =
    "DELETE FROM remarks WHERE origin=?1 AND target=?2 AND identity=?3 AND kind=?4";
inline constexpr const char* kRows =
    "SELECT id, hash, size FROM entries WHERE hash >= ?1 AND hash < ?2";
inline constexpr const char* kNeeds = "SELECT 1 FROM entries WHERE hash=?1 LIMIT 1";
inline constexpr const char* kProbe = "UPDATE probes SET number=number+1 WHERE id=1";

}  // namespace holdfast::provision::sql
