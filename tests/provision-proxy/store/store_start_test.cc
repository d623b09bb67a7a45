// SPDX-License-Identifier: Apache-2.0
// What a start finds: leftovers, losses, a damaged index, a clock set back, another's rows.
#include <sqlite3.h>

#include "tests/provision-proxy/store/store_fixture.hh"

namespace holdfast::provision {
namespace {

class StartTest : public StoreTest {
 protected:
  void execute(const std::string& sql) {
    store_.reset();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((config_.directory + "/index.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(db);
  }
};

TEST_F(StartTest, LeftoversGoAndAreCounted) {
  open();
  ASSERT_EQ(put(key_of("/a"), "a"), StoreError::kNone);
  ASSERT_EQ(put(key_of("/b"), "b"), StoreError::kNone);
  const std::string lost = path_of_body(key_of("/b"));
  store_.reset();
  std::filesystem::remove(lost);
  overwrite(config_.directory + "/tmp/17", "half a body");
  const std::string orphan(64, 'f');
  std::filesystem::create_directories(config_.directory + "/bodies/ff");
  overwrite(config_.directory + "/bodies/ff/" + orphan, "nobody's");
  overwrite(config_.directory + "/bodies/ff/not a hash", "somebody's");
  open();
  const auto status = store_->status();
  EXPECT_TRUE(status.swept);
  EXPECT_EQ(status.temporaries_removed, 1U);
  EXPECT_EQ(status.orphans_removed, 1U);
  EXPECT_EQ(status.missing, 1U);
  EXPECT_EQ(status.entries, 1U);
  EXPECT_EQ(current(key_of("/a")), "a");
  EXPECT_TRUE(store_->find(key_of("/b")).empty());
  EXPECT_EQ(files_in("tmp"), 0U);
  EXPECT_FALSE(std::filesystem::exists(config_.directory + "/bodies/ff/" + orphan));
  EXPECT_TRUE(std::filesystem::exists(config_.directory + "/bodies/ff/not a hash"));
}

TEST_F(StartTest, ADamagedIndexIsMovedAsideAndItsBodiesCollected) {
  struct Row {
    const char* name;
    std::string bytes;
  };
  for (const auto& row :
       {Row{"no database", std::string(8192, 'x')},
        Row{"a header alone", std::string("SQLite format 3\0", 16) + std::string(5000, '\xff')}}) {
    SCOPED_TRACE(row.name);
    std::filesystem::remove_all(config_.directory);
    open();
    ASSERT_EQ(put(key_of("/a"), "a"), StoreError::kNone);
    store_.reset();
    std::filesystem::remove(config_.directory + "/index.db-wal");
    overwrite(config_.directory + "/index.db", row.bytes);
    open();
    EXPECT_EQ(store_->status().indexes_replaced, 1U);
    EXPECT_EQ(std::exchange(damaged_, {}), std::vector<std::string>{"index"});
    EXPECT_EQ(store_->status().orphans_removed, 1U);
    EXPECT_EQ(store_->status().entries, 0U);
    EXPECT_EQ(files_in("bodies"), 0U);
    EXPECT_TRUE(std::filesystem::exists(config_.directory + "/index.db.damaged"));
    ASSERT_EQ(put(key_of("/a"), "a"), StoreError::kNone);
    open();
    EXPECT_EQ(current(key_of("/a")), "a");
  }
}

TEST_F(StartTest, AnIndexOfANewerVersionIsNotOverwritten) {
  open();
  execute("PRAGMA user_version = 99");
  open();
  EXPECT_EQ(store_->status().indexes_replaced, 1U);
  EXPECT_TRUE(std::filesystem::exists(config_.directory + "/index.db.damaged"));
}

TEST_F(StartTest, RowsThatMakeNoSenseAreNotBelieved) {
  open();
  ASSERT_EQ(put(key_of("/a"), "a"), StoreError::kNone);
  ASSERT_EQ(put(key_of("/b"), "b"), StoreError::kNone);
  execute("UPDATE entries SET hash = '../../../etc/passwd' WHERE target = '/b'");
  open();
  EXPECT_EQ(store_->status().unusable_rows, 1U);
  EXPECT_TRUE(store_->find(key_of("/b")).empty());
  EXPECT_EQ(current(key_of("/a")), "a");
}

TEST_F(StartTest, AfterTheClockWasSetBackNothingIsBelievedFresh) {
  open();
  ASSERT_EQ(put(key_of("/a"), "a", meta_of(200, "a", unix_ms_)), StoreError::kNone);
  open();
  EXPECT_FALSE(store_->find(key_of("/a")).front()->must_validate);
  unix_ms_ -= 1;
  open();
  EXPECT_TRUE(store_->status().clock_set_back);
  EXPECT_TRUE(store_->find(key_of("/a")).front()->must_validate);
  const auto entry = store_->find(key_of("/a")).front();
  EXPECT_EQ(done_of([&](auto done) { store_->update(entry, meta_of(200, "a", unix_ms_), done); }),
            StoreError::kNone);
  EXPECT_FALSE(store_->find(key_of("/a")).front()->must_validate);
}

TEST_F(StartTest, AStoreThatCannotOpenItsIndexDoesSoLater) {
  open();
  ASSERT_EQ(put(key_of("/a"), "a"), StoreError::kNone);
  store_.reset();
  // A directory in its place cannot be opened, and is no damaged database either.
  std::filesystem::rename(config_.directory + "/index.db", directory_ + "/kept");
  std::filesystem::create_directory(config_.directory + "/index.db");
  ASSERT_EQ(try_open(), "");
  store_->drain();
  EXPECT_EQ(store_->status().state, StoreError::kDiskError);
  EXPECT_EQ(store_->begin_fill()->error(), StoreError::kDiskError);
  std::filesystem::remove(config_.directory + "/index.db");
  std::filesystem::rename(directory_ + "/kept", config_.directory + "/index.db");
  steady_ms_ += config_.retry_ms;
  store_->tick();
  store_->drain();
  EXPECT_EQ(store_->status().state, StoreError::kNone);
  EXPECT_EQ(current(key_of("/a")), "a");
  EXPECT_TRUE(store_->status().swept);
}

TEST_F(StartTest, LowerLimitsEvictAtTheStartButNoGoodCopy) {
  open();
  ASSERT_EQ(put(key_of("/good.cfg"), bytes_of(200'000, 'g'), Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_of("/a"), bytes_of(200'000, 'a')), StoreError::kNone);
  ASSERT_EQ(put(key_of("/b"), bytes_of(200'000, 'b')), StoreError::kNone);
  config_.max_bytes = 450'000;
  open();
  EXPECT_TRUE(store_->find(key_of("/a")).empty());
  EXPECT_EQ(current(key_of("/good.cfg")), brief_of(200'000, 'g'));
  EXPECT_EQ(current(key_of("/b")), brief_of(200'000, 'b'));
  EXPECT_EQ(files_in("bodies"), 2U);
}

TEST_F(StartTest, ADirectoryThatCannotBeUsedIsAnError) {
  std::filesystem::create_directories(directory_);
  overwrite(directory_ + "/file", "");
  config_.directory = directory_ + "/file";
  EXPECT_NE(try_open(), "");
}

TEST_F(StartTest, FetchesAreWrittenDownNowAndThen) {
  open();
  store_->note_fetch(key_of("/a.cfg"), "0004f282e824", "VVX/5.9.7", 200);
  ++unix_ms_;
  store_->note_fetch(key_of("/fw"), "0004f282e824", "VVX/5.9.8", 404);
  steady_ms_ += config_.flush_fetches_ms;
  store_->tick();
  store_->drain();
  open();
  const auto of_key = store_->fetch_log().of(key_of("/a.cfg"));
  ASSERT_EQ(of_key.size(), 1U);
  EXPECT_EQ(of_key[0].user_agent, "VVX/5.9.7");
  EXPECT_EQ(of_key[0].at_ms, 2'000'000);
  EXPECT_EQ(of_key[0].count, 1U);
  const auto phones = store_->fetch_log().phones();
  ASSERT_EQ(phones.size(), 1U);
  EXPECT_EQ(phones[0].fetch.user_agent, "VVX/5.9.8");
  EXPECT_EQ(phones[0].fetch.status, 404);
}

}  // namespace
}  // namespace holdfast::provision
