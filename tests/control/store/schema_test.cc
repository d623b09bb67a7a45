// SPDX-License-Identifier: Apache-2.0
// A database of an older version is brought to this one with all that it holds, or left as it is.
#include "control/store/schema.hh"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "control/store/reader.hh"
#include "control/store/writer.hh"
#include "tests/control/store/failing_vfs.hh"

namespace holdfast::store {
namespace {

using std::chrono::seconds;

// The tables of version 1, as they lie on disks: never to be changed.
constexpr const char* kFirstTables = R"sql(
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE calls(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, call_key INTEGER NOT NULL UNIQUE, run INTEGER NOT NULL,
  began_ms INTEGER, answered_ms INTEGER, ended_ms INTEGER, talk_ms INTEGER,
  call_id TEXT, from_uri TEXT, to_uri TEXT, dialled TEXT,
  caller TEXT, source TEXT, transport TEXT, interface TEXT,
  decision TEXT, survival INTEGER, emergency INTEGER, user_agent TEXT,
  callee TEXT, hop TEXT, hop_transport TEXT, hop_interface TEXT, answered_decision TEXT,
  end TEXT, status INTEGER, detail TEXT);
CREATE INDEX calls_open ON calls(seq) WHERE end IS NULL;
CREATE INDEX calls_began ON calls(began_ms);
CREATE TABLE legs(
  call_key INTEGER NOT NULL, stream TEXT NOT NULL, leg INTEGER NOT NULL, place INTEGER NOT NULL,
  interface TEXT NOT NULL, report TEXT NOT NULL,
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
  call_key INTEGER NOT NULL, stream TEXT NOT NULL, leg INTEGER NOT NULL, ssrc INTEGER NOT NULL,
  minute INTEGER NOT NULL, interface TEXT NOT NULL,
  expected INTEGER NOT NULL, received INTEGER NOT NULL, lost INTEGER NOT NULL,
  duplicates INTEGER NOT NULL, jitter_max INTEGER NOT NULL, clock_hz INTEGER NOT NULL,
  longest_loss_run INTEGER NOT NULL,
  PRIMARY KEY(call_key, stream, leg, ssrc, minute)) WITHOUT ROWID;
CREATE TABLE bindings(
  aor TEXT NOT NULL, contact TEXT NOT NULL, instance TEXT NOT NULL, call_id TEXT NOT NULL,
  interface TEXT NOT NULL, transport TEXT NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL,
  remaining_ms INTEGER NOT NULL, reg_id INTEGER NOT NULL, cseq INTEGER NOT NULL,
  q_milli INTEGER NOT NULL, PRIMARY KEY(aor, contact)) WITHOUT ROWID;
INSERT INTO meta VALUES('run', 7), ('minute_epoch', 5), ('minute_next', 900);
PRAGMA user_version = 1;
)sql";

// A call with a stream that missed 49 packets while no dataplane ran and lost 11 on its way, and
// one of a time that knew no such gap.
constexpr const char* kFirstRows = R"sql(
INSERT INTO calls(call_key, run, began_ms, end) VALUES(21, 7, 1000, 'caller_hung_up');
INSERT INTO streams VALUES(21, 'hf-1/0', 3, 171, 'lan', 0, 8000, 1500, 1440, 11, 2, 3, 0, 0, 16, 80,
  '{"11":1}', 46);
INSERT INTO streams VALUES(21, 'hf-1/0', 4, 172, 'wan', 0, 8000, 1500, 1490, 10, 0, 0, 0, 0, 0, 0,
  '{"10":1}', 46);
INSERT INTO minutes VALUES(21, 'hf-1/0', 3, 171, 28, 'lan', 1000, 940, 11, 2, 80, 8000, 11);
INSERT INTO bindings VALUES('sip:1000@b', 'sip:1000@198.18.1.10', '', 'id', 'lan', 'udp',
  '198.18.1.10:5060', '', 600000, 0, 1, 1000);
)sql";

control::LegReport leg_with_gap() {
  control::LegReport leg;
  leg.leg = 3;
  leg.interface = "lan";
  leg.local = leg.local_rtcp = *SocketAddress::parse("198.18.1.2:20000");
  leg.next_hop.state = "resolved";
  leg.streams.resize(1);
  leg.streams[0].ssrc = 171;
  leg.streams[0].lost_by_us = 49;
  return leg;
}

class SchemaTest : public testing::Test {
 protected:
  void SetUp() override {
    FailingVfs::install();
    FailingVfs::code = 0;
    std::string name = testing::TempDir() + "hf-schema-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  void TearDown() override {
    FailingVfs::code = 0;
    std::filesystem::remove_all(directory_);
  }

  std::string path(const char* file = "holdfast.db") const { return directory_ + "/" + file; }
  void write_first() const {
    auto first = Database::open(path(), Database::Mode::kWrite);
    ASSERT_TRUE(first);
    ASSERT_TRUE((*first)->execute("PRAGMA journal_mode=WAL") && (*first)->execute(kFirstTables) &&
                (*first)->execute(kFirstRows))
        << (*first)->error().text;
    ASSERT_TRUE((*first)
                    ->prepare("INSERT INTO legs VALUES(21, 'hf-1/0', 3, 0, 'lan', ?)")
                    .with(control::to_json(leg_with_gap()).dump())
                    .run());
  }
  // The rows of a query, cells joined by blanks.
  static std::vector<std::string> rows(const std::string& file, const std::string& sql,
                                       int columns) {
    std::vector<std::string> found;
    auto database = Database::open(file, Database::Mode::kRead);
    EXPECT_TRUE(database);
    auto statement = (*database)->prepare(sql);
    statement.with();
    while (statement.next()) {
      std::string row = statement.text(0);
      for (int column = 1; column < columns; ++column) row += " " + statement.text(column);
      found.push_back(row);
    }
    EXPECT_FALSE(statement.failed()) << (*database)->error().text;
    return found;
  }
  static std::vector<std::string> columns_of(const std::string& file) {
    return rows(file,
                "SELECT m.name, c.name, c.type, c.\"notnull\", ifnull(c.dflt_value, '-'), c.pk "
                "FROM sqlite_schema m, pragma_table_info(m.name) c ORDER BY m.name, c.cid",
                6);
  }
  std::string version() const { return rows(path(), "PRAGMA user_version", 1).at(0); }

  std::string directory_;
};

TEST_F(SchemaTest, TheFirstVersionIsUpgradedWithAllThatItHolds) {
  write_first();
  for (int64_t run : {8, 9}) {  // the second time there is nothing to do
    auto store = open_store(path());
    ASSERT_TRUE(store) << store.error().text;
    EXPECT_EQ(store->run, run);
    EXPECT_EQ(version(), std::to_string(kSchemaVersion));
  }
  ASSERT_TRUE(open_store(path("new.db")));
  EXPECT_EQ(columns_of(path()), columns_of(path("new.db"))) << "as if it were new";

  EXPECT_EQ(rows(path(), "SELECT ssrc, lost, lost_by_us FROM streams ORDER BY leg", 3),
            (std::vector<std::string>{"171 11 49", "172 10 0"}))
      << "what their sums say";
  EXPECT_EQ(rows(path(), "SELECT dscp_in, ifnull(unmarked, '-') FROM streams WHERE leg = 3", 2),
            (std::vector<std::string>{"46 -"}))
      << "nobody counted";
  const Reader reader(path());
  EXPECT_EQ(reader.calls({})->size(), 1U);
  EXPECT_EQ(reader.bindings()->size(), 1U);
  EXPECT_EQ(reader.minute_cursor(), (MinuteCursor{5, 900}));
  EXPECT_EQ(reader.legs({21})->at(0).report.streams.at(0).lost_by_us, 49U);
  const auto minutes = reader.minutes({21});
  ASSERT_TRUE(minutes);
  ASSERT_EQ(minutes->size(), 1U);
  EXPECT_EQ(minutes->at(0).expected, 1000U);
  EXPECT_EQ(minutes->at(0).lost, 11U);
  EXPECT_EQ(minutes->at(0).lost_by_us, 0U) << "a minute's sums do not tell";
  EXPECT_EQ(minutes->at(0).jitter_max, 80U);
  EXPECT_EQ(minutes->at(0).longest_loss_run, 11U);
}

TEST_F(SchemaTest, AnUpgradedDatabaseIsWrittenOn) {
  write_first();
  Writer writer({.path = path(), .commit_ms = 1, .trusted_time = {}},
                [](LogLevel, const std::string&) {});
  MinuteRow rest;  // of the minute in which the upgrade fell
  rest.call_key = 21;
  rest.stream = "hf-1/0";
  rest.leg = 3;
  rest.interface = "lan";
  rest.ssrc = 171;
  rest.minute = 28;
  rest.expected = 500;
  rest.received = 450;
  rest.lost_by_us = 50;
  writer.put(MinutesItem{{rest}, MinuteCursor{6, 3}});
  ASSERT_TRUE(writer.flush(seconds(20)));
  EXPECT_EQ(writer.status().moved_aside, "");
  EXPECT_EQ(writer.status().run, 8);
  const auto minutes = Reader(path()).minutes({21});
  ASSERT_TRUE(minutes);
  ASSERT_EQ(minutes->size(), 1U);
  EXPECT_EQ(minutes->at(0).expected, 1500U);
  EXPECT_EQ(minutes->at(0).lost_by_us, 50U);
}

TEST_F(SchemaTest, AnUpgradeThatFailsLeavesTheFirstVersion) {
  write_first();
  const auto before = columns_of(path());
  FailingVfs::code = SQLITE_FULL;
  const auto full = open_store(path());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().trouble, Trouble::kFull) << "to be tried again, not moved aside";
  FailingVfs::code = 0;
  EXPECT_EQ(version(), "1");
  EXPECT_EQ(columns_of(path()), before);
  {
    auto other = Database::open(path(), Database::Mode::kWrite);
    ASSERT_TRUE(other);
    ASSERT_TRUE((*other)->execute("BEGIN IMMEDIATE"));
    const auto locked = open_store(path());
    ASSERT_FALSE(locked);
    EXPECT_EQ(locked.error().trouble, Trouble::kLocked);
  }
  EXPECT_TRUE(open_store(path()));
  EXPECT_EQ(version(), std::to_string(kSchemaVersion));
}

TEST_F(SchemaTest, WhatOnlySaysThatItIsOursIsDamaged) {
  for (const char* claim :
       {"CREATE TABLE minutes(x); PRAGMA user_version = 1", "PRAGMA user_version = 1",
        "CREATE TABLE calls(x)", "PRAGMA user_version = -1", "PRAGMA user_version = 99"}) {
    std::filesystem::remove(path());
    {
      auto odd = Database::open(path(), Database::Mode::kWrite);
      ASSERT_TRUE(odd && (*odd)->execute(claim));
    }
    const auto store = open_store(path());
    ASSERT_FALSE(store) << claim;
    EXPECT_EQ(store.error().trouble, Trouble::kCorrupt) << claim << ": " << store.error().text;
  }
}

}  // namespace
}  // namespace holdfast::store
